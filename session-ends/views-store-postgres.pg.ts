import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import * as fc from 'fast-check'
import { Client, types, type CustomTypesConfig } from 'pg'
import { anyEntry } from '../test/entry-arbitraries.ts'
import { newDatabase } from '../test/postgres.ts'
import type { Entry, SessionId } from '../trail/entry.ts'
import { VIEWS_SCHEMA, viewsSchemaSql, viewsTables } from './views-postgres-schema.ts'
import { ENTRIES_LIMIT, openForWriting, viewsVersion } from './views-schema.ts'
import { postgresViewsStore, type ViewsLink } from './views-store-postgres.ts'
import { sessionColumns } from './views-store.ts'
import { sqliteViewsStore } from './views-store-sqlite.ts'
import { Views } from './views.ts'

/** What the service adds (a connection that comes back, a lease) has tests of its own. */
function linkOf(client: Client, assertHeld: ViewsLink['assertHeld'] = async () => undefined): ViewsLink {
  let last: Promise<unknown> = Promise.resolve()
  return {
    run: (work) => {
      const turn = last
        .then(() => work(client))
        .catch(async (error: unknown) => {
          await client.query('ROLLBACK')
          throw error
        })
      last = Promise.allSettled([turn])
      return turn
    },
    assertHeld,
    close: async () => undefined,
  }
}

const BEGIN = { trailId: 'trail', epoch: 0, nextIndex: 0, lastHash: '', unanswered: null }

/** As the service's connections read them. */
const numbers: CustomTypesConfig = {
  getTypeParser: (oid, format) => (oid === types.builtins.INT8 ? Number : types.getTypeParser(oid, format)),
}

/** To a database of its own, with the tables in it. */
async function connected(t: TestContext): Promise<Client> {
  let client: Client | undefined
  // Before the database, which goes when the test ends.
  t.after(() => client?.end())
  client = new Client({ connectionString: await newDatabase(t), types: numbers })
  await client.connect()
  await client.query(Object.values(viewsSchemaSql()).join('\n'))
  return client
}

async function emptied(client: Client): Promise<void> {
  await client.query(`TRUNCATE ${viewsTables.map((table) => `${VIEWS_SCHEMA}.${table}`).join(', ')}`)
  await client.query(
    `INSERT INTO ${VIEWS_SCHEMA}.position (one, version, trail_id, epoch, next_index, last_hash) VALUES (1, $1, 'trail', 0, 0, '')`,
    [viewsVersion],
  )
}

function indexed(given: readonly Entry[]): Entry[] {
  return given.map((entry, index) => ({ ...entry, index }))
}

async function applied(views: Views, given: readonly Entry[], atOnce: number): Promise<void> {
  for (let at = 0; at < given.length; at += atOnce) await views.apply(given.slice(at, at + atOnce))
}

/**
 * Organisations by their ids: their numbers are in the order in which they came. Of a mix of which there are none there may be a row. In
 * PostgreSQL the entries of a session are in its row.
 */
const TABLES = [
  ...viewsTables.filter(
    (table) => !['sessions', 'orgs', 'rollup_org_quarters', 'webhook_mix'].includes(table),
  ),
  'sessions',
  'session_entries',
  'webhook_mix WHERE sessions <> 0',
  'rollup_org_quarters JOIN orgs ON orgs.id = org',
]

const IN_ROWS: Record<string, string> = {
  sessions: `SELECT ${['id', ...sessionColumns].join()} FROM sessions`,
  session_entries: 'SELECT id AS session, unnest(entries) AS "index" FROM sessions',
}

function queryOf(table: string): string {
  const columns = table.includes('JOIN') ? 'org_id, measure, at, outcome, part, sessions' : '*'
  return `SELECT ${columns} FROM ${table}`
}

/** Each table as text, whatever the order and the type of its numbers. */
function sorted(rows: readonly object[]): string[] {
  return rows
    .map((row) =>
      Object.entries(row)
        .map(([name, value]) => `${name}=${String(value)}`)
        .toSorted()
        .join(' '),
    )
    .toSorted()
}

async function inPostgres(client: Client): Promise<string[][]> {
  const found: string[][] = []
  await client.query(`SET search_path TO ${VIEWS_SCHEMA}`)
  for (const table of TABLES) found.push(sorted((await client.query(IN_ROWS[table] ?? queryOf(table))).rows))
  return found
}

async function inSqlite(given: readonly Entry[], atOnce: number): Promise<string[][]> {
  const db = openForWriting(':memory:', BEGIN)
  await applied(await Views.of(sqliteViewsStore(db)), given, atOnce)
  const found = TABLES.map((table) => sorted(db.prepare(queryOf(table)).all()))
  db.close()
  return found
}

const some = fc.array(anyEntry, { minLength: 1, maxLength: 30 }).map(indexed)
const atOnce = fc.integer({ min: 1, max: 30 })

describe('the views in PostgreSQL', () => {
  it('are those of SQLite, row by row, of the same entries, however many come at once', async (t) => {
    const client = await connected(t)
    await fc.assert(
      fc.asyncProperty(some, atOnce, atOnce, async (given, here, there) => {
        await emptied(client)
        await applied(await Views.of(postgresViewsStore(linkOf(client))), given, here)
        assert.deepEqual(await inPostgres(client), await inSqlite(given, there))
      }),
      { numRuns: 100 },
    )
  })

  it('go on after whoever wrote them last', async (t) => {
    const client = await connected(t)
    const given = fc.sample(some, { seed: 1, numRuns: 1 })[0] ?? []
    await emptied(client)
    for (const entry of given) await (await Views.of(postgresViewsStore(linkOf(client)))).apply([entry])
    assert.deepEqual(await inPostgres(client), await inSqlite(given, given.length))
  })

  it('are written by one of two that stand at the same place, and not at all by the other', async (t) => {
    const client = await connected(t)
    const given = indexed(fc.sample(anyEntry, { seed: 2, numRuns: 6 }))
    await emptied(client)
    const one = await Views.of(postgresViewsStore(linkOf(client)))
    const other = await Views.of(postgresViewsStore(linkOf(client)))
    await one.apply(given.slice(0, 3))
    await assert.rejects(other.apply(given.slice(0, 2)), /no longer stand at 0/)
    assert.deepEqual(await inPostgres(client), await inSqlite(given.slice(0, 3), 3))
    await one.apply(given.slice(3))
    assert.deepEqual(await inPostgres(client), await inSqlite(given, 1))
  })

  it('are not written by an older program when they were made anew by a newer one', async (t) => {
    const client = await connected(t)
    const given = indexed(fc.sample(anyEntry, { seed: 6, numRuns: 4 }))
    await emptied(client)
    const views = await Views.of(postgresViewsStore(linkOf(client)))
    await views.apply(given.slice(0, 2))
    await client.query(`UPDATE ${VIEWS_SCHEMA}.position SET version = version + 1`)
    await assert.rejects(views.apply(given.slice(2)), /made them anew/)
    await client.query(`UPDATE ${VIEWS_SCHEMA}.position SET version = version - 1`)
    assert.deepEqual(await inPostgres(client), await inSqlite(given.slice(0, 2), 2))
  })

  it('are not written by whoever does not hold them any more', async (t) => {
    const client = await connected(t)
    const given = indexed(fc.sample(anyEntry, { seed: 3, numRuns: 4 }))
    await emptied(client)
    let held = true
    const assertHeld = async () => {
      if (!held) throw new Error('another process has them')
    }
    const views = await Views.of(postgresViewsStore(linkOf(client, assertHeld)))
    await views.apply(given.slice(0, 2))
    held = false
    await assert.rejects(views.apply(given.slice(2)), /another process has them/)
    assert.deepEqual(await inPostgres(client), await inSqlite(given.slice(0, 2), 2))
    held = true
    await views.apply(given.slice(2))
    assert.deepEqual(await inPostgres(client), await inSqlite(given, 4))
  })

  it('keep the first entries of a session, and no more than are shown', async (t) => {
    const client = await connected(t)
    const [entry] = fc.sample(anyEntry, { seed: 5, numRuns: 1 })
    assert.ok(entry)
    const same = { ...entry, kind: 'logout.requested', session_id: 'sess_1' as SessionId } as const
    await emptied(client)
    const views = await Views.of(postgresViewsStore(linkOf(client)))
    await applied(views, indexed(Array.from({ length: ENTRIES_LIMIT + 20 }, () => same)), ENTRIES_LIMIT - 10)
    const { rows } = await client.query(`SELECT entries FROM ${VIEWS_SCHEMA}.sessions`)
    assert.deepEqual(
      (rows[0] as { entries: string[] }).entries.map(Number),
      Array.from({ length: ENTRIES_LIMIT }, (_, index) => index),
    )
  })

  it('take nothing of a batch of which a row is refused', async (t) => {
    const client = await connected(t)
    const [entry] = fc.sample(anyEntry, { seed: 4, numRuns: 1 })
    assert.ok(entry)
    const good = { ...entry, kind: 'session.created', session_id: 'sess_1' as SessionId } as const
    const bad = { ...good, index: 1, session_id: 'sess_2' as SessionId, occurred_at: 1.5 }
    await emptied(client)
    const views = await Views.of(postgresViewsStore(linkOf(client)))
    await assert.rejects(views.apply([good, bad]))
    assert.deepEqual(await inPostgres(client), await inSqlite([], 1))
    await views.apply([good])
    assert.deepEqual(await inPostgres(client), await inSqlite([good], 1))
  })
})
