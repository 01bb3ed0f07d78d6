import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { history } from '../examples/demo/history.ts'
import { inDatabase, newDatabase, newRole } from '../test/postgres.ts'
import { newPath } from '../test/trail-files.ts'
import type { Report } from '../trail/entry.ts'
import { TrailError } from '../trail/error.ts'
import type { TrailReader } from '../trail/store.ts'
import { PostgresLink } from '../trail/stores/postgres-link.ts'
import { openSqliteReader } from '../trail/stores/sqlite-reader.ts'
import { openSqliteStore } from '../trail/stores/sqlite.ts'
import { followAll, followOnce } from './follow.ts'
import {
  openPostgresViews,
  rebuildPostgresViews,
  viewsGrantsFor,
  viewsMigrationSql,
} from './views-place-postgres.ts'
import { viewsVersion } from './views-schema.ts'
import type { ViewsLink } from './views-store-postgres.ts'

const UNTIL = Date.UTC(2026, 10, 20, 12)
const reports = history({ until: UNTIL, days: 4, sessionsADay: 20 })

/** Any trail will do: it is read through the port. */
async function trailWith(t: TestContext, reports: readonly Report[]): Promise<TrailReader> {
  const path = newPath(t)
  const store = await openSqliteStore({ path, issuer: 'https://place.clerk.accounts.dev' })
  await store.append(reports, UNTIL)
  await store.close()
  const reader = openSqliteReader(path)
  t.after(() => reader.close())
  return reader
}

/** Of a process that holds the lease. */
function linkTo(t: TestContext, url: string): ViewsLink {
  const link = new PostgresLink({ url, use: 'write', onConnect: async () => undefined })
  t.after(() => link.close())
  return { run: link.run.bind(link), assertHeld: async () => undefined, close: link.close.bind(link) }
}

async function rowsIn(url: string, sql: string): Promise<Record<string, unknown>[]> {
  return inDatabase(url, async (client) => (await client.query<Record<string, unknown>>(sql)).rows)
}

const sessionsIn = (url: string) =>
  rowsIn(url, 'SELECT * FROM logout_trail_views.sessions ORDER BY session_id')

function isCoded(code: string, message: RegExp) {
  return (error: unknown) => error instanceof TrailError && error.code === code && message.test(error.message)
}

describe('the place of the session records in PostgreSQL', () => {
  it('is begun, and gone on with by whoever comes next', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    await followOnce(await openPostgresViews(linkTo(t, url), trail), trail)
    const views = await openPostgresViews(linkTo(t, url), trail)
    const { nextIndex } = views.position
    assert.ok(nextIndex > 0 && nextIndex < reports.length)
    await followAll(views, trail)
    assert.equal(views.position.nextIndex, reports.length)
    const sessions = new Set(reports.flatMap(({ session_id }) => session_id ?? []))
    assert.equal((await sessionsIn(url)).length, sessions.size)
  })

  it('is what an administrator made', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    const sql = viewsMigrationSql('nobody')
    await inDatabase(url, (client) => client.query(sql))
    const views = await openPostgresViews(linkTo(t, url), trail)
    await followAll(views, trail)
    assert.equal(views.position.nextIndex, reports.length)
    await inDatabase(url, (client) => client.query(sql))
    assert.equal((await openPostgresViews(linkTo(t, url), trail)).position.nextIndex, reports.length)
  })

  it('is made anew when its records are of an older version, and left alone when they are of a newer', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    await followAll(await openPostgresViews(linkTo(t, url), trail), trail)
    await rowsIn(
      url,
      `COMMENT ON SCHEMA logout_trail_views IS 'logout-trail: session records, version ${viewsVersion - 1}'`,
    )
    assert.equal((await openPostgresViews(linkTo(t, url), trail)).position.nextIndex, 0)
    assert.deepEqual(await sessionsIn(url), [])

    await rowsIn(url, 'UPDATE logout_trail_views.position SET next_index = 7')
    await rowsIn(
      url,
      `COMMENT ON SCHEMA logout_trail_views IS 'logout-trail: session records, version ${viewsVersion + 1}'`,
    )
    await assert.rejects(
      openPostgresViews(linkTo(t, url), trail),
      isCoded('views-unusable', /a newer logout-trail keeps them/),
    )
    const [position] = await rowsIn(url, 'SELECT next_index::int FROM logout_trail_views.position')
    assert.deepEqual(position, { next_index: 7 })
  })

  it('is refused when it was made from another trail, or from a longer one', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    await followAll(await openPostgresViews(linkTo(t, url), trail), trail)
    for (const other of [reports, reports.slice(0, 5)])
      await assert.rejects(
        openPostgresViews(linkTo(t, url), await trailWith(t, other)),
        isCoded('trail-rewound', /this is trail/),
      )
  })

  it('says what to do when the role may not make it', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, [])
    const role = await newRole(t, url)
    await assert.rejects(
      openPostgresViews(linkTo(t, role.url), trail),
      isCoded('views-unusable', /migrate --print-sql/),
    )
  })

  it('is made anew beside the old one, and whoever writes the old one goes on in the new', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    const link = linkTo(t, url)
    const views = await openPostgresViews(link, trail)
    await views.apply(await trail.read(-1, 30))
    const told: number[] = []
    const entries = await rebuildPostgresViews({
      link: linkTo(t, url),
      trail,
      onProgress: (done) => told.push(done),
    })
    assert.equal(entries, reports.length)
    assert.equal(told.at(-1), reports.length)
    await assert.rejects(views.apply(await trail.read(29, 10)), /no longer stand at 30/)
    const again = await openPostgresViews(link, trail)
    assert.equal(again.position.nextIndex, reports.length)
    const sessions = new Set(reports.flatMap(({ session_id }) => session_id ?? []))
    assert.equal((await sessionsIn(url)).length, sessions.size)
  })

  it('lets in whoever was let in before, when an administrator makes it anew', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    const { role, url: ofRole } = await newRole(t, url)
    await inDatabase(url, (client) => client.query(viewsMigrationSql(role)))
    await inDatabase(url, (client) => client.query(viewsGrantsFor(role).join('\n')))
    const sees = () => rowsIn(ofRole, 'SELECT count(*)::int AS n FROM logout_trail_views.sessions')
    assert.deepEqual(await sees(), [{ n: 0 }])
    await rebuildPostgresViews({ link: linkTo(t, url), trail })
    const [rebuilt] = await sees()
    assert.ok(Number(rebuilt?.['n']) > 0)
    await rowsIn(url, `COMMENT ON SCHEMA logout_trail_views IS 'logout-trail: session records, version 1'`)
    await inDatabase(url, (client) => client.query(viewsMigrationSql(role)))
    assert.deepEqual(await sees(), [{ n: 0 }])
  })

  it('is made anew by one at a time', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    const other = {
      ...trail,
      read: async (after: number, limit: number) => {
        await assert.rejects(
          rebuildPostgresViews({ link: linkTo(t, url), trail }),
          isCoded('trail-locked', /being rebuilt already/),
        )
        return trail.read(after, limit)
      },
    }
    await rebuildPostgresViews({ link: linkTo(t, url), trail: other })
    await rebuildPostgresViews({ link: linkTo(t, url), trail })
  })
})
