import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
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
  const link = new PostgresLink({ url, use: 'write', onConnect: async () => undefined })
  t.after(() => link.close())
  return { run: link.run.bind(link), assertHeld: async () => undefined, close: link.close.bind(link) }
}

/** Records of five entries of a longer trail. */
async function begunOf(t: TestContext) {
  const url = await newDatabase(t)
  const trail = await trailWith(t, reports)
  const views = await openPostgresViews(linkTo(t, url), trail)
  await views.apply(await trail.read(-1, 5))
  return { url, trail, views }
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

  it('is known without its comment, which a dump may leave out, and made anew', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    await followAll(await openPostgresViews(linkTo(t, url), trail), trail)
    await rowsIn(url, 'COMMENT ON SCHEMA logout_trail_views IS NULL')
    assert.equal((await openPostgresViews(linkTo(t, url), trail)).position.nextIndex, 0)
  })

  it('is made anew by one at a time', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    const other = {
      ...trail,
      read: async (after: number, limit: number) => {
        await assert.rejects(
          rebuildPostgresViews({ link: linkTo(t, url), trail, onceItCan: async () => assert.fail() }),
          isCoded('trail-locked', /being rebuilt already/),
        )
        return trail.read(after, limit)
      },
    }
    await rebuildPostgresViews({ link: linkTo(t, url), trail: other })
    await rebuildPostgresViews({ link: linkTo(t, url), trail })
  })

  it('is known to the planner as soon as it was made anew', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    await rebuildPostgresViews({ link: linkTo(t, url), trail })
    const known = await rowsIn(
      url,
      `SELECT c.reltuples::int AS rows, EXISTS (SELECT FROM pg_stats WHERE schemaname = 'logout_trail_views' AND tablename = 'sessions') AS known
       FROM pg_class c WHERE c.oid = 'logout_trail_views.sessions'::regclass`,
    )
    assert.deepEqual(known, [{ rows: (await sessionsIn(url)).length, known: true }])
  })

  it('is never replaced under who reads it', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    const ways: [string, () => Promise<unknown>][] = [
      ['migrated', () => migratePostgresViews(linkTo(t, url))],
      ['printed', () => inDatabase(url, (client) => client.query(viewsMigrationSql('nobody')))],
      ['rebuilt', () => rebuildPostgresViews({ link: linkTo(t, url), trail })],
    ]
    for (const [way, replaced] of ways) {
      await followAll(await openPostgresViews(linkTo(t, url), trail), trail)
      await inDatabase(url, async (reader) => {
        await says(url, viewsVersion - 1)
        // DROP SCHEMA goes through the tables in the order in which they came.
        await reader.query('ALTER TABLE logout_trail_views.position SET SCHEMA public')
        await reader.query('ALTER TABLE public.position SET SCHEMA logout_trail_views')
        await reader.query('BEGIN; SELECT 1 FROM logout_trail_views.position')
        const replacing = replaced()
        await until('it waits for the reader', () => someoneWaits(url))
        const { rowCount } = await reader.query('SELECT 1 FROM logout_trail_views.sessions LIMIT 1')
        assert.equal(rowCount, 1, way)
        await reader.query('COMMIT')
        await replacing
      })
    }
  })

  it('stays as it is when somebody reads it for long', async (t) => {
    const { url, trail, views } = await begunOf(t)
    await inDatabase(url, async (reader) => {
      await reader.query('BEGIN; SELECT 1 FROM logout_trail_views.position')
      await assert.rejects(
        rebuildPostgresViews({ link: linkTo(t, url), trail, waitAtMostMs: 0 }),
        isCoded(
          'trail-unavailable',
          /^The session records are read by somebody for long, .* nothing was changed/,
        ),
      )
    })
    assert.equal(views.position.nextIndex, 5)
    await followAll(views, trail)
  })

  it('is made anew once whoever read it for long has done', async (t) => {
    const { url, trail } = await begunOf(t)
    await inDatabase(url, async (reader) => {
      await reader.query('BEGIN; SELECT 1 FROM logout_trail_views.position')
      let waits = 0
      const onWait = () => (waits += 1)
      let isDone = false
      const rebuilding = rebuildPostgresViews({ link: linkTo(t, url), trail, onWait }).then(
        () => (isDone = true),
      )
      await until('it has waited once in vain', () => waits === 1)
      await sleep(1000)
      // Nobody who comes to read meanwhile has to stand behind it.
      assert.deepEqual([await someoneWaits(url), isDone], [false, false])
      await reader.query('COMMIT')
      await rebuilding
      assert.equal(waits, 1)
    })
    const { nextIndex } = await trail.head()
    assert.deepEqual(await rowsIn(url, 'SELECT next_index FROM logout_trail_views.position'), [
      { next_index: String(nextIndex) },
    ])
  })

  it('is called by its name when it is damaged, removed or closed to this role', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    const { role, url: ofRole } = await newRole(t, url)
    await inDatabase(url, (client) => client.query(viewsMigrationSql(role)))
    await inDatabase(url, (client) => client.query(viewsGrantsFor(role).join('\n')))
    const views = await openPostgresViews(linkTo(t, ofRole), trail)
    const apply = async () =>
      views.apply(await trail.read(views.position.nextIndex - 1, views.position.nextIndex === 0 ? 5 : 40))
    await apply()
    await rowsIn(url, `REVOKE INSERT ON logout_trail_views.sessions FROM ${role}`)
    await assert.rejects(
      apply(),
      isCoded('views-unusable', /^The session records may not be written .* has the GRANTs\.$/),
    )
    await rowsIn(url, `GRANT INSERT ON logout_trail_views.sessions TO ${role}`)
    await rowsIn(url, 'ALTER TABLE logout_trail_views.sessions RENAME TO elsewhere')
    await assert.rejects(
      apply(),
      isCoded('views-unusable', /^The session records were removed or changed .*rebuild` makes them anew\.$/),
    )
    await rowsIn(url, 'ALTER TABLE logout_trail_views.elsewhere RENAME TO sessions')
    await rowsIn(url, 'CREATE UNIQUE INDEX ON logout_trail_views.sessions ((1)) WHERE first_index >= 5')
    await assert.rejects(
      apply(),
      isCoded('views-damaged', /^The session records are damaged .*rebuild` makes them anew\.$/),
    )
    await rowsIn(url, 'DROP SCHEMA logout_trail_views CASCADE')
    await assert.rejects(apply(), isCoded('views-unusable', /^The session records were removed or changed/))
  })

  it('leaves to the trail what is said of its lease', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    const link = linkTo(t, url)
    const assertHeld = async (client: Client) => {
      await client.query('SELECT logout_trail.assert_held(1, 2)')
    }
    await assert.rejects(
      openPostgresViews({ ...link, assertHeld }, trail),
      isCoded('trail-replaced', /the schema logout_trail was removed/),
    )
  })
})

/** As a program of that version would have made them. */
async function says(url: string, version: number): Promise<void> {
  await rowsIn(
    url,
    `COMMENT ON SCHEMA logout_trail_views IS 'logout-trail: session records, version ${version}'`,
  )
}

/** Each as the way of one who would replace what is there. */
function replacements(
  t: TestContext,
  url: string,
  trail: TrailReader,
): Record<string, () => Promise<unknown>> {
  return {
    'the start of a service': () => openPostgresViews(linkTo(t, url), trail),
    migrate: () => migratePostgresViews(linkTo(t, url)),
    'the printed SQL': () => inDatabase(url, (client) => client.query(viewsMigrationSql('nobody'))),
    rebuild: () =>
      rebuildPostgresViews({ link: linkTo(t, url), trail, onceItCan: async () => assert.fail() }),
  }
}

describe('records that this program must not replace', () => {
  it('are those of a newer program, whoever wants to', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    await followAll(await openPostgresViews(linkTo(t, url), trail), trail)
    await says(url, viewsVersion + 1)
    const before = await sessionsIn(url)
    for (const [what, replace] of Object.entries(replacements(t, url, trail)))
      await assert.rejects(
        replace(),
        /The session records are of version \d+, and this program knows up to \d+: a newer logout-trail keeps them/,
        what,
      )
    assert.deepEqual(await sessionsIn(url), before)
    assert.deepEqual(await schemasIn(url), ['logout_trail_views'])
  })

  it('are also those that a newer program made while it rebuilt', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    await openPostgresViews(linkTo(t, url), trail)
    const meanwhile = {
      ...trail,
      read: async (after: number, limit: number) => {
        await says(url, viewsVersion + 1)
        return trail.read(after, limit)
      },
    }
    await assert.rejects(
      rebuildPostgresViews({ link: linkTo(t, url), trail: meanwhile }),
      isCoded('views-unusable', /a newer logout-trail keeps them/),
    )
    assert.deepEqual(await sessionsIn(url), [])
  })

  it('are those that a newer program made after they were looked at', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    await followAll(await openPostgresViews(linkTo(t, url), trail), trail)
    await says(url, viewsVersion - 1)
    const link = linkTo(t, url)
    await inDatabase(url, async (newer) => {
      await newer.query('BEGIN')
      await newer.query('SELECT pg_advisory_xact_lock(7262002)')
      const migrated = migratePostgresViews(link)
      const refused = assert.rejects(migrated, isCoded('views-unusable', /a newer logout-trail keeps them/))
      await until('it waits for the other', () => someoneWaits(url))
      await newer.query(
        `COMMENT ON SCHEMA logout_trail_views IS 'logout-trail: session records, version ${viewsVersion + 1}'`,
      )
      await newer.query('COMMIT')
      await refused
    })
    assert.notEqual((await sessionsIn(url)).length, 0)
  })

  it('are those of another program, in a schema of the same name', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    await rowsIn(url, 'CREATE SCHEMA logout_trail_views')
    await rowsIn(
      url,
      `CREATE FUNCTION logout_trail_views.theirs() RETURNS integer LANGUAGE sql AS 'SELECT 7'`,
    )
    for (const [what, replace] of Object.entries(replacements(t, url, trail)))
      await assert.rejects(replace(), /schema logout_trail_views is of another program; rename it, or/, what)
    assert.deepEqual(await rowsIn(url, 'SELECT logout_trail_views.theirs()'), [{ theirs: 7 }])
    await assert.rejects(
      openPostgresViews(linkTo(t, url), trail),
      isCoded('views-unusable', /^The schema logout_trail_views is of another program/),
    )
  })

  it('are those of another program where a rebuild makes the new ones; what a rebuild left is dropped', async (t) => {
    const url = await newDatabase(t)
    const trail = await trailWith(t, reports)
    await openPostgresViews(linkTo(t, url), trail)
    await rowsIn(url, 'CREATE SCHEMA logout_trail_views_next')
    await rowsIn(url, 'CREATE TABLE logout_trail_views_next.theirs (one integer)')
    const rebuild = replacements(t, url, trail)['rebuild']
    assert.ok(rebuild)
    await assert.rejects(
      rebuild(),
      isCoded('views-unusable', /^The schema logout_trail_views_next is of another program/),
    )
    assert.deepEqual(await rowsIn(url, 'SELECT * FROM logout_trail_views_next.theirs'), [])
    await rowsIn(url, 'DROP SCHEMA logout_trail_views_next CASCADE')

    const stopped = { ...trail, read: async () => Promise.reject(new Error('stopped in between')) }
    const link = linkTo(t, url)
    await assert.rejects(rebuildPostgresViews({ link, trail: stopped }), /stopped in between/)
    await link.close()
    assert.deepEqual(await schemasIn(url), ['logout_trail_views', 'logout_trail_views_next'])
    await rebuildPostgresViews({ link: linkTo(t, url), trail })
    assert.deepEqual(await schemasIn(url), ['logout_trail_views'])
  })
})

async function schemasIn(url: string): Promise<unknown[]> {
  const found = await rowsIn(
    url,
    `SELECT nspname::text AS name FROM pg_namespace WHERE nspname ~ '^logout_trail' ORDER BY 1`,
  )
  return found.map(({ name }) => name)
}

/** Who owns each of them, and who else may do what. */
function rightsIn(url: string): Promise<Record<string, unknown>[]> {
  return rowsIn(
    url,
    `SELECT its.name, its.owner::regrole::text AS owner,
       CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END || ': ' || a.privilege_type || CASE WHEN a.is_grantable THEN ', and may grant it' ELSE '' END AS may
     FROM (
       SELECT n.nspname::text AS name, n.nspowner AS owner, n.nspacl AS acl FROM pg_namespace n WHERE n.nspname = 'logout_trail_views'
       UNION ALL
       SELECT c.relname::text, c.relowner, c.relacl FROM pg_class c WHERE c.relnamespace = to_regnamespace('logout_trail_views') AND c.relkind = 'r'
     ) its LEFT JOIN LATERAL aclexplode(its.acl) a ON a.grantee <> its.owner
     ORDER BY 1, 2, 3`,
  )
}

/** Records that the role of a service made, which let in others for less. */
async function ownedRecords(t: TestContext) {
  const url = await newDatabase(t)
  const database = new URL(url).pathname.slice(1)
  const trail = await trailWith(t, reports)
  const owner = await newRole(t, url)
  const [writer, reader, watcher] = [await newRole(t, url), await newRole(t, url), await newRole(t, url)]
  await rowsIn(url, `GRANT CREATE ON DATABASE ${database} TO ${owner.role}`)
  await followAll(await openPostgresViews(linkTo(t, owner.url), trail), trail)
  const grants = [
    ...viewsGrantsFor(writer.role),
    `GRANT USAGE ON SCHEMA logout_trail_views TO PUBLIC;`,
    `GRANT SELECT ON ALL TABLES IN SCHEMA logout_trail_views TO ${reader.role} WITH GRANT OPTION;`,
    `GRANT SELECT ON logout_trail_views.position TO ${watcher.role};`,
  ]
  await inDatabase(url, (client) => client.query(grants.join('\n')))
  return { url, database, trail, owner, reader, watcher }
}

describe('whoever may use the records', () => {
  it('keeps just that when a superuser makes them anew, and their owner stays it', async (t) => {
    const { url, trail, owner } = await ownedRecords(t)
    const before = await rightsIn(url)
    assert.ok(before.every((right) => right['owner'] === owner.role))
    await rebuildPostgresViews({ link: linkTo(t, url), trail })
    assert.deepEqual(await rightsIn(url), before)
    await says(url, viewsVersion - 1)
    await inDatabase(url, (client) => client.query(viewsMigrationSql('nobody')))
    assert.deepEqual(await rightsIn(url), before)
    assert.deepEqual(await sessionsIn(url), [])
    await followAll(await openPostgresViews(linkTo(t, owner.url), trail), trail)
    await rebuildPostgresViews({ link: linkTo(t, owner.url), trail })
    assert.deepEqual(await rightsIn(url), before)
  })

  it('keeps it when a member of their owner makes them anew', async (t) => {
    const { url, trail, owner, database } = await ownedRecords(t)
    const before = await rightsIn(url)
    const member = await newRole(t, url)
    await rowsIn(url, `GRANT ${owner.role} TO ${member.role}`)
    await rowsIn(url, `GRANT CREATE ON DATABASE ${database} TO ${member.role}`)
    await rebuildPostgresViews({ link: linkTo(t, member.url), trail })
    assert.deepEqual(await rightsIn(url), before)
    await says(url, viewsVersion - 1)
    assert.equal(await migratePostgresViews(linkTo(t, member.url)), true)
    assert.deepEqual(await rightsIn(url), before)
  })

  it('may use a table that is new when it may use all the others so', async (t) => {
    const { url, reader, watcher } = await ownedRecords(t)
    await rowsIn(url, 'DROP TABLE logout_trail_views.heard')
    await says(url, viewsVersion - 1)
    await migratePostgresViews(linkTo(t, url))
    const of = async (role: string) =>
      (await rightsIn(url)).filter(({ name, may }) => name === 'heard' && String(may).startsWith(`${role}: `))
    assert.deepEqual(
      (await of(reader.role)).map(({ may }) => may),
      [`${reader.role}: SELECT, and may grant it`],
    )
    assert.deepEqual(await of(watcher.role), [])
  })

  it('is not replaced by who may not hand them back to their owner, and hears what to do', async (t) => {
    const { url, trail, owner, database } = await ownedRecords(t)
    const before = await rightsIn(url)
    const sessions = await sessionsIn(url)
    const stranger = await newRole(t, url)
    await rowsIn(url, `GRANT CREATE ON DATABASE ${database} TO ${stranger.role}`)
    const rebuilt = (as: string) =>
      rebuildPostgresViews({ link: linkTo(t, as), trail, onceItCan: async () => assert.fail() })
    await assert.rejects(
      rebuilt(stranger.url),
      isCoded(
        'views-unusable',
        /belongs to the role \S+, and \S+ may not act for it\); run `logout-trail rebuild` as their owner/,
      ),
    )
    // From PostgreSQL 16 on a member may act for a role and still not give it anything.
    const [server] = await rowsIn(url, `SELECT current_setting('server_version_num')::int AS version`)
    if (Number(server?.['version']) >= 160_000) {
      await rowsIn(url, `GRANT ${owner.role} TO ${stranger.role} WITH INHERIT TRUE, SET FALSE`)
      await assert.rejects(
        rebuilt(stranger.url),
        isCoded('views-unusable', /may not make another for it \(must be able to SET ROLE/),
      )
    }
    await says(url, viewsVersion - 1)
    await assert.rejects(
      migratePostgresViews(linkTo(t, stranger.url)),
      isCoded('views-unusable', /let an administrator run what `logout-trail migrate --print-sql` prints/),
    )
    assert.deepEqual(await rightsIn(url), before)
    assert.deepEqual(await sessionsIn(url), sessions)
    assert.deepEqual(await schemasIn(url), ['logout_trail_views'])
  })

  it('is made in an empty schema of another role, for that role', async (t) => {
    const url = await newDatabase(t)
    const { role } = await newRole(t, url)
    await rowsIn(url, `CREATE SCHEMA logout_trail_views AUTHORIZATION ${role}`)
    await migratePostgresViews(linkTo(t, url))
    assert.ok((await rightsIn(url)).every(({ owner }) => owner === role))
  })
})
