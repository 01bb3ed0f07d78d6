import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { inDatabase, newDatabase, newRole, startPostgres } from '../test/postgres.ts'
import { networkTo, query } from '../test/postgres-trails.ts'
import type { OrgId, SessionId, UserId } from '../trail/entry.ts'
import { TrailError } from '../trail/error.ts'
import type { Rows, ViewsDatabase } from './rows.ts'
import { listSessions } from './session-list.ts'
import { nextRows, nextRowsNearby, type SessionFilter } from './sessions-query.ts'
import { postgresViews, type PostgresViewsOptions } from './views-postgres.ts'
import { VIEWS_SCHEMA, viewsSchemaSql } from './views-postgres-schema.ts'
import { viewsVersion } from './views-schema.ts'

const POSITION = `INSERT INTO ${VIEWS_SCHEMA}.position VALUES (1, ${viewsVersion}, 'trail', 0, 20, 'hash')`

/** A database with records that know 20 entries. */
async function viewsIn(url: string): Promise<string> {
  await query(url, Object.values(viewsSchemaSql()).join('\n'))
  await query(url, POSITION)
  return url
}

/** Closed when the test ends. */
function open(t: TestContext, options: PostgresViewsOptions): ViewsDatabase {
  const views = postgresViews(options)
  t.after(() => views.close())
  return views
}

async function knownTo(rows: Rows): Promise<number> {
  const [row] = await rows.all(sql<{ next_index: number }>`SELECT next_index FROM position`)
  return row?.next_index ?? -1
}

const grow = (url: string) => query(url, `UPDATE ${VIEWS_SCHEMA}.position SET next_index = next_index + 10`)

function isUnavailable(message: RegExp) {
  return (error: unknown) =>
    error instanceof TrailError && error.code === 'trail-unavailable' && message.test(error.message)
}

describe('the views in PostgreSQL', () => {
  it('are read at one moment, whatever is written meanwhile', async (t) => {
    const url = await viewsIn(await newDatabase(t))
    const views = open(t, { url })
    const seen = await views.atOneMoment(async (rows) => {
      const before = await knownTo(rows)
      await grow(url)
      return [before, await knownTo(rows)]
    })
    assert.deepEqual(seen, [20, 20])
    assert.equal(await views.atOneMoment(knownTo), 30)
  })

  it('are read by several at once, by more after each other, and closed after the last', async (t) => {
    const views = postgresViews({ url: await viewsIn(await newDatabase(t)), connections: 2 })
    const two = Promise.withResolvers<void>()
    let reading = 0
    let most = 0
    const asked = Array.from({ length: 30 }, () =>
      views.atOneMoment(async (rows) => {
        reading += 1
        most = Math.max(most, reading)
        if (reading === 2) two.resolve()
        await two.promise
        const known = await knownTo(rows)
        reading -= 1
        return known
      }),
    )
    await views.close()
    assert.deepEqual(new Set(await Promise.all(asked)), new Set([20]))
    assert.equal(most, 2)
  })

  it('give null while they are of another version', async (t) => {
    const url = await viewsIn(await newDatabase(t))
    const views = open(t, { url })
    await query(url, `UPDATE ${VIEWS_SCHEMA}.position SET version = version + 1`)
    assert.equal(await views.atOneMoment(knownTo), null)
    await query(url, `UPDATE ${VIEWS_SCHEMA}.position SET version = version - 1`)
    assert.equal(await views.atOneMoment(knownTo), 20)
    await query(url, `DROP SCHEMA ${VIEWS_SCHEMA} CASCADE`)
    assert.equal(await views.atOneMoment(knownTo), null)
  })

  it('leave no transaction open', async (t) => {
    const url = await viewsIn(await newDatabase(t))
    const views = open(t, { url, connections: 1 })
    await views.atOneMoment(knownTo)
    const [after] = await query(
      url,
      `SELECT query, state FROM pg_stat_activity WHERE application_name = 'logout-trail reads' AND datname = current_database()`,
    )
    assert.deepEqual(after, { query: 'COMMIT', state: 'idle' })
  })

  it('may only be read: a query that writes is refused', async (t) => {
    const views = open(t, { url: await viewsIn(await newDatabase(t)) })
    const write = views.atOneMoment((rows) => rows.all(sql`UPDATE position SET epoch = 1`))
    await assert.rejects(write, /read-only transaction/)
    assert.equal(await views.atOneMoment(knownTo), 20)
  })

  it('say so when this role may not read them', async (t) => {
    const { url } = await newRole(t, await viewsIn(await newDatabase(t)))
    await assert.rejects(
      open(t, { url }).atOneMoment(knownTo),
      (error) => error instanceof TrailError && error.code === 'views-unusable',
    )
  })
})

describe('reading the views in PostgreSQL', () => {
  it('rejects with a word when a connection breaks, and reads again', async (t) => {
    const network = await networkTo(t, await viewsIn(await newDatabase(t)))
    const views = open(t, { url: network.url })
    const broken = views.atOneMoment(async (rows) => {
      network.cut()
      return knownTo(rows)
    })
    await assert.rejects(broken, isUnavailable(/cannot be read now: /))
    assert.equal(await views.atOneMoment(knownTo), 20)
    // Nobody uses it when it breaks: that is no error of anybody.
    network.cut()
    await sleep(50)
    assert.equal(await views.atOneMoment(knownTo), 20)
  })

  it('gives up a query that takes too long, and one whose answer never comes', async (t) => {
    const network = await networkTo(t, await viewsIn(await newDatabase(t)))
    const views = open(t, { url: network.url, answerWithinMs: 200 })
    const long = views.atOneMoment((rows) => rows.all(sql`SELECT pg_sleep(10)`))
    await assert.rejects(long, isUnavailable(/the query took too long/))
    const lost = views.atOneMoment((rows) => {
      network.is = 'deaf'
      return knownTo(rows)
    })
    await assert.rejects(lost, isUnavailable(/terminated|timeout/))
    network.is = 'open'
    assert.equal(await views.atOneMoment(knownTo), 20)
    network.is = 'silent'
    await assert.rejects(views.atOneMoment(knownTo), isUnavailable(/timeout/))
    network.is = 'open'
    assert.equal(await views.atOneMoment(knownTo), 20)
  })

  it('goes on by itself after the server was away', async (t) => {
    const server = await startPostgres()
    t.after(() => server.end())
    const views = open(t, { url: await viewsIn(await newDatabase(t, server)) })
    assert.equal(await views.atOneMoment(knownTo), 20)
    await server.stop()
    await assert.rejects(views.atOneMoment(knownTo), isUnavailable(/./))
    await server.start()
    assert.equal(await views.atOneMoment(knownTo), 20)
  })
})

const SESSIONS = 30_000

/** One user in 10 is in `org_0`; nine of ten outcomes are 3, none is 8; two days. */
const FILL = `
  INSERT INTO ${VIEWS_SCHEMA}.sessions (id, session_id, user_id, org_id, begun, webhook_ends, first_index, last_index, entries, outcome, at, day)
  SELECT i, 'sess_' || i, 'user_' || i / 100, 'org_' || i % 10, 1, 0, i, i, ARRAY[i], CASE WHEN i % 10 = 0 THEN 2 ELSE 3 END,
    i * 5000::bigint, i * 5000::bigint / 86400000
  FROM generate_series(1, ${SESSIONS}) AS i`

/** The indexes that find the rows of a page, and whatever reads more. */
async function waysOf(views: ViewsDatabase, filter: SessionFilter): Promise<string[]> {
  const walk = { filter, order: 'newest', beyond: SESSIONS / 2, limit: 51, orgIsLarge: false } as const
  const plan = await views.atOneMoment((rows) => {
    const found = nextRows(walk, rows.dialect) ?? nextRowsNearby(walk)
    return rows.all(sql<{ 'QUERY PLAN': string }>`EXPLAIN ${found}`)
  })
  const scans = (plan ?? []).flatMap((step) => {
    const [, way] = /-> +(.*? on sessions)/.exec(` -> ${step['QUERY PLAN']}`) ?? []
    const index = /using (\w+) on sessions/.exec(step['QUERY PLAN'])?.[1]
    return index ?? way ?? []
  })
  return [...new Set(scans)].toSorted()
}

describe('a page of session records in PostgreSQL', () => {
  const led: [filter: SessionFilter, indexes: string[]][] = [
    [{}, ['sessions_pkey']],
    [{ session_id: 'sess_77' as SessionId, state: 'open' }, ['sessions_session_id_key']],
    [{ user_id: 'user_77' as UserId, from: 0, reason: 'expired' }, ['sessions_of_user']],
    [{ org_id: 'org_0' as OrgId }, ['sessions_of_org']],
    [{ org_id: 'org_0' as OrgId, state: 'requested', from: 0 }, ['sessions_of_org']],
    [{ reason: 'revoked' }, ['sessions_by_outcome']],
    [{ reason: 'replaced' }, ['sessions_by_outcome']],
    [{ state: 'ended' }, ['sessions_by_outcome', 'sessions_pkey']],
    [{ q: 'org_0' }, ['sessions_of_org', 'sessions_of_user', 'sessions_pkey', 'sessions_session_id_key']],
    [{ from: 0, reason: 'revoked' }, ['sessions_by_day', 'sessions_pkey']],
    [{ from: 0, to: 1 }, ['sessions_by_day', 'sessions_pkey']],
  ]

  it('is led by its index, with and without statistics of the table', async (t) => {
    const url = await viewsIn(await newDatabase(t))
    const views = open(t, { url })
    await inDatabase(url, async (client) => {
      await client.query(`ALTER TABLE ${VIEWS_SCHEMA}.sessions SET (autovacuum_enabled = off)`)
      await client.query(FILL)
    })
    for (const statistics of ['none', 'new']) {
      if (statistics === 'new') await query(url, 'VACUUM ANALYZE')
      for (const [filter, indexes] of led)
        assert.deepEqual(await waysOf(views, filter), indexes, `${JSON.stringify(filter)}, ${statistics}`)
    }
  })

  it('finds what is there', async (t) => {
    const url = await viewsIn(await newDatabase(t))
    await query(url, FILL)
    const page = { order: 'newest', beyond: null, limit: 3, now: 0 } as const
    const filter = { org_id: 'org_0' as OrgId, reason: 'revoked' } as const
    const found = await open(t, { url }).atOneMoment((rows) => listSessions(rows, { ...page, filter }))
    assert.deepEqual(
      found?.map(({ id }) => id),
      [SESSIONS, SESSIONS - 10, SESSIONS - 20],
    )
  })
})
