import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { entryWith, sessionEntry } from '../test/entries.ts'
import { intents, kinds, type Entry, type Kind, type OrgId, type UserId } from '../trail/entry.ts'
import { factsOf, isAboutASession, join, type SessionEntry } from './facts.ts'
import {
  CONFIRM_WITHIN_MS,
  recordOf,
  REPORTED_WITHIN_MS,
  type SessionRecord,
  type UserEnd,
} from './record.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

/** Small numbers of seconds, so that times meet. */
const times = fc
  .tuple(fc.integer({ min: 0, max: 12 }), fc.constantFrom(0, 0, 0, REPORTED_WITHIN_MS, CONFIRM_WITHIN_MS))
  .map(([at, later]) => at * 500 + later + 1_000_000)
const perhaps = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })

const entries: fc.Arbitrary<SessionEntry> = fc
  .record({
    kind: fc.constantFrom(...kinds.filter((kind) => !/^(trail|user)\./.test(kind))),
    occurred_at: times,
    user_id: perhaps(fc.constant('user_1' as UserId)),
    client_id: perhaps(fc.constant('client_1')),
    actor_id: perhaps(fc.constantFrom('user_support', 'user_other')),
    org_id: perhaps(fc.constantFrom('org_1' as OrgId, 'org_2' as OrgId)),
    intent: perhaps(fc.constantFrom(...intents)),
    token_iat: perhaps(times.map((at) => Math.floor(at / 1000))),
    session_created_at: perhaps(times),
    session_last_active_at: perhaps(times),
    session_expire_at: perhaps(times),
    session_abandon_at: perhaps(times),
    swept: fc.boolean(),
  })
  .map(({ swept, ...given }) => {
    const isRequest = given.kind === 'logout.requested'
    const bySweepOnly = !/created|pending|ended|removed|revoked/.test(given.kind)
    const mayBeSwept = /ended|removed|revoked/.test(given.kind) && swept
    const source = isRequest ? 'api' : bySweepOnly || mayBeSwept ? 'sweep' : 'webhook'
    return sessionEntry({ ...given, intent: isRequest ? given.intent : null, source })
  })

const userEnds: fc.Arbitrary<UserEnd[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('user.deleted' as const, 'user.banned' as const),
    occurred_at: times,
  }),
  { maxLength: 3 },
)

const histories = fc.record({
  history: fc.array(entries, { minLength: 1, maxLength: 8 }),
  ends: userEnds,
  now: fc.constantFrom(1_000_000, 1_006_000, 1_000_000 + 2 * CONFIRM_WITHIN_MS),
})

function merged(history: readonly SessionEntry[], ends: readonly UserEnd[], now: number): SessionRecord {
  return recordOf(history.map(factsOf).reduce(join), ends, now)
}

describe('the merge', () => {
  it('gives the same record for every order and repetition of the same entries', () => {
    const shuffled = histories.chain((given) =>
      fc.record({
        given: fc.constant(given),
        order: fc.shuffledSubarray([...given.history, ...given.history], {
          minLength: given.history.length * 2,
        }),
        ends: fc.shuffledSubarray([...given.ends, ...given.ends], { minLength: given.ends.length * 2 }),
        extra: fc.subarray(given.history),
      }),
    )
    fc.assert(
      fc.property(shuffled, ({ given, order, ends, extra }) => {
        const expected = merged(given.history, given.ends, given.now)
        assert.deepEqual(merged([...order, ...extra], ends, given.now), expected)
      }),
      { numRuns: 2000 },
    )
  })

  it('gives the same facts however the entries are put together', () => {
    fc.assert(
      fc.property(fc.array(entries, { minLength: 3, maxLength: 3 }), (three) => {
        const [a, b, c] = three.map(factsOf)
        assert.ok(a && b && c)
        assert.deepEqual(join(a, join(b, c)), join(join(a, b), c))
        assert.deepEqual(join(a, b), join(b, a))
        assert.deepEqual(join(a, a), a)
      }),
      { numRuns: 2000 },
    )
  })

  it('agrees with the table of rules on random histories', () => {
    fc.assert(
      fc.property(histories, ({ history, ends, now }) => {
        const { sentence: _, ...record } = merged(history, ends, now)
        assert.deepEqual(record, byTheTable(history, ends, now))
      }),
      { numRuns: 5000 },
    )
  })

  it('never gives a negative time, and an end within its bounds', () => {
    fc.assert(
      fc.property(histories, ({ history, ends, now }) => {
        const record = merged(history, ends, now)
        assert.ok(record.duration_ms === null || record.duration_ms >= 0)
        const { ended_at, ended_at_earliest: earliest, ended_at_latest: latest } = record
        if (earliest !== null && latest !== null) assert.ok(earliest <= latest)
        if (ended_at !== null && earliest !== null) assert.ok(earliest <= ended_at)
        if (ended_at !== null && latest !== null) assert.ok(ended_at <= latest)
        const lastTold = Math.max(...[...history, ...ends].map(({ occurred_at }) => occurred_at))
        assert.ok((latest ?? -Infinity) <= lastTold, 'in the future')
        assert.equal(record.state === 'ended', latest !== null)
        assert.equal(record.state === 'ended', record.reason !== null)
        assert.equal(record.state === 'ended', record.confidence !== null)
      }),
      { numRuns: 2000 },
    )
  })
})

/** DESIGN §4, read aloud: slow, and without the facts. */
function byTheTable(
  history: readonly Entry[],
  ends: readonly UserEnd[],
  now: number,
): Omit<SessionRecord, 'sentence'> {
  const of = (...wanted: Kind[]) =>
    history.filter(({ kind }) => wanted.includes(kind)).toSorted((a, b) => a.occurred_at - b.occurred_at)
  const all = <T>(pick: (entry: Entry) => T | null) => history.map(pick).filter((value) => value !== null)
  const numbers = (pick: (entry: Entry) => number | null) => all(pick).toSorted((a, b) => a - b)

  const starts = numbers((e) => e.session_created_at ?? (e.kind === 'session.created' ? e.occurred_at : null))
  const life = numbers((e) => {
    const told = ['session.created', 'session.pending', 'session.still-active'].includes(e.kind)
    const known = [
      told ? e.occurred_at : null,
      e.token_iat === null ? null : e.token_iat * 1000,
      e.session_created_at,
      e.session_last_active_at,
    ].filter((value) => value !== null)
    return known.length > 0 ? Math.max(...known) : null
  })
  const started_at = starts[0] ?? null
  const alive = life.at(-1) ?? null
  const expire = numbers((e) => e.session_expire_at).at(-1) ?? null
  const abandon = numbers((e) => e.session_abandon_at).at(-1) ?? null
  const requests = of('logout.requested').toSorted(
    (a, b) =>
      a.occurred_at - b.occurred_at ||
      (a.intent ?? '').localeCompare(b.intent ?? '') ||
      (a.actor_id ?? '').localeCompare(b.actor_id ?? ''),
  )
  const [firstRequest] = requests
  const orgs = history
    .filter(({ org_id }) => org_id !== null)
    .toSorted((a, b) => a.occurred_at - b.occurred_at || (a.org_id ?? '').localeCompare(b.org_id ?? ''))
  const actors = history
    .filter(({ kind }) => kind !== 'logout.requested')
    .flatMap(({ actor_id }) => actor_id ?? [])
    .toSorted()
  const outlived = ({ occurred_at }: { occurred_at: number }) =>
    alive !== null && Math.floor(alive / 1000) > Math.floor(occurred_at / 1000)
  const [account] = ends
    .filter((end) => !outlived(end))
    .toSorted((a, b) => a.occurred_at - b.occurred_at || a.kind.localeCompare(b.kind))

  // A webhook has the moment of the end; the sweep only that of its question.
  const first = (...wanted: Kind[]) =>
    of(...wanted).find(({ source }) => source === 'webhook') ?? of(...wanted)[0]
  const when = (report: Entry | undefined) => (report?.source === 'sweep' ? 'bounds' : 'told')
  const revoked = first('session.revoked')
  const signedOut = first('session.removed', 'session.ended')
  const rules = [
    [revoked, 'revoked', null, 'confirmed', when(revoked)],
    [signedOut, 'signed-out', 'by request', 'confirmed', when(signedOut)],
    [of('session.expired', 'session.abandoned')[0], 'either', 'policy', 'confirmed', 'limit'],
    [of('session.replaced')[0], 'replaced', 'system', 'confirmed', 'bounds'],
    [
      account,
      account?.kind === 'user.deleted' ? 'account-deleted' : 'account-banned',
      null,
      'inferred',
      'told',
    ],
    [of('session.unknown').findLast((report) => !outlived(report)), 'unknown', null, 'inferred', 'bounds'],
  ] as const
  const rule = rules.find(([report]) => report !== undefined)
  const [report, word, by, confidence, time] = rule ?? []
  // Of two reports at the same moment the table names none: the word that comes first.
  const limits = of('session.expired', 'session.abandoned')
  const isAbandoned = limits.some(
    (it) => it.kind === 'session.abandoned' && it.occurred_at === limits[0]?.occurred_at,
  )
  const reason = word === 'either' ? (isAbandoned ? 'abandoned' : 'expired') : (word ?? null)
  const limit = isAbandoned ? abandon : expire
  // What Clerk says is over did not end later than it said so.
  const stated = report && limit !== null && limit <= report.occurred_at ? limit : null
  const ended_at = time === 'told' ? (report?.occurred_at ?? null) : time === 'limit' ? stated : null
  const latest =
    ended_at ?? (report ? Math.min(report.occurred_at, expire ?? Infinity, abandon ?? Infinity) : null)
  const earliest = ended_at ?? (alive === null || latest === null ? null : Math.min(alive, latest))
  const state = report ? 'ended' : firstRequest ? 'requested' : 'open'
  // A click leads to an end within ten minutes, and is heard of at most ten seconds after it.
  const fromEnd = ({ occurred_at: at }: Entry) =>
    at < (earliest ?? -Infinity) ? (earliest ?? 0) - at : Math.max(0, at - (latest ?? Infinity))
  const nearEnd = [firstRequest, requests.at(-1)]
    .filter((one) => one !== undefined)
    .filter((one) => one.occurred_at >= (earliest ?? -Infinity) - 10 * MINUTE_MS)
    .filter((one) => one.occurred_at <= (latest ?? Infinity) + 10_000)
  const [nearest] = nearEnd.toSorted((a, b) => fromEnd(a) - fromEnd(b))
  const request = report ? nearest : firstRequest
  const byRequest = request?.actor_id ? 'admin' : request?.intent === 'idle' ? 'policy' : 'user'
  return {
    session_id: history[0]?.session_id as SessionRecord['session_id'],
    user_id: all((e) => e.user_id)[0] ?? null,
    org_id: orgs.at(-1)?.org_id ?? null,
    client_id: all((e) => e.client_id)[0] ?? null,
    actor_id: actors[0] ?? request?.actor_id ?? null,
    state,
    started_at,
    requested_at: firstRequest?.occurred_at ?? null,
    ended_at,
    ended_at_earliest: earliest,
    ended_at_latest: latest,
    duration_ms: started_at === null || ended_at === null ? null : Math.max(0, ended_at - started_at),
    reason,
    initiator: by === 'by request' ? byRequest : (by ?? null),
    confidence: confidence ?? null,
    intent: request?.intent ?? null,
    unconfirmed: state === 'requested' && now - (firstRequest?.occurred_at ?? now) > 10 * MINUTE_MS,
  }
}

const T0 = Date.UTC(2026, 10, 20, 12)
const begun = sessionEntry({
  kind: 'session.created',
  occurred_at: T0,
  session_created_at: T0,
  session_expire_at: T0 + 7 * DAY_MS,
  session_abandon_at: T0 + 30 * DAY_MS,
})
const asked = (given: Partial<Entry> = {}) =>
  sessionEntry({
    kind: 'logout.requested',
    source: 'api',
    occurred_at: T0 + MINUTE_MS,
    token_iat: T0 / 1000 + 30,
    ...given,
  })
const told = (kind: Kind, given: Partial<Entry> = {}) =>
  sessionEntry({ kind, occurred_at: T0 + 2 * MINUTE_MS, ...given })
const banned: UserEnd = { kind: 'user.banned', occurred_at: T0 + 3 * MINUTE_MS }
const deleted: UserEnd = { kind: 'user.deleted', occurred_at: T0 + 3 * MINUTE_MS }

describe('the sentence', () => {
  const soon = T0 + 2 * MINUTE_MS
  const later = T0 + DAY_MS
  const table: [SessionEntry[], UserEnd[], number, string][] = [
    [[begun], [], later, 'Nothing says that this session is over.'],
    [[begun, told('session.still-active')], [], later, 'Nothing says that this session is over.'],
    [[begun, asked()], [], soon, 'The user asked to log out; Clerk has not confirmed it yet.'],
    [
      [begun, asked({ intent: 'idle' })],
      [],
      soon,
      'The app asked to log out because the user was idle; Clerk has not confirmed it yet.',
    ],
    [
      [begun, asked()],
      [],
      later,
      'The user asked to log out, but Clerk has not confirmed it: the session may still be active.',
    ],
    [
      [begun, asked(), told('session.still-active', { occurred_at: T0 + 20 * MINUTE_MS })],
      [],
      later,
      'The user asked to log out, but when Clerk was asked later the session was still active.',
    ],
    [
      [
        begun,
        asked(),
        told('session.still-active', { occurred_at: T0 + 20 * MINUTE_MS }),
        asked({ occurred_at: T0 + 60 * MINUTE_MS }),
      ],
      [],
      later,
      'The user asked to log out, but Clerk has not confirmed it: the session may still be active.',
    ],
    [
      [begun, asked({ actor_id: 'user_support' })],
      [],
      soon,
      'Somebody who acted for the user asked to log out; Clerk has not confirmed it yet.',
    ],
    [[begun, asked(), told('session.removed')], [], later, 'Signed out by the user; confirmed by Clerk.'],
    [[begun, asked(), told('session.ended')], [], later, 'Signed out by the user; confirmed by Clerk.'],
    [
      [begun, asked({ intent: 'idle' }), told('session.removed')],
      [],
      later,
      'Signed out because the user was idle; confirmed by Clerk.',
    ],
    [
      [begun, asked({ intent: 'switch-account' }), told('session.removed')],
      [],
      later,
      'Signed out by the user, to use another account; confirmed by Clerk.',
    ],
    [
      [begun, asked({ intent: 'security' }), told('session.removed')],
      [],
      later,
      'Signed out by the user, for security; confirmed by Clerk.',
    ],
    [
      [begun, asked({ actor_id: 'user_support' }), told('session.removed')],
      [],
      later,
      'Signed out by somebody who acted for the user; confirmed by Clerk.',
    ],
    [
      [begun, told('session.removed')],
      [],
      later,
      'Signed out; our button did not report it; confirmed by Clerk.',
    ],
    [
      [begun, told('session.removed'), asked({ intent: 'idle', occurred_at: T0 + 2.5 * MINUTE_MS })],
      [],
      later,
      'Signed out; our button reported a logout at another time; confirmed by Clerk.',
    ],
    [
      [
        begun,
        asked({ actor_id: 'user_support' }),
        told('session.removed', { occurred_at: T0 + 5 * DAY_MS }),
        asked({ intent: 'security', occurred_at: T0 + 5 * DAY_MS + 3000 }),
      ],
      [],
      later,
      'Signed out by the user, for security; confirmed by Clerk.',
    ],
    [
      [begun, told('session.revoked')],
      [],
      later,
      'Revoked by the application, an administrator or the user on another device; confirmed by Clerk.',
    ],
    [
      [begun, asked(), told('session.revoked'), told('session.removed')],
      [],
      later,
      'The user asked to log out, and the session was revoked; confirmed by Clerk.',
    ],
    [
      [begun, asked(), told('session.revoked', { occurred_at: T0 + DAY_MS })],
      [],
      later,
      'A logout was asked for, and the session was revoked; confirmed by Clerk.',
    ],
    [
      [begun, told('session.expired')],
      [],
      later,
      'Expired at the end of its longest time; confirmed by Clerk.',
    ],
    [
      [begun, asked(), told('session.expired')],
      [],
      later,
      'Expired at the end of its longest time, although a logout was asked for; confirmed by Clerk.',
    ],
    [
      [
        begun,
        told('session.expired', { occurred_at: T0 + 8 * DAY_MS }),
        asked({ occurred_at: T0 + 7 * DAY_MS + 60 * MINUTE_MS, token_state: 'expired' }),
      ],
      [],
      later,
      'Expired at the end of its longest time; confirmed by Clerk.',
    ],
    [
      [begun, told('session.abandoned')],
      [],
      later,
      'Ended because it was not used for too long; confirmed by Clerk.',
    ],
    [
      [begun, told('session.replaced')],
      [],
      later,
      'Replaced by another session in the same browser; confirmed by Clerk.',
    ],
    [
      [begun, asked(), told('session.replaced')],
      [],
      later,
      'The user asked to log out, and the session was replaced by another in the same browser; confirmed by Clerk.',
    ],
    [
      [begun, asked()],
      [deleted],
      later,
      'The user asked to log out, and then the account was deleted; Clerk did not say which of them ended this session.',
    ],
    [
      [begun, asked({ occurred_at: T0 + 4 * MINUTE_MS, token_iat: T0 / 1000 + 170 })],
      [banned],
      later,
      'Ended when the account was banned; Clerk did not say so of this session.',
    ],
    [[begun], [deleted], later, 'Ended when the account was deleted; Clerk did not say so of this session.'],
    [[begun], [banned], later, 'Ended when the account was banned; Clerk did not say so of this session.'],
    [
      [begun, told('session.unknown')],
      [],
      later,
      'Clerk no longer has this session: it is probably over, and nobody knows how.',
    ],
    [
      [begun, asked({ intent: 'idle' }), told('session.unknown')],
      [],
      later,
      'The app asked to log out because the user was idle, and Clerk no longer has this session: it is probably over.',
    ],
  ]
  for (const [history, ends, now, sentence] of table) {
    const what = [...history.map(({ kind }) => kind), ...ends.map(({ kind }) => kind)].join(', ')
    it(`of ${what} is: ${sentence}`, () => {
      assert.equal(merged(history, ends, now).sentence, sentence)
    })
  }

  it('never says confirmed of what is not, never a raw word, never a number', () => {
    fc.assert(
      fc.property(histories, ({ history, ends, now }) => {
        const { sentence, confidence } = merged(history, ends, now)
        assert.equal(sentence.includes('confirmed by Clerk'), confidence === 'confirmed', sentence)
        assert.doesNotMatch(sentence, /\d|null|undefined|[a-z]-[a-z]+ed|session\.[a-z]|_/)
        assert.match(sentence, /^[A-Z].*\.$/)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('an end of the account', () => {
  it('ends a session that was begun before, and none that began after it', () => {
    assert.equal(merged([begun], [banned], T0).reason, 'account-banned')
    const after = sessionEntry({ kind: 'session.created', occurred_at: T0 + 5 * MINUTE_MS })
    assert.equal(merged([after], [banned], T0).state, 'open')
  })

  it('ends no session that Clerk says was active later', () => {
    const lives = told('session.still-active', { occurred_at: T0 + 4 * MINUTE_MS })
    assert.equal(merged([begun, lives], [banned], T0).state, 'open')
  })

  it('counts for less than what Clerk says of the session, and for more than that it is unknown', () => {
    assert.equal(merged([begun, told('session.replaced')], [deleted], T0).reason, 'replaced')
    assert.equal(merged([begun, told('session.unknown')], [deleted], T0).reason, 'account-deleted')
  })

  it('in the second in which the session began ends it: Clerk’s times may be whole seconds', () => {
    const created = sessionEntry({ kind: 'session.created', occurred_at: T0 + 900 })
    const end: UserEnd = { kind: 'user.deleted', occurred_at: T0 }
    const record = merged([created], [end], T0)
    assert.equal(record.reason, 'account-deleted')
    assert.equal(record.duration_ms, 0)
  })
})

describe('that Clerk does not know a session', () => {
  const unknown = told('session.unknown')
  const hour = 60 * MINUTE_MS

  it('ends it, unless it is said to have lived later', () => {
    assert.equal(merged([begun, unknown], [], T0).reason, 'unknown')
    for (const life of [
      told('session.still-active', { occurred_at: T0 + hour }),
      asked({ occurred_at: T0 + hour, token_iat: (T0 + hour) / 1000 }),
      told('session.pending', { occurred_at: T0 + hour }),
    ]) {
      assert.notEqual(merged([begun, unknown, life], [], T0).state, 'ended', life.kind)
    }
  })

  it('ends it when that was said again after it lived', () => {
    const lived = told('session.still-active', { occurred_at: T0 + hour })
    const again = told('session.unknown', { occurred_at: T0 + 2 * hour })
    assert.equal(merged([begun, unknown, lived, again], [], T0).reason, 'unknown')
  })
})

describe('what the sweep was told', () => {
  it('ended no later than Clerk said so: of a later moment only the bounds are known', () => {
    const record = merged([begun, told('session.abandoned', { source: 'sweep' })], [], T0)
    assert.equal(record.reason, 'abandoned')
    assert.equal(record.ended_at, null)
    assert.equal(record.duration_ms, null)
    assert.equal(record.ended_at_earliest, T0)
    assert.equal(record.ended_at_latest, T0 + 2 * MINUTE_MS)
  })
})

describe('who ended it', () => {
  const removed = told('session.removed')
  const by = (...requests: SessionEntry[]) => {
    const { initiator, intent, actor_id } = merged([begun, removed, ...requests], [], T0)
    return { initiator, intent, actor_id }
  }
  const at = (ms: number, given: Partial<Entry> = {}) =>
    asked({ occurred_at: T0 + 2 * MINUTE_MS + ms, ...given })

  it('is said by a request from ten minutes before the end to ten seconds after it', () => {
    const idle = { initiator: 'policy', intent: 'idle', actor_id: null }
    for (const ms of [-CONFIRM_WITHIN_MS, -1, 0, REPORTED_WITHIN_MS]) {
      assert.deepEqual(by(at(ms, { intent: 'idle' })), idle, String(ms))
    }
    const nobody = { initiator: 'user', intent: null, actor_id: null }
    for (const ms of [-CONFIRM_WITHIN_MS - 1, REPORTED_WITHIN_MS + 1, 30_000, DAY_MS]) {
      assert.deepEqual(by(at(ms, { intent: 'idle', actor_id: 'user_support' })), nobody, String(ms))
    }
  })

  it('is said by the nearer of the earliest and the latest request', () => {
    const support = at(-5 * MINUTE_MS, { actor_id: 'user_support' })
    const user = at(-1000, { intent: 'user' })
    assert.deepEqual(by(support, user), { initiator: 'user', intent: 'user', actor_id: null })
    assert.deepEqual(by(user, at(8000, { intent: 'idle' })).initiator, 'user')
  })
})

it('an entry of the account is about no session', () => {
  assert.equal(isAboutASession(entryWith({ kind: 'user.banned' })), false)
})
