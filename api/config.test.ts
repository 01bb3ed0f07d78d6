import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { testClerk } from '../test/clerk-instance.ts'
import {
  ConfigError,
  examineConfig,
  fileTwins,
  readConfig,
  readDatabase,
  variables,
  type Environment,
} from './config.ts'

const clerk = testClerk()
const CLERK = { CLERK_PUBLISHABLE_KEY: clerk.publishableKey }

function problemsOf(environment: Environment): Record<string, string> {
  try {
    readConfig(environment)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return Object.fromEntries(error.problems.map(({ variable, problem }) => [variable, problem]))
  }
  return {}
}

describe('the configuration', () => {
  it('needs one variable', () => {
    assert.deepEqual(readConfig(CLERK), {
      port: 8787,
      host: '127.0.0.1',
      database: { engine: 'sqlite', path: 'data/trail.db' },
      clerk: {
        publishableKey: clerk.publishableKey,
        issuer: undefined,
        jwtKey: undefined,
        jwksUrl: undefined,
        authorizedParties: [],
      },
      sweep: null,
      webhookSecrets: [],
      webhookSilenceHours: 6,
      logoutEndpoint: true,
      auditRequired: false,
      expiredTokenMaxAgeHours: 24,
      allowedOrigins: [],
      trustedProxies: [],
      ipPolicy: 'truncate',
      readerKeys: [],
      readerUserIds: [],
      metricsOpen: false,
      logLevel: 'info',
    })
  })

  it('takes the publishable key by the name that Next.js gives it', () => {
    const config = readConfig({ NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY: clerk.publishableKey })

    assert.equal(config.clerk?.publishableKey, clerk.publishableKey)
  })

  it('is development mode when no variable of Clerk is set, with a trail of its own', () => {
    const config = readConfig({})

    assert.equal(config.clerk, null)
    assert.deepEqual(config.database, { engine: 'sqlite', path: 'data/dev-trail.db' })
  })

  it('is not development mode when any variable of Clerk is set, also one that is not read here', () => {
    assert.match(
      problemsOf({ CLERK_SECRET_KEY: 'sk_test_1' })['CLERK_PUBLISHABLE_KEY'] ?? '',
      /^It is missing/,
    )
  })

  it('refuses development mode in production and beyond loopback, naming CLERK_PUBLISHABLE_KEY', () => {
    assert.match(problemsOf({ NODE_ENV: 'production' })['CLERK_PUBLISHABLE_KEY'] ?? '', /NODE_ENV=production/)
    assert.match(problemsOf({ HOST: '0.0.0.0' })['CLERK_PUBLISHABLE_KEY'] ?? '', /HOST=0\.0\.0\.0/)
    assert.deepEqual(problemsOf({ HOST: '::1' }), {})
  })

  it('refuses a secret key of another kind of instance than the publishable key, naming both', () => {
    const live = clerk.publishableKey.replace('pk_test_', 'pk_live_')
    assert.deepEqual(problemsOf({ CLERK_PUBLISHABLE_KEY: live, CLERK_SECRET_KEY: 'sk_test_1' }), {
      CLERK_SECRET_KEY:
        'It is of a development instance, and CLERK_PUBLISHABLE_KEY of a production instance; copy both from the same one.',
    })
    assert.match(
      problemsOf({ ...CLERK, CLERK_SECRET_KEY: 'sk_live_1' })['CLERK_SECRET_KEY'] ?? '',
      /same one/,
    )
    assert.deepEqual(problemsOf({ ...CLERK, CLERK_SECRET_KEY: 'sk_test_1' }), {})
    assert.deepEqual(problemsOf({ CLERK_ISSUER: clerk.issuer, CLERK_SECRET_KEY: 'sk_live_1' }), {})
  })

  it('refuses an address of the Backend API with a path', () => {
    const problems = (url: string) => problemsOf({ ...CLERK, CLERK_API_URL: url })
    assert.deepEqual(problems('https://api.clerk.com/v1'), {
      CLERK_API_URL: '"https://api.clerk.com/v1" has a path; /v1 is added to it, so end it with the host.',
    })
    for (const url of ['https://api.clerk.com', 'https://api.clerk.com/', 'http://127.0.0.1:4012'])
      assert.deepEqual(problems(url), {})
  })

  it('counts an empty variable as not set', () => {
    assert.equal(readConfig({ CLERK_PUBLISHABLE_KEY: ' ', PORT: '' }).clerk, null)
  })

  it('names every variable that is wrong, all at once', () => {
    const wrong = Object.fromEntries(variables.map((name) => [name, '¿wrong?']))

    const problems = problemsOf({ ...wrong, DATABASE_URL: 'mysql://x' })

    assert.deepEqual(Object.keys(problems), [...variables])
  })

  it('says what is wrong and how to mend it', () => {
    const problems = problemsOf({
      ...CLERK,
      PORT: '65536',
      LOGOUT_ENDPOINT: 'yes',
      CLERK_AUTHORIZED_PARTIES: 'https://app.example.com, app.example.com',
      ALLOWED_ORIGINS: 'https://app.example.com/',
      CLERK_JWKS_URL: 'http://clerk.example.com/jwks.json',
      CLERK_JWT_KEY: 'sk_test_1',
      READER_USER_IDS: 'user_2abc, support@example.com',
    })

    assert.deepEqual(problems, {
      PORT: '"65536" is not a port; use a whole number from 0 to 65535 (default 8787).',
      LOGOUT_ENDPOINT: '"yes" is neither on nor off.',
      CLERK_AUTHORIZED_PARTIES: '"app.example.com" is not an origin such as https://app.example.com.',
      ALLOWED_ORIGINS: '"https://app.example.com/" is not an origin such as https://app.example.com.',
      CLERK_JWKS_URL:
        '"http://clerk.example.com/jwks.json" is not an https:// address (http:// is for loopback only).',
      CLERK_JWT_KEY:
        'It holds no public key; copy Clerk’s “JWKS Public Key”, from -----BEGIN PUBLIC KEY----- to the end.',
      READER_USER_IDS:
        '"support@example.com" is not a user id of Clerk: user_ and what follows, as its dashboard shows it.',
    })
  })

  it('never repeats a secret', () => {
    const secret = 'hunter2-hunter2-hunter2'

    assert.throws(
      () =>
        readConfig({
          ...CLERK,
          READER_API_KEYS: `alice:${secret}`,
          CLERK_JWT_KEY: secret,
          CLERK_SECRET_KEY: secret,
        }),
      (error) => error instanceof ConfigError && !error.message.includes(secret),
    )
  })

  it('takes one or two RSA keys, with line breaks or \\n for them', () => {
    const other = testClerk().publicPem
    const escaped = clerk.publicPem.replaceAll('\n', String.raw`\n`)

    assert.deepEqual(problemsOf({ ...CLERK, CLERK_JWT_KEY: clerk.publicPem + other }), {})
    assert.deepEqual(problemsOf({ ...CLERK, CLERK_JWT_KEY: escaped }), {})
    assert.match(
      problemsOf({ ...CLERK, CLERK_JWT_KEY: clerk.publicPem + other + other })['CLERK_JWT_KEY'] ?? '',
      /two/,
    )
  })

  it('refuses a key that is not RSA of at least 2048 bits', () => {
    const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({
      type: 'spki',
      format: 'pem',
    })
    const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
      type: 'spki',
      format: 'pem',
    })

    assert.match(problemsOf({ ...CLERK, CLERK_JWT_KEY: small })['CLERK_JWT_KEY'] ?? '', /2048/)
    assert.match(problemsOf({ ...CLERK, CLERK_JWT_KEY: curve })['CLERK_JWT_KEY'] ?? '', /RSA/)
  })

  it('reads a secret from a file, and refuses to choose between the two', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'logout-trail-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'keys')
    writeFileSync(file, `alice:${'a'.repeat(32)}\n`)

    assert.deepEqual(readConfig({ ...CLERK, READER_API_KEYS_FILE: file }).readerKeys, [
      { name: 'alice', secret: 'a'.repeat(32) },
    ])
    assert.match(
      problemsOf({ ...CLERK, READER_API_KEYS_FILE: join(folder, 'none') })['READER_API_KEYS_FILE'] ?? '',
      /ENOENT/,
    )
    const both = { ...CLERK, READER_API_KEYS_FILE: file, READER_API_KEYS: `bob:${'b'.repeat(32)}` }
    assert.match(problemsOf(both)['READER_API_KEYS_FILE'] ?? '', /one of the two/)
  })

  it('reads DATABASE_URL from a file, also for commands that need nothing else', () => {
    const folder = mkdtempSync(join(tmpdir(), 'logout-trail-'))
    try {
      const DATABASE_URL_FILE = join(folder, 'database_url')
      writeFileSync(DATABASE_URL_FILE, 'file:/srv/trail.db\n')
      assert.deepEqual(readConfig({ ...CLERK, DATABASE_URL_FILE }).database, {
        engine: 'sqlite',
        path: '/srv/trail.db',
      })
      assert.deepEqual(readDatabase({ DATABASE_URL_FILE }), { engine: 'sqlite', path: '/srv/trail.db' })
      const unread = { DATABASE_URL_FILE: join(folder, 'none') }
      assert.throws(() => readDatabase(unread), /DATABASE_URL_FILE: The file cannot be read/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('wants a name and a secret of its own for each reader key', () => {
    const [a, b] = ['a'.repeat(32), 'b'.repeat(32)]
    const said = (keys: string) => problemsOf({ ...CLERK, READER_API_KEYS: keys })['READER_API_KEYS'] ?? ''
    assert.match(said(`alice:${a},alice:${b}`), /^Two keys have the same name/)
    assert.match(said(`alice:${a},bob:${a}`), /^Two keys have the same secret/)
    assert.equal(said(`alice:${a},bob:${b}`), '')
  })

  it('takes the users who may read by their ids', () => {
    const ids = 'user_2aBcDeFgHiJkLmNoPqRsTuVwXyZ, user_2abc'
    assert.deepEqual(readConfig({ ...CLERK, READER_USER_IDS: ids }).readerUserIds, [
      'user_2aBcDeFgHiJkLmNoPqRsTuVwXyZ',
      'user_2abc',
    ])
    for (const wrong of ['org_2abc', 'user_2abc user_2def', `user_${'2'.repeat(124)}`]) {
      assert.match(problemsOf({ ...CLERK, READER_USER_IDS: wrong })['READER_USER_IDS'] ?? '', /not a user id/)
    }
  })

  it('needs CLERK_ISSUER or the publishable key when only a key is given', () => {
    assert.match(
      problemsOf({ CLERK_JWT_KEY: clerk.publicPem })['CLERK_PUBLISHABLE_KEY'] ?? '',
      /CLERK_ISSUER/,
    )
    assert.equal(readConfig({ CLERK_ISSUER: clerk.issuer }).clerk?.issuer, clerk.issuer)
  })

  it('reads DATABASE_URL as a file', () => {
    const database = (url: string) => readConfig({ DATABASE_URL: url }).database

    assert.deepEqual(database('file:data/trail.db'), { engine: 'sqlite', path: 'data/trail.db' })
    assert.deepEqual(database('file:/srv/trail.db'), { engine: 'sqlite', path: '/srv/trail.db' })
    assert.deepEqual(database('file:///srv/trail.db'), { engine: 'sqlite', path: '/srv/trail.db' })
    for (const url of [
      'data/trail.db',
      'file:',
      'file://host/trail.db',
      'mysql://localhost/trail',
      'postgres://a:b:c',
    ]) {
      assert.match(problemsOf({ DATABASE_URL: url })['DATABASE_URL'] ?? '', /file:<path>/)
    }
  })

  it('reads DATABASE_URL as a PostgreSQL, as it was written', () => {
    for (const url of [
      'postgres://u:p@db.example:5433/trail?sslmode=verify-full',
      'postgresql:///trail?host=/run',
    ])
      assert.deepEqual(readConfig({ DATABASE_URL: url }).database, { engine: 'postgres', url })
  })

  it('tells a command where the trail is without looking at anything else', () => {
    assert.deepEqual(readDatabase({ PORT: 'wrong', DATABASE_URL: 'file:/srv/trail.db' }), {
      engine: 'sqlite',
      path: '/srv/trail.db',
    })
    assert.deepEqual(readDatabase({}), { engine: 'sqlite', path: 'data/dev-trail.db' })
    assert.deepEqual(readDatabase({ CLERK_PUBLISHABLE_KEY: 'pk_live_x' }), {
      engine: 'sqlite',
      path: 'data/trail.db',
    })
    assert.throws(() => readDatabase({ DATABASE_URL: 'nowhere' }), ConfigError)
  })
})

describe('examineConfig', () => {
  it('goes on with what is right, as if what is wrong were not set', () => {
    const { config, problems } = examineConfig({
      ...CLERK,
      PORT: 'x',
      CLERK_SECRET_KEY_FILE: '/nowhere',
      LOGOUT_ENDPOINT: 'off',
    })
    assert.deepEqual(problems.map(({ variable }) => variable).toSorted(), ['CLERK_SECRET_KEY_FILE', 'PORT'])
    assert.equal(config?.port, 8787)
    assert.equal(config?.sweep, null)
    assert.equal(config?.logoutEndpoint, false)
  })

  it('has no configuration where the rest would be development mode, or nothing', () => {
    for (const environment of [
      { CLERK_PUBLISHABLE_KEY: 'pk_test_wrong' },
      { NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY: 'pk_test_wrong' },
      { CLERK_SECRET_KEY: 'sk_test_a' },
      { NODE_ENV: 'production' },
    ] as Environment[]) {
      const { config, problems } = examineConfig(environment)
      assert.equal(config, null)
      assert.equal(problems.length, 1)
    }
  })
})

describe('.env.example', () => {
  const example = readFileSync(new URL('../.env.example', import.meta.url), 'utf8')

  it('explains every variable that is read, and no other', () => {
    const explained = [...example.matchAll(/^#? ?([A-Z][A-Z0-9_]+)=/gm)].map((match) => match[1])

    assert.deepEqual(explained, [...variables])
    for (const name of fileTwins) assert.match(example, new RegExp(`${name}_FILE`))
  })

  it('is a configuration of development mode as it stands', () => {
    const set = [...example.matchAll(/^([A-Z][A-Z0-9_]+)=(.*)$/gm)].map((match) => [match[1], match[2]])

    assert.equal(readConfig(Object.fromEntries(set) as Environment).clerk, null)
  })
})
