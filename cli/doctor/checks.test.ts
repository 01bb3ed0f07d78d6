import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ClerkFindings } from '../../api/ask-clerk.ts'
import { readConfig, type Config } from '../../api/config.ts'
import type { Check, State } from './check.ts'
import { checksOf } from './checks.ts'
import type { DataFacts, Facts, FileFacts, RecordFacts, TrailFacts } from './facts.ts'
import { viewsVersion } from '../../session-ends/views-schema.ts'
import type { UserId } from '../../trail/entry.ts'

const NOW = Date.UTC(2026, 10, 23, 12)
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const KEY = { kid: 'ins_1', thumbprint: 'of the key' }
const OTHER_KEY = { kid: 'ins_2', thumbprint: 'of another' }
const JWKS_URL = 'https://clerk.example.com/.well-known/jwks.json'
const API_URL = 'https://api.clerk.com'
const READER_SECRET = 'r'.repeat(32)

const config: Config = readConfig({
  CLERK_PUBLISHABLE_KEY: 'pk_live_Y2xlcmsuZXhhbXBsZS5jb20k',
  CLERK_AUTHORIZED_PARTIES: 'https://app.example.com',
  CLERK_SECRET_KEY: 'sk_live_verySecret',
  CLERK_WEBHOOK_SIGNING_SECRET: `whsec_${'w'.repeat(24)}`,
  READER_API_KEYS: `support:${READER_SECRET}`,
})

const clerk: ClerkFindings = {
  issuer: 'https://clerk.example.com',
  keys: { is: 'fetched', url: JWKS_URL, keys: [KEY], tookMs: 80 },
  secretKey: { is: 'accepted', apiUrl: API_URL, keys: [KEY] },
  clock: { host: 'clerk.example.com', aheadMs: 0 },
}

const trail: TrailFacts = {
  head: { trailId: 'a1', issuer: clerk.issuer, epoch: 0, nextIndex: 1500, schemaVersion: 1 },
  recent: {
    entries: 1500,
    webhooks: {
      'session.created': 600,
      'session.pending': 20,
      'session.ended': 30,
      'session.removed': 400,
      'session.revoked': 3,
      'user.deleted': 2,
      'user.banned': 1,
    },
    lastWebhookAt: NOW - 3 * MINUTE_MS,
  },
}

const records: RecordFacts = {
  position: { trailId: 'a1', epoch: 0, nextIndex: 1500, lastHash: '', unanswered: null },
  behind: 0,
  moves: false,
  rewound: null,
}

const file: FileFacts = { path: 'data/trail.db', is: 'trail', bytes: 1_200_000, mode: 0o600 }
const log: FileFacts = { path: 'data/trail.db-wal', is: 'trail log', bytes: 4_100_000, mode: 0o600 }
const views: FileFacts = { path: 'data/views.db', is: 'records', bytes: 900_000, mode: 0o600 }
const viewsLog: FileFacts = {
  path: 'data/views.db-wal',
  is: 'records log',
  bytes: 3_400_000,
  mode: 0o600,
}

const data: DataFacts = {
  trailPath: 'data/trail.db',
  server: null,
  files: { found: [file, log, views, viewsLog] },
  disk: { found: { freeBytes: 40e9, totalBytes: 100e9 } },
  running: { found: true },
  trail: { found: trail },
  records: { found: records },
  figures: {
    found: {
      coverage: { sessions: 40, ended: 40, unknown: 0 },
      unconfirmed: 0,
      webhookMix: [],
      unanswered: null,
    },
  },
}

interface Change {
  config?: Partial<Config>
  clerk?: Partial<ClerkFindings>
  data?: Partial<DataFacts>
  facts?: Partial<Facts>
}

function factsWith(change: Change = {}): Facts {
  return {
    now: NOW,
    problems: [],
    config: { ...config, ...change.config },
    clerk: { found: { ...clerk, ...change.clerk } },
    data: { ...data, ...change.data },
    ...change.facts,
  }
}

function checkOf(name: string, change: Change): Check {
  const check = checksOf(factsWith(change)).find((one) => one.name === name)
  assert.ok(check, name)
  return check
}

const recent = (given: Partial<TrailFacts['recent']>): Change => ({
  data: { trail: { found: { ...trail, recent: { ...trail.recent, ...given } } } },
})
const head = (given: Partial<TrailFacts['head']>): Change => ({
  data: { trail: { found: { ...trail, head: { ...trail.head, ...given } } } },
})
const recordsWith = (given: Partial<RecordFacts>): Change => ({
  data: { records: { found: { ...records, ...given } } },
})
const silentFor = (ms: number): RecordFacts => ({
  ...records,
  position: { ...records.position, unanswered: { first: NOW - ms, last: NOW } },
})

const development: Change = {
  config: { ...readConfig({}) },
  clerk: { issuer: 'https://development.logout-trail.invalid', keys: null, secretKey: null, clock: null },
}
const gone = { trail: { found: null }, records: { found: null }, figures: { found: null } } as const
const damagedRecords = {
  code: 'views-unusable',
  failed:
    'data/views.db cannot be used (file is not a database); it is made from the trail: run logout-trail rebuild.',
} as const
const tooNew = {
  code: 'trail-too-new',
  failed: 'data/trail.db has schema version 9, this program knows up to 1; use the newer logout-trail.',
} as const

const unseen = { code: null, failed: "EACCES: permission denied, stat 'data/trail.db'" } as const

/** Check, what is different from all being well, what it says, and how its fix begins. */
const cases: [name: string, change: Change, state: State, found: string, fix: string | null][] = [
  ['configuration', development, 'info', 'development mode: no variable of Clerk is set', 'For your own'],
  ['keys', development, 'info', 'development mode: a throw-away key, made at each start', null],
  [
    'keys',
    { clerk: { keys: { is: 'given', keys: [KEY, OTHER_KEY] } } },
    'fine',
    '2 keys of CLERK_JWT_KEY; none is fetched',
    null,
  ],
  [
    'keys',
    { clerk: { keys: { is: 'failed', url: JWKS_URL, why: 'ENOTFOUND' } } },
    'wrong',
    `${JWKS_URL}: ENOTFOUND`,
    'Look at CLERK_PUBLISHABLE_KEY',
  ],
  [
    'keys',
    { clerk: { keys: { is: 'fetched', url: JWKS_URL, keys: [KEY], tookMs: 2100 } } },
    'warning',
    `1 key (ins_1) of ${JWKS_URL}, after 2.1 s`,
    'The service waits 1.5 s.',
  ],
  [
    'authorized parties',
    { config: { clerk: { ...config.clerk, authorizedParties: [] } } },
    'warning',
    'any: CLERK_AUTHORIZED_PARTIES is empty',
    'Set it to the origins',
  ],
  [
    'secret key',
    { clerk: { secretKey: null } },
    'info',
    'not set: sessions that expire stay open in the records',
    'Set CLERK_SECRET_KEY',
  ],
  [
    'secret key',
    { clerk: { secretKey: { is: 'answered', apiUrl: API_URL, status: 401 } } },
    'wrong',
    'refused: GET /v1/jwks of api.clerk.com answered 401',
    'Clerk does not know this key.',
  ],
  [
    'secret key',
    { clerk: { secretKey: { is: 'answered', apiUrl: API_URL, status: 403 } } },
    'wrong',
    'refused: GET /v1/jwks of api.clerk.com answered 403',
    'Clerk knows this key, and does not let it read.',
  ],
  [
    'secret key',
    { clerk: { secretKey: { is: 'answered', apiUrl: API_URL, status: 404 } } },
    'wrong',
    'GET /v1/jwks of api.clerk.com answered 404',
    'That is not an answer of Clerk’s Backend API.',
  ],
  [
    'secret key',
    { clerk: { secretKey: { is: 'answered', apiUrl: API_URL, status: 429 } } },
    'warning',
    'GET /v1/jwks of api.clerk.com answered 429',
    'Clerk asks for patience',
  ],
  [
    'secret key',
    { clerk: { secretKey: { is: 'answered', apiUrl: API_URL, status: 503 } } },
    'warning',
    'GET /v1/jwks of api.clerk.com answered 503',
    'Clerk is not well.',
  ],
  [
    'secret key',
    { clerk: { secretKey: { is: 'failed', apiUrl: API_URL, why: 'no answer within 5 s' } } },
    'wrong',
    'GET /v1/jwks of api.clerk.com: no answer within 5 s',
    'Look at CLERK_API_URL',
  ],
  [
    'secret key',
    { clerk: { secretKey: { is: 'accepted', apiUrl: API_URL, keys: [OTHER_KEY] } } },
    'wrong',
    'accepted, but of another instance: its keys are ins_2, and tokens are verified with ins_1',
    'Copy CLERK_SECRET_KEY and the publishable key',
  ],
  [
    'clock',
    { clerk: { clock: { host: 'clerk.example.com', aheadMs: -2000 } } },
    'fine',
    'as that of clerk.example.com, within 2 s',
    null,
  ],
  [
    'clock',
    { clerk: { clock: { host: 'clerk.example.com', aheadMs: 2001 } } },
    'warning',
    'ahead of that of clerk.example.com by 2.0 s or more',
    'Let this machine keep its clock',
  ],
  [
    'clock',
    { clerk: { clock: { host: 'clerk.example.com', aheadMs: -5001 } } },
    'wrong',
    'behind that of clerk.example.com by 5.0 s or more',
    'Let this machine keep its clock',
  ],
  [
    'clock',
    { clerk: { clock: null, secretKey: null, keys: { is: 'given', keys: [KEY] } } },
    'info',
    'not compared: with CLERK_JWT_KEY and no CLERK_SECRET_KEY nothing is asked of Clerk',
    null,
  ],
  ['clock', { clerk: { clock: null } }, 'info', 'not compared: Clerk did not answer', null],
  [
    'webhook secret',
    { config: { webhookSecrets: [] } },
    'warning',
    'not set: no webhook is accepted',
    'In Clerk’s dashboard',
  ],
  [
    'webhook secret',
    { config: { webhookSecrets: ['whsec_1', 'whsec_2'] } },
    'fine',
    'two are set, as while one is rotated',
    null,
  ],
  [
    'webhooks',
    recent({ entries: 0, webhooks: {}, lastWebhookAt: null }),
    'info',
    'none yet: the trail is empty',
    null,
  ],
  [
    'webhooks',
    recent({ entries: 10_000, webhooks: {}, lastWebhookAt: null }),
    'warning',
    'none among the last 10,000 entries',
    'Clerk’s dashboard, Webhooks',
  ],
  [
    'webhooks',
    { data: { records: { found: silentFor(5 * HOUR_MS) } } },
    'fine',
    'the last was recorded 2026-11-23T11:57:00Z (3 minutes ago)',
    null,
  ],
  [
    'webhooks',
    { data: { records: { found: silentFor(7 * HOUR_MS) } } },
    'warning',
    'none for 7 hours, in which logouts came in; the last was recorded 2026-11-23T11:57:00Z (3 minutes ago)',
    'Clerk’s dashboard, Webhooks',
  ],
  ['webhooks', { data: { trail: tooNew } }, 'info', 'not known: the trail cannot be read', null],
  [
    'webhook events',
    recent({ entries: 19, webhooks: { 'session.created': 19 } }),
    'fine',
    '1 of 7 types seen in all 19 entries; not: session.pending, session.ended, session.removed, session.revoked, user.deleted, user.updated (with a ban)',
    null,
  ],
  [
    'webhook events',
    recent({ entries: 20, webhooks: { 'session.created': 20 } }),
    'warning',
    '1 of 7 types seen in all 20 entries; not: session.pending, session.ended, session.removed, session.revoked, user.deleted, user.updated (with a ban)',
    'Most instances send session.removed:',
  ],
  [
    'webhook events',
    recent({ entries: 40, webhooks: { 'session.created': 20, 'session.ended': 20 } }),
    'info',
    '2 of 7 types seen in all 40 entries; not: session.pending, session.removed, session.revoked, user.deleted, user.updated (with a ban)',
    'Most instances send session.removed:',
  ],
  ['service', { data: { running: { found: false } } }, 'info', 'not running', null],
  [
    'trail',
    { data: { trail: unseen } },
    'wrong',
    "EACCES: permission denied, stat 'data/trail.db'",
    'Run doctor as the user that the service runs as',
  ],
  ['permissions', { data: { files: unseen } }, 'info', 'not known: the files cannot be seen', null],
  [
    'trail',
    { data: { ...gone, files: { found: [] }, running: { found: false } } },
    'info',
    'none yet at data/trail.db: the first start of the service begins it',
    null,
  ],
  [
    'trail',
    { data: { ...gone, files: { found: [] } } },
    'wrong',
    'data/trail.db is gone while the service runs',
    'Put the file back',
  ],
  [
    'trail',
    { data: { ...gone, files: { found: [log] }, running: { found: false } } },
    'wrong',
    'data/trail.db is missing, but its write-ahead log is there',
    'Restore a backup',
  ],
  [
    'trail',
    { data: { trail: tooNew } },
    'wrong',
    'data/trail.db has schema version 9, this program knows up to 1',
    'Use the newer logout-trail.',
  ],
  [
    'trail',
    head({ issuer: 'https://clerk.other.com' }),
    'wrong',
    'data/trail.db is of https://clerk.other.com, and Clerk is configured as https://clerk.example.com',
    'Give another Clerk instance a trail of its own',
  ],
  [
    'session records',
    { data: { records: damagedRecords } },
    'wrong',
    'data/views.db cannot be used (file is not a database)',
    'It is made from the trail: run logout-trail rebuild.',
  ],
  [
    'session records',
    { data: { records: { found: null } } },
    'warning',
    `data/views.db is empty, or of another version than ${viewsVersion}`,
    'Start the service, which makes the records anew',
  ],
  [
    'session records',
    { data: { records: { found: null }, files: { found: [file] } } },
    'warning',
    'none, beside a trail with entries',
    'Start the service',
  ],
  [
    'session records',
    { data: { ...recordsWith({ behind: 12 }).data, running: { found: false } } },
    'warning',
    `of 1,500 entries, version ${viewsVersion}, 12 entries behind the trail`,
    'Start the service',
  ],
  [
    'session records',
    recordsWith({ behind: 12, moves: true }),
    'fine',
    `of 1,500 entries, version ${viewsVersion}, 12 entries behind the trail, and catching up`,
    null,
  ],
  [
    'session records',
    recordsWith({ behind: 12 }),
    'wrong',
    `of 1,500 entries, version ${viewsVersion}, 12 entries behind the trail, and standing still although the service runs`,
    'The log of the service says why.',
  ],
  [
    'session records',
    recordsWith({ rewound: 'The session records were made from 9 entries. If you restored …' }),
    'wrong',
    'The session records were made from 9 entries',
    'If a backup was restored on purpose: logout-trail rebuild --accept-restore.',
  ],
  [
    'coverage',
    { data: { figures: { found: { ...figuresOf(40, 38), unconfirmed: 0 } } } },
    'info',
    '95.0 %: of 40 sessions that must be over, 38 have an end',
    'logout-trail coverage lists the others.',
  ],
  [
    'unconfirmed',
    { data: { figures: { found: { ...figuresOf(40, 38), unconfirmed: 1 } } } },
    'info',
    '1 logout asked for over 10 minutes ago, not confirmed by Clerk',
    'Sessions live on when a browser was offline',
  ],
  [
    'permissions',
    { data: { files: { found: [{ ...file, mode: 0o644 }, log, { ...views, mode: 0o640 }] } } },
    'warning',
    'others may use data/trail.db (644), data/views.db (640)',
    'The trail names people: chmod 600 data/trail.db data/views.db',
  ],
  [
    'disk',
    { data: { disk: { found: { freeBytes: 1e9, totalBytes: 10e9 } } } },
    'warning',
    '1.0 GB free (10 %), trail 5.3 MB, records 4.3 MB',
    'Make room',
  ],
  [
    'disk',
    { data: { disk: { found: { freeBytes: 4e9, totalBytes: 100e9 } } } },
    'warning',
    '4.0 GB free (4 %), trail 5.3 MB, records 4.3 MB',
    'Make room',
  ],
  [
    'write-ahead log',
    { data: { files: { found: [{ ...log, bytes: 64 * 1024 ** 2 + 1 }] } } },
    'warning',
    'data/trail.db-wal has 67.1 MB',
    'Something keeps it from being taken into the trail',
  ],
  [
    'write-ahead log',
    { data: { files: { found: [{ ...log, bytes: 64 * 1024 ** 2 }] } } },
    'fine',
    '67.1 MB',
    null,
  ],
  [
    'logout endpoint',
    { config: { logoutEndpoint: false } },
    'info',
    'off: DELETE /v1/auth/session does not exist',
    null,
  ],
  [
    'audit required',
    { config: { auditRequired: true } },
    'info',
    'on: a logout that could not be recorded is answered 503',
    null,
  ],
  ['addresses', { config: { ipPolicy: 'drop' } }, 'info', 'drop: no address is kept', null],
  ['readers', { config: { readerKeys: [] } }, 'info', 'none: nobody may read over HTTP', null],
  [
    'readers',
    { config: { readerUserIds: ['user_2a' as UserId, 'user_2b' as UserId] } },
    'info',
    '1 key: support; 2 Clerk users: user_2a, user_2b',
    null,
  ],
]

function figuresOf(sessions: number, ended: number) {
  return { coverage: { sessions, ended, unknown: 0 }, unconfirmed: 0, webhookMix: [], unanswered: null }
}

describe('the checks', () => {
  it('find nothing to complain of when all is well, and say what they found', () => {
    const said = checksOf(factsWith()).map(({ name, state, found, fix }) => [name, state, found, fix])
    assert.deepEqual(said, [
      ['configuration', 'fine', 'each variable can be read', null],
      ['issuer', 'info', 'https://clerk.example.com', null],
      ['keys', 'fine', `1 key (ins_1) of ${JWKS_URL}`, null],
      ['authorized parties', 'fine', 'https://app.example.com', null],
      ['secret key', 'fine', 'accepted by GET /v1/jwks of api.clerk.com', null],
      ['clock', 'fine', 'as that of clerk.example.com, within 2 s', null],
      ['webhook secret', 'fine', 'set, in the form whsec_…', null],
      ['webhooks', 'fine', 'the last was recorded 2026-11-23T11:57:00Z (3 minutes ago)', null],
      ['webhook events', 'fine', '7 of 7 types seen in all 1,500 entries', null],
      ['service', 'info', 'running: it holds data/trail.db.lock', null],
      ['trail', 'fine', '1,500 entries in data/trail.db, schema version 1, epoch 0, id a1', null],
      ['session records', 'fine', `of 1,500 entries, version ${viewsVersion}, not behind the trail`, null],
      ['coverage', 'info', '100.0 %: of 40 sessions that must be over, 40 have an end', null],
      ['unconfirmed', 'info', 'none', null],
      ['permissions', 'fine', 'the files are for their own user only', null],
      ['disk', 'fine', '40.0 GB free (40 %), trail 5.3 MB, records 4.3 MB', null],
      ['write-ahead log', 'fine', '4.1 MB', null],
      ['logout endpoint', 'info', 'on', null],
      [
        'audit required',
        'info',
        'off: every logout is answered 200; Logout-Record says how sure it is',
        null,
      ],
      ['addresses', 'info', 'truncate: the network is kept (/24 of IPv4, /48 of IPv6)', null],
      ['allowed origins', 'info', 'none: pages of the same origin only', null],
      ['readers', 'info', '1 key: support', null],
    ])
  })

  for (const [name, change, state, found, fix] of cases) {
    it(`say of ${name}, as ${state}: ${found}`, () => {
      const check = checkOf(name, change)
      assert.deepEqual([check.state, check.found], [state, found])
      assert.equal(fix === null ? check.fix : check.fix?.slice(0, fix.length), fix)
    })
  }

  it('name what to do about everything that is wrong or a warning', () => {
    const all = cases.map(([name, change]) => checkOf(name, change))
    const silent = all.filter(({ state, fix }) => (state === 'wrong' || state === 'warning') && !fix)
    assert.deepEqual(silent, [])
  })

  it('list each problem of the configuration, and leave out what a wrong variable is about', () => {
    const problems = [
      { variable: 'PORT', problem: '"x" is not a port.' },
      { variable: 'CLERK_SECRET_KEY_FILE', problem: 'The file cannot be read.' },
    ]
    const checks = checksOf(factsWith({ facts: { problems } }))
    assert.deepEqual(checks[0], {
      name: 'configuration',
      state: 'wrong',
      found: '2 problems; the service does not start',
      fix: 'PORT: "x" is not a port.\nCLERK_SECRET_KEY_FILE: The file cannot be read.',
    })
    assert.equal(
      checks.find(({ name }) => name === 'secret key')?.found,
      'not looked at: CLERK_SECRET_KEY is wrong, see configuration',
    )
    assert.equal(checks.find(({ name }) => name === 'keys')?.state, 'fine')
  })

  it('go on with the files when there is no configuration', () => {
    const problems = [{ variable: 'CLERK_PUBLISHABLE_KEY', problem: 'It is missing.' }]
    const checks = checksOf(factsWith({ facts: { problems, config: null, clerk: null } }))
    assert.equal(
      checks.find(({ name }) => name === 'authorized parties')?.found,
      'not looked at: see configuration',
    )
    assert.equal(checks.find(({ name }) => name === 'trail')?.state, 'fine')
  })
})
