/** The views in PostgreSQL as a whole: begun, brought to another version, and made anew. */
import type { Client } from 'pg'
import { TrailError } from '../trail/error.ts'
import type { TrailReader } from '../trail/store.ts'
import { beginningOf, followAll, refuseRewound } from './follow.ts'
import { Views } from './views.ts'
import { VIEWS_SCHEMA, viewsSchemaSql, viewsTables } from './views-postgres-schema.ts'
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
    const found = await refuseNewer(client)
    if (found !== viewsVersion) await makeTables(client, MAKE_UNLESS_THERE)
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
function statedBy(schema: string): string {
  return `obj_description(to_regnamespace('${schema}'), 'pg_namespace')`
}

const OURS = 'logout-trail: session records'

function madeAnew(schema: string): string {
  const { tables, indexes } = viewsSchemaSql(schema)
  const comment = `COMMENT ON SCHEMA ${schema} IS '${OURS}, version ${viewsVersion}';`
  return `DROP SCHEMA IF EXISTS ${schema} CASCADE;\n${tables}\n${indexes}\n${comment}`
}

async function begin(
  client: Client,
  { beginning, link }: { beginning: Position; link: ViewsLink },
): Promise<void> {
  await client.query('BEGIN')
  await link.assertHeld(client)
  const found = await refuseNewer(client)
  if (found !== viewsVersion) await makeTables(client, MAKE_UNLESS_THERE)
  await addPosition(client, VIEWS_SCHEMA, beginning)
  await client.query('COMMIT')
}

/** Null: there are none of ours. */
async function versionIn(client: Client): Promise<number | null> {
  const { rows } = await client.query<{ stated: string | null }>(`SELECT ${statedBy(VIEWS_SCHEMA)} AS stated`)
  const version = /version (\d+)$/.exec(rows[0]?.stated ?? '')?.[1]
  return version === undefined ? null : Number(version)
}

/** @throws {TrailError} */
async function refuseNewer(client: Client): Promise<number | null> {
  const found = await versionIn(client)
  if (found === null || found <= viewsVersion) return found
  throw new TrailError('views-unusable', tooNew(String(found)))
}

/** Any numbers that nobody else has: for the length of a rebuild, and while one schema takes the place of another. */
const REBUILD_LOCK = 7_262_001
const REPLACING_LOCK = 7_262_002

/** What the blocks below refuse with. */
const REFUSED = 'LT006'

function tooNew(found: string): string {
  return `The session records are of version ${found}, and this program knows up to ${viewsVersion}: a newer logout-trail keeps them; this one records logouts all the same.`
}

/** A schema that may be replaced: it is ours, of no newer version, or empty. A dump may have left its comment out. */
function refuseOthers(schema: string): string {
  const foreign = `The schema ${schema} is of another program: nothing of it is touched, and no session records are made. Rename it, or give logout-trail a database of its own.`
  return `
  IF substring(${statedBy(schema)} FROM '^${OURS}, version (\\d+)$')::integer > ${viewsVersion} THEN
    RAISE EXCEPTION USING ERRCODE = '${REFUSED}', MESSAGE = replace('${tooNew('%')}', '%', substring(${statedBy(schema)} FROM '\\d+$'));
  END IF;
  IF EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = to_regnamespace('${schema}'))
    AND coalesce(${statedBy(schema)}, '') NOT LIKE '${OURS}%'
    AND NOT EXISTS (
      SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass('${schema}.position') AND a.attname = 'last_hash')
  THEN
    RAISE EXCEPTION USING ERRCODE = '${REFUSED}', MESSAGE = '${foreign}';
  END IF;`
}

/**
 * Replaces the schema unless \`unless\` holds; one process after the other. Its owner stays who it was, and everybody else keeps just what
 * they had: of each table, and of a new one what they had of \`position\`.
 *
 * Whoever reads or writes begins with \`position\`: once that is locked, nobody waits for a table that somebody else has.
 */
function replaced(replacing: string, unless = 'false'): string {
  return `DO $replaced$
DECLARE
  owner text;
  given jsonb;
  change text;
BEGIN
  PERFORM pg_advisory_xact_lock(${REPLACING_LOCK});${refuseOthers(VIEWS_SCHEMA)}
  IF ${unless} THEN RETURN; END IF;
  IF to_regclass('${VIEWS_SCHEMA}.position') IS NOT NULL THEN
    LOCK TABLE ${VIEWS_SCHEMA}.position IN ACCESS EXCLUSIVE MODE;
  END IF;
  SELECT pg_get_userbyid(n.nspowner) INTO owner FROM pg_namespace n WHERE n.nspname = '${VIEWS_SCHEMA}';
  SELECT jsonb_agg(jsonb_build_object('table', o.relname, 'who', o.who, 'what', a.privilege_type, 'hands_on', a.is_grantable))
  INTO given
  FROM (
    SELECT n.nspname AS relname, n.nspacl AS acl, n.nspowner AS owner FROM pg_namespace n WHERE n.nspname = '${VIEWS_SCHEMA}'
    UNION ALL
    SELECT c.relname, c.relacl, c.relowner FROM pg_class c
    WHERE c.relnamespace = to_regnamespace('${VIEWS_SCHEMA}') AND c.relkind = 'r'
  ) AS of_them CROSS JOIN LATERAL aclexplode(of_them.acl) AS a
  CROSS JOIN LATERAL (
    SELECT of_them.relname, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS who
  ) AS o
  WHERE a.grantee <> of_them.owner;
${replacing}
  FOR change IN
    SELECT format('GRANT %s ON %s TO %s%s', g.what,
      CASE t.name WHEN '${VIEWS_SCHEMA}' THEN 'SCHEMA ${VIEWS_SCHEMA}' ELSE format('${VIEWS_SCHEMA}.%I', t.name) END,
      g.who, CASE WHEN g.hands_on THEN ' WITH GRANT OPTION' ELSE '' END)
    FROM (
      SELECT '${VIEWS_SCHEMA}' AS name
      UNION ALL SELECT c.relname FROM pg_class c
      WHERE c.relnamespace = to_regnamespace('${VIEWS_SCHEMA}') AND c.relkind = 'r'
    ) AS t
    JOIN jsonb_to_recordset(given) AS g ("table" text, who text, what text, hands_on boolean)
      ON g."table" = CASE WHEN given @> jsonb_build_array(jsonb_build_object('table', t.name)) THEN t.name ELSE 'position' END
  LOOP
    EXECUTE change;
  END LOOP;
  IF owner <> current_user THEN
    FOR change IN
      SELECT format('ALTER TABLE ${VIEWS_SCHEMA}.%I OWNER TO %I', c.relname, owner) FROM pg_class c
      WHERE c.relnamespace = to_regnamespace('${VIEWS_SCHEMA}') AND c.relkind = 'r'
    LOOP
      EXECUTE change;
    END LOOP;
    EXECUTE format('ALTER SCHEMA ${VIEWS_SCHEMA} OWNER TO %I', owner);
  END IF;
END $replaced$;`
}

/** Another process may have been faster. */
const MAKE_UNLESS_THERE = replaced(
  madeAnew(VIEWS_SCHEMA),
  `coalesce(${statedBy(VIEWS_SCHEMA)}, '') = '${OURS}, version ${viewsVersion}'`,
)

const INSUFFICIENT_PRIVILEGE = '42501'

/** @throws {TrailError} \`views-unusable\` when they are somebody else's, or the role may not make them */
async function makeTables(client: Client, sql: string): Promise<void> {
  try {
    await client.query(sql)
  } catch (cause) {
    const { code, message: said } = cause as { code?: unknown; message?: string }
    if (code === REFUSED) throw new TrailError('views-unusable', String(said), { cause })
    if (code !== INSUFFICIENT_PRIVILEGE) throw cause
    const message =
      `The role of DATABASE_URL may not make the tables of the session records (${said}); ` +
      'let their owner do it, or an administrator run what `logout-trail migrate --print-sql` prints.'
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

/** What a rebuild that was stopped has left goes. */
const MAKE_NEXT = `DO $next$
BEGIN${refuseOthers(NEXT)}
${madeAnew(NEXT)}
END $next$;`

const REPLACE = replaced(`
  DROP SCHEMA IF EXISTS ${VIEWS_SCHEMA} CASCADE;
  ALTER SCHEMA ${NEXT} RENAME TO ${VIEWS_SCHEMA};`)

/** So that its first readers need not wait until the server does it by itself. */
const ANALYZE = `ANALYZE ${viewsTables.map((table) => `${NEXT}.${table}`).join(', ')}`

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
 * @throws {TrailError} `trail-locked` when another rebuild runs; `views-unusable` when they are somebody else's, or of a newer version
 */
export async function rebuildPostgresViews(rebuilding: PostgresRebuilding): Promise<number> {
  const { link, trail, onceItCan, onProgress } = rebuilding
  await link.run(async (client) => {
    await onlyOne(client)
    await makeTables(client, `DO $look$ BEGIN${refuseOthers(VIEWS_SCHEMA)} END $look$`)
    await makeTables(client, MAKE_NEXT)
  })
  await onceItCan?.()
  const beginning = await beginningOf(trail)
  await link.run((client) => addPosition(client, NEXT, beginning))
  const views = await Views.of(postgresViewsStore(link, NEXT))
  const done = await followAll(views, trail, onProgress)
  await link.run(async (client) => {
    await client.query(ANALYZE)
    await makeTables(client, REPLACE)
    await client.query(`SELECT pg_advisory_unlock(${REBUILD_LOCK})`)
  })
  return done
}

/** Until the lock is given back, or the connection ends. */
async function onlyOne(client: Client): Promise<void> {
  const { rows } = await client.query<{ ours: boolean }>(
    `SELECT pg_try_advisory_lock(${REBUILD_LOCK}) AS ours`,
  )
  if (!rows[0]?.ours) throw new TrailError('trail-locked', 'The session records are being rebuilt already.')
}
