/** The views in PostgreSQL as a whole: begun, brought to another version, and made anew. */
import type { Client } from 'pg'
import { TrailError } from '../trail/error.ts'
import type { TrailReader } from '../trail/store.ts'
import { beginningOf, followAll, refuseRewound } from './follow.ts'
import { Views } from './views.ts'
import { VIEWS_SCHEMA, viewsSchemaSql } from './views-postgres-schema.ts'
import { viewsVersion } from './views-schema.ts'
import { postgresViewsStore, type ViewsLink } from './views-store-postgres.ts'
import type { Position } from './views-store.ts'

/**
 * Opens the views of this trail; begins them when there are none, or when they are of an older version.
 * @throws {TrailError} `trail-rewound`; `views-unusable` when they are of a newer version, or may not be made
 */
export async function openPostgresViews(link: ViewsLink, trail: TrailReader): Promise<Views> {
  const beginning = await beginningOf(trail)
  await link.run((client) => begin(client, { beginning, link }))
  const views = await Views.of(postgresViewsStore(link))
  await refuseRewound(views.position, trail)
  return views
}

/** Begins them or brings them to this version, as the service would; says whether anything was to be done. They know no trail yet. */
export async function migratePostgresViews(run: ViewsLink['run']): Promise<boolean> {
  return run(async (client) => {
    await client.query('BEGIN')
    const found = await versionIn(client)
    if (found !== null && found > viewsVersion) throw tooNew(found)
    if (found !== viewsVersion) await makeTables(client, VIEWS_SCHEMA)
    await client.query('COMMIT')
    return found !== viewsVersion
  })
}

/** What an administrator may run instead; nothing changes when the tables are of this version already. `role`: of the service. */
export function viewsMigrationSql(role: string): string {
  return [
    `-- Session records, version ${viewsVersion}: those of another version are made anew from the trail.`,
    MAKE_UNLESS_THERE,
    '',
    ...viewsGrantsFor(role).map((grant) => `-- ${grant}`),
    '',
  ].join('\n')
}

/** For a role that neither makes nor drops them. */
export function viewsGrantsFor(role: string): string[] {
  return [
    `GRANT USAGE ON SCHEMA ${VIEWS_SCHEMA} TO ${role};`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${VIEWS_SCHEMA} TO ${role};`,
  ]
}

/** The tables say their version before anything is in them. */
const STATED = `obj_description(to_regnamespace('${VIEWS_SCHEMA}'), 'pg_namespace')`

function stated(version: number): string {
  return `logout-trail: session records, version ${version}`
}

function madeAnew(schema: string): string {
  const { tables, indexes } = viewsSchemaSql(schema)
  const comment = `COMMENT ON SCHEMA ${schema} IS '${stated(viewsVersion)}';`
  return `DROP SCHEMA IF EXISTS ${schema} CASCADE;\n${tables}\n${indexes}\n${comment}`
}

async function begin(
  client: Client,
  { beginning, link }: { beginning: Position; link: ViewsLink },
): Promise<void> {
  await client.query('BEGIN')
  await link.assertHeld(client)
  const found = await versionIn(client)
  if (found !== null && found > viewsVersion) throw tooNew(found)
  if (found !== viewsVersion) await makeTables(client, VIEWS_SCHEMA)
  await addPosition(client, VIEWS_SCHEMA, beginning)
  await client.query('COMMIT')
}

/** Null: there are none of ours. */
async function versionIn(client: Client): Promise<number | null> {
  const { rows } = await client.query<{ stated: string | null }>(`SELECT ${STATED} AS stated`)
  const version = /version (\d+)$/.exec(rows[0]?.stated ?? '')?.[1]
  return version === undefined ? null : Number(version)
}

/** Any numbers that nobody else has: for the length of a rebuild, and while one schema takes the place of another. */
const REBUILD_LOCK = 7_262_001
const REPLACING_LOCK = 7_262_002

/** Replaces the schema when that holds, one after the other: whoever was let in beside its owner is let into the new one. */
function withItsRoles(replacing: string, when = 'true'): string {
  const grants = viewsGrantsFor('%1$I').join(' ')
  return `DO $replaced$
DECLARE
  roles text[];
  role text;
BEGIN
  PERFORM pg_advisory_xact_lock(${REPLACING_LOCK});
  IF NOT (${when}) THEN RETURN; END IF;
  SELECT array_agg(DISTINCT r.rolname::text) INTO roles
  FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) a JOIN pg_roles r ON r.oid = a.grantee
  WHERE n.nspname = '${VIEWS_SCHEMA}' AND a.grantee <> n.nspowner;
${replacing}
  FOREACH role IN ARRAY coalesce(roles, '{}') LOOP
    EXECUTE format('${grants}', role);
  END LOOP;
END $replaced$;`
}

/** Another process may have been faster. */
const MAKE_UNLESS_THERE = withItsRoles(
  madeAnew(VIEWS_SCHEMA),
  `${STATED} IS DISTINCT FROM '${stated(viewsVersion)}'`,
)

function tooNew(found: number): TrailError {
  return new TrailError(
    'views-unusable',
    `The session records are of version ${found}, and this program knows up to ${viewsVersion}: a newer logout-trail keeps them; this one records logouts all the same.`,
  )
}

const INSUFFICIENT_PRIVILEGE = '42501'

async function makeTables(client: Client, schema: string): Promise<void> {
  try {
    await client.query(schema === VIEWS_SCHEMA ? MAKE_UNLESS_THERE : madeAnew(schema))
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== INSUFFICIENT_PRIVILEGE) throw cause
    const message =
      'The role of DATABASE_URL may not make the tables of the session records; let an administrator run what `logout-trail migrate --print-sql` prints.'
    throw new TrailError('views-unusable', message, { cause })
  }
}

/** Unless there is one. */
async function addPosition(client: Client, schema: string, { trailId, epoch }: Position): Promise<void> {
  await client.query(
    `INSERT INTO ${schema}.position (one, version, trail_id, epoch, next_index, last_hash)
     VALUES (1, $1, $2, $3, 0, '') ON CONFLICT DO NOTHING`,
    [viewsVersion, trailId, epoch],
  )
}

const NEXT = `${VIEWS_SCHEMA}_next`

/** Whoever reads or writes begins with `position`: once that is locked, nobody waits for a table that somebody else has. */
const REPLACE = `
  IF to_regclass('${VIEWS_SCHEMA}.position') IS NOT NULL THEN
    LOCK TABLE ${VIEWS_SCHEMA}.position IN ACCESS EXCLUSIVE MODE;
  END IF;
  DROP SCHEMA IF EXISTS ${VIEWS_SCHEMA} CASCADE;
  ALTER SCHEMA ${NEXT} RENAME TO ${VIEWS_SCHEMA};`

export interface PostgresRebuilding {
  link: ViewsLink
  trail: TrailReader
  /** Nobody else rebuilds, and the tables could be made: what is to be done before the records are begun. */
  onceItCan?: (() => Promise<void>) | undefined
  /** Told again and again how many entries of how many are done. */
  onProgress?: (done: number, of: number) => void
}

/**
 * Makes the views anew beside the old ones, which stay until it is done. Services may run meanwhile: whichever of them writes the old
 * ones finds the new, and goes on from there.
 * @throws {TrailError} `trail-locked` when another rebuild runs
 */
export async function rebuildPostgresViews(rebuilding: PostgresRebuilding): Promise<number> {
  const { link, trail, onceItCan, onProgress } = rebuilding
  await link.run(async (client) => {
    await onlyOne(client)
    await makeTables(client, NEXT)
  })
  await onceItCan?.()
  const beginning = await beginningOf(trail)
  await link.run((client) => addPosition(client, NEXT, beginning))
  const views = await Views.of(postgresViewsStore(link, NEXT))
  const done = await followAll(views, trail, onProgress)
  await link.run((client) =>
    client.query(`BEGIN; ${withItsRoles(REPLACE)} COMMIT; SELECT pg_advisory_unlock(${REBUILD_LOCK})`),
  )
  return done
}

/** Until the lock is given back, or the connection ends. */
async function onlyOne(client: Client): Promise<void> {
  const { rows } = await client.query<{ ours: boolean }>(
    `SELECT pg_try_advisory_lock(${REBUILD_LOCK}) AS ours`,
  )
  if (!rows[0]?.ours) throw new TrailError('trail-locked', 'The session records are being rebuilt already.')
}
