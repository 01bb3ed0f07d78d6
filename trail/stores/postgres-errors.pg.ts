/** A database that will not do is refused with a sentence that says why, and never holds the password. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { newDatabase, newRole, withDatabase } from '../../test/postgres.ts'
import { open, query } from '../../test/postgres-trails.ts'
import type { TrailErrorCode } from '../error.ts'
import { ISSUER, logout, NOON, rejectsWith } from './conformance.ts'
import { placeOf } from './postgres-errors.ts'
import { checkServer, migratePostgres } from './postgres-schema.ts'
import { grantsFor } from './postgres-migrations.ts'
import { openPostgresReader } from './postgres-reader.ts'
import { openPostgresStore } from './postgres.ts'

const SECRET = 'hunter2 & co'

const changed = (url: string, changes: Partial<URL>) => Object.assign(new URL(url), changes).href

type Case = [what: string, change: (url: string) => string, code: TrailErrorCode, message: RegExp]

const cases: Case[] = [
  [
    'a wrong password',
    (url) => changed(url, { password: SECRET }),
    'trail-unavailable',
    /password authentication failed.*check the user and the password/,
  ],
  [
    'an unknown user',
    (url) => changed(url, { username: 'nobody', password: SECRET }),
    'trail-unavailable',
    /"nobody".*check the user/,
  ],
  [
    'no such database',
    (url) => withDatabase(url, 'nowhere'),
    'trail-unavailable',
    /database "nowhere" does not exist; create it/,
  ],
  [
    'a port where nothing listens',
    (url) => changed(url, { port: '1', password: SECRET }),
    'trail-unavailable',
    /ECONNREFUSED/,
  ],
  [
    'a host without a name',
    (url) => changed(url, { hostname: 'database.invalid' }),
    'trail-unavailable',
    /database\.invalid:\d+.*(ENOTFOUND|EAI_AGAIN)/,
  ],
  [
    'a server without TLS',
    (url) => `${url}?sslmode=verify-full`,
    'trail-unavailable',
    /does not support SSL/,
  ],
  ...['sslrootcert', 'sslcert', 'sslkey'].map((name): Case => {
    const search = `?sslmode=verify-full&${name}=/nowhere/of.pem`
    return [
      `a file of ${name} that is not there`,
      (url) => changed(url, { password: SECRET, search }),
      'trail-unavailable',
      new RegExp(
        `^The file of ${name}= in DATABASE_URL cannot be read \\(ENOENT.*'/nowhere/of\\.pem'\\)\\.$`,
      ),
    ]
  }),
  ['an address that is none', () => `postgres://user:${SECRET}%@[/x`, 'trail-unavailable', /DATABASE_URL/],
]

describe('a database that will not do', () => {
  for (const [what, change, code, message] of cases) {
    it(`is refused: ${what}`, async (t) => {
      const url = change(await newDatabase(t))
      for (const opening of [
        () => openPostgresStore({ url, issuer: ISSUER }),
        () => openPostgresReader(url),
      ]) {
        const error = await rejectsWith(code, opening())
        assert.match(error.message, message)
        const everything = inspect(error, { depth: null, showHidden: true })
        for (const secret of [SECRET, encodeURIComponent(SECRET)])
          assert.ok(!everything.includes(secret), everything)
      }
    })
  }

  it('is refused: a role that may not make the schema, and is told what to do', async (t) => {
    const { url } = await newRole(t, await newDatabase(t))
    const error = await rejectsWith('trail-unwritable', openPostgresStore({ url, issuer: ISSUER }))
    assert.match(
      error.message,
      /may not make it; let an administrator run what `logout-trail migrate --print-sql`/,
    )
  })

  it('is refused: a role without its grants, which may neither write nor read', async (t) => {
    const admin = await newDatabase(t)
    await migratePostgres({ url: admin, issuer: ISSUER })
    const { url } = await newRole(t, admin)
    const written = await rejectsWith('trail-unwritable', openPostgresStore({ url, issuer: ISSUER }))
    assert.match(written.message, /permission denied for schema logout_trail; .*has the GRANTs/)
    await rejectsWith('trail-unreadable', openPostgresReader(url))
  })

  it('is refused when a grant is taken away, and accepted when it is given back', async (t) => {
    const admin = await newDatabase(t)
    await migratePostgres({ url: admin, issuer: ISSUER })
    const { role, url } = await newRole(t, admin)
    await query(admin, grantsFor(role))
    const store = await open(t, url)
    await query(admin, `REVOKE INSERT ON logout_trail.entries FROM ${role}`)
    await rejectsWith('trail-unwritable', store.append([logout(0)], NOON))
    await rejectsWith('trail-unwritable', store.check())
    await query(admin, `GRANT INSERT ON logout_trail.entries TO ${role}`)
    await store.append([logout(0)], NOON)
  })

  it('is refused: read-only', async (t) => {
    const url = await newDatabase(t)
    const name = new URL(url).pathname.slice(1)
    await migratePostgres({ url, issuer: ISSUER })
    await query(url, `ALTER DATABASE ${name} SET default_transaction_read_only = on`)
    const error = await rejectsWith('trail-unwritable', openPostgresStore({ url, issuer: ISSUER }))
    assert.match(error.message, /set to read-only/)
    const reader = await openPostgresReader(url)
    t.after(() => reader.close())
    assert.equal((await reader.head()).nextIndex, 0)
  })

  it('is refused: an encoding that cannot hold all text', async (t) => {
    const url = await newDatabase(t)
    const latin = `${new URL(url).pathname.slice(1)}_latin`
    await query(url, `CREATE DATABASE ${latin} ENCODING LATIN1 TEMPLATE template0`)
    t.after(() => query(withDatabase(url, 'postgres'), `DROP DATABASE ${latin}`))
    const refused = openPostgresStore({ url: withDatabase(url, latin), issuer: ISSUER })
    assert.match((await rejectsWith('trail-unwritable', refused)).message, /its encoding is LATIN1/)
  })

  it('is refused by what it says of itself: an old server, a hot standby', async () => {
    const facts = { version: '13.9 (Debian)', encoding: 'UTF8', standby: false, read_only: 'off' }
    const says = (changes: object) => checkServer(saying({ ...facts, ...changes }), 'PostgreSQL', 'write')
    assert.match(
      (await rejectsWith('trail-unwritable', says({}))).message,
      /PostgreSQL 13.9.* needs 14 or newer/,
    )
    const standby = await rejectsWith('trail-unwritable', says({ version: '14.0', standby: true }))
    assert.match(standby.message, /hot standby.*name the primary/)
    await says({ version: '14.0' })
    await checkServer(
      saying({ ...facts, version: '18.4', standby: true, read_only: 'on' }),
      'PostgreSQL',
      'read',
    )
  })
})

/** In the place of servers that are not at hand. */
function saying(facts: object): Parameters<typeof checkServer>[0] {
  return { query: async () => ({ rows: [facts] }) } as unknown as Parameters<typeof checkServer>[0]
}

describe('the place in a message', () => {
  const places: [url: string, place: string][] = [
    ['postgres://me:secret@db.example.com/trail', 'PostgreSQL at db.example.com:5432/trail'],
    ['postgresql://me:secret@[::1]:6432/trail?sslmode=require', 'PostgreSQL at [::1]:6432/trail'],
    [
      'postgres:///trail?host=/var/run/postgresql&password=secret',
      'PostgreSQL at /var/run/postgresql:5432/trail',
    ],
    ['postgres://me:sec%ret@db/trail', 'PostgreSQL at db:5432/trail'],
    ['postgres://me:secret@[/trail', 'the PostgreSQL of DATABASE_URL'],
  ]
  for (const [url, place] of places) {
    it(`of ${url} is ${place}`, () => {
      assert.equal(placeOf(url), place)
    })
  }
})
