import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { history } from '../examples/demo/history.ts'
import { inDatabase, newDatabase, newRole } from '../test/postgres.ts'
import { someoneWaits, until } from '../test/postgres-trails.ts'
import { newPath } from '../test/trail-files.ts'
import type { Report } from '../trail/entry.ts'
import { TrailError } from '../trail/error.ts'
import type { TrailReader } from '../trail/store.ts'
import { PostgresLink } from '../trail/stores/postgres-link.ts'
import { openSqliteReader } from '../trail/stores/sqlite-reader.ts'
import { openSqliteStore } from '../trail/stores/sqlite.ts'
import { followAll, followOnce } from './follow.ts'
import {
  migratePostgresViews,
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
  const link = new PostgresLink({
    url,
    use: 'write',
    of: 'session records',
    onConnect: async () => undefined,
  })
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

  it('stays open to whoever it was open to, and to nobody for more, when an administrator makes it anew', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    const [owner, service, reader] = [await newRole(t, url), await newRole(t, url), await newRole(t, url)]
    await rowsIn(url, `GRANT CREATE ON DATABASE ${new URL(url).pathname.slice(1)} TO ${owner.role}`)
    await inDatabase(owner.url, async (client) => {
      await client.query(viewsMigrationSql(service.role))
      await client.query(viewsGrantsFor(service.role).join('\n'))
      await client.query(
        `GRANT USAGE ON SCHEMA logout_trail_views TO ${reader.role};
         GRANT SELECT ON logout_trail_views.sessions TO ${reader.role} WITH GRANT OPTION;
         GRANT SELECT ON logout_trail_views.heard TO PUBLIC`,
      )
    })
    const rights = () =>
      rowsIn(
        url,
        `SELECT relname AS name, relowner::regrole::text AS owner, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(relacl) a) AS rights
         FROM pg_class WHERE relnamespace = 'logout_trail_views'::regnamespace AND relkind = 'r'
         UNION ALL SELECT nspname, nspowner::regrole::text, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(nspacl) a)
         FROM pg_namespace WHERE nspname = 'logout_trail_views' ORDER BY 1`,
      )
    const before = await rights()
    assert.ok(before.some((row) => String(row['rights']).includes(`${reader.role}=r*/`)))
    await rebuildPostgresViews({ link: linkTo(t, url), trail })
    assert.deepEqual(await rights(), before)
    const sessions = `SELECT count(*)::int AS n FROM logout_trail_views.sessions`
    for (const role of [owner, service, reader])
      assert.ok(Number((await rowsIn(role.url, sessions))[0]?.['n']) > 0)
    await assert.rejects(rowsIn(reader.url, 'DELETE FROM logout_trail_views.sessions'), /permission denied/)

    await rowsIn(url, `COMMENT ON SCHEMA logout_trail_views IS 'logout-trail: session records, version 1'`)
    await inDatabase(url, (client) => client.query(viewsMigrationSql(service.role)))
    assert.deepEqual(await rights(), before)
    assert.deepEqual(await rowsIn(reader.url, sessions), [{ n: 0 }])
  })

  it('has new tables open to whoever writes its position', async (t) => {
    const url = await newDatabase(t)
    const { role, url: ofRole } = await newRole(t, url)
    await inDatabase(url, async (client) => {
      await client.query(viewsMigrationSql(role))
      await client.query(viewsGrantsFor(role).join('\n'))
      await client.query('DROP TABLE logout_trail_views.heard')
      await client.query(`COMMENT ON SCHEMA logout_trail_views IS 'logout-trail: session records, version 1'`)
      await client.query(viewsMigrationSql(role))
    })
    await rowsIn(ofRole, `INSERT INTO logout_trail_views.heard VALUES ('endpoint', 1)`)
  })

  it('is left alone by whoever may not make it anew', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    const role = await newRole(t, url)
    await rowsIn(url, `GRANT CREATE ON DATABASE ${new URL(url).pathname.slice(1)} TO ${role.role}`)
    await followAll(await openPostgresViews(linkTo(t, url), trail), trail)
    await inDatabase(url, (client) => client.query(viewsGrantsFor(role.role).join('\n')))
    const before = await sessionsIn(url)
    await assert.rejects(
      rebuildPostgresViews({ link: linkTo(t, role.url), trail }),
      isCoded('views-unusable', /belongs to the role \w+, .* run `logout-trail rebuild` as their owner/),
    )
    assert.deepEqual(await sessionsIn(url), before)
  })

  it('is not replaced by an older program, in none of its ways', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    await followAll(await openPostgresViews(linkTo(t, url), trail), trail)
    const before = await sessionsIn(url)
    const newer = `COMMENT ON SCHEMA logout_trail_views IS 'logout-trail: session records, version ${viewsVersion + 1}'`
    await rowsIn(url, newer)
    const refused = isCoded(
      'views-unusable',
      new RegExp(`version ${viewsVersion + 1}, .* up to ${viewsVersion}:`),
    )
    let accepted = 0
    const onceItCan = async () => void (accepted += 1)
    await assert.rejects(rebuildPostgresViews({ link: linkTo(t, url), trail, onceItCan }), refused)
    assert.equal(accepted, 0)
    await assert.rejects(
      inDatabase(url, (client) => client.query(viewsMigrationSql('nobody'))),
      /a newer logout-trail keeps them/,
    )
    assert.deepEqual(await sessionsIn(url), before)

    // One that came while the older one was at it.
    await rowsIn(url, newer.replace(String(viewsVersion + 1), String(viewsVersion)))
    const late = {
      ...trail,
      read: async (after: number, limit: number) => (await rowsIn(url, newer), trail.read(after, limit)),
    }
    await assert.rejects(rebuildPostgresViews({ link: linkTo(t, url), trail: late }), refused)
    assert.deepEqual(await sessionsIn(url), before)
  })

  for (const schema of ['logout_trail_views', 'logout_trail_views_next']) {
    it(`is not made where another program has ${schema}`, async (t) => {
      const url = await newDatabase(t)
      const trail = await trailWith(t, reports)
      await rowsIn(url, `CREATE SCHEMA ${schema} CREATE TABLE position (of integer)`)
      const foreign = new RegExp(`schema ${schema} is of another program`)
      const refused = isCoded('views-unusable', foreign)
      await assert.rejects(rebuildPostgresViews({ link: linkTo(t, url), trail }), refused)
      if (schema === 'logout_trail_views') {
        await assert.rejects(openPostgresViews(linkTo(t, url), trail), refused)
        await assert.rejects(migratePostgresViews(linkTo(t, url)), refused)
        await assert.rejects(
          inDatabase(url, (client) => client.query(viewsMigrationSql('nobody'))),
          foreign,
        )
      }
      assert.deepEqual(await rowsIn(url, `SELECT * FROM ${schema}.position`), [])
    })
  }

  it('is known without its comment, which a dump may leave out, and made anew', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    await followAll(await openPostgresViews(linkTo(t, url), trail), trail)
    await rowsIn(url, 'COMMENT ON SCHEMA logout_trail_views IS NULL')
    assert.equal((await openPostgresViews(linkTo(t, url), trail)).position.nextIndex, 0)
  })

  it('takes the place of another while somebody reads, who began with its position, without a deadlock', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    await followAll(await openPostgresViews(linkTo(t, url), trail), trail)
    await rowsIn(url, `COMMENT ON SCHEMA logout_trail_views IS 'logout-trail: session records, version 1'`)
    const migrated = await inDatabase(url, async (reader) => {
      await reader.query('BEGIN')
      await reader.query('SELECT * FROM logout_trail_views.position')
      const migrated = migratePostgresViews(linkTo(t, url))
      await until('the migration waits for the reader', () => someoneWaits(url))
      await reader.query('SELECT * FROM logout_trail_views.sessions')
      await reader.query('COMMIT')
      return migrated
    })
    assert.equal(migrated, true)
  })

  it('that lost a table or a row says so, and what makes it anew', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    const views = await openPostgresViews(linkTo(t, url), trail)
    await rowsIn(url, 'DROP TABLE logout_trail_views.heard')
    const entries = await trail.read(-1, 5)
    await assert.rejects(
      views.apply(entries),
      isCoded('views-damaged', /"heard" does not exist; `logout-trail rebuild`/),
    )
    await rebuildPostgresViews({ link: linkTo(t, url), trail })
    assert.equal((await openPostgresViews(linkTo(t, url), trail)).position.nextIndex, reports.length)
  })

  it('has statistics once it is made anew', async (t) => {
    const url = await newDatabase(t)
    await rebuildPostgresViews({ link: linkTo(t, url), trail: await trailWith(t, reports) })
    const [row] = await rowsIn(
      url,
      `SELECT reltuples::int AS n FROM pg_class WHERE oid = 'logout_trail_views.sessions'::regclass`,
    )
    assert.equal(row?.['n'], (await sessionsIn(url)).length)
  })

  it('is made anew by one at a time', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    const onceItCan = async () => assert.fail('no epoch is to be raised')
    const other = {
      ...trail,
      read: async (after: number, limit: number) => {
        await assert.rejects(
          rebuildPostgresViews({ link: linkTo(t, url), trail, onceItCan }),
          isCoded('trail-locked', /being rebuilt already/),
        )
        return trail.read(after, limit)
      },
    }
    await rebuildPostgresViews({ link: linkTo(t, url), trail: other })
    await rebuildPostgresViews({ link: linkTo(t, url), trail })
  })
})
