/** The schema `logout_trail` of a database: brought up to date, recognised, and its trail row. */
import { randomBytes } from 'node:crypto'
import type { Client } from 'pg'
import { TrailError } from '../error.ts'
import { sqlState } from '../postgres-client.ts'
import type { Use } from './postgres-errors.ts'
import { PostgresLink } from './postgres-link.ts'
import { MIGRATION_LOCK, migrations, stepSql, type Migration } from './postgres-migrations.ts'

export interface TrailRow {
  trailId: string
  trailKey: Uint8Array
  issuer: string
  epoch: number
  /** False: a dump was read in, or the database was copied, since it was last used. */
  isAtHome: boolean
}

/** Generous: a migration may rewrite an index. */
const MIGRATE_WITHIN_MS = 600_000

export interface MigrateOptions {
  url: string
  /** Null: the schema only; the first start of a service begins the trail. */
  issuer: string | null
  /** Those of this program; tests bring more. */
  steps?: readonly Migration[]
}

/** Versions of the schema, before and now; 0: there was none. */
export interface Migrated {
  from: number
  to: number
}

/**
 * Creates the schema or brings it up to date, and begins the trail of this issuer when there is none. Does nothing when
 * nothing is to be done. In one transaction, under a lock: processes that start at once all succeed.
 * @throws {TrailError} when the server, the schema or the role will not do.
 */
export async function migratePostgres({
  url,
  issuer,
  steps = migrations,
}: MigrateOptions): Promise<Migrated> {
  const link: PostgresLink = new PostgresLink({
    url,
    use: 'write',
    answerWithinMs: MIGRATE_WITHIN_MS,
    onConnect: (client) => checkServer(client, link.place, 'write'),
  })
  try {
    return await link.run(async (client) => {
      const found = await foundVersion(client, { place: link.place, known: steps.length })
      if (found < steps.length) await migrate(client, link.place, steps)
      if (issuer !== null) await beginTrail(client, issuer)
      return { from: found, to: Math.max(found, steps.length) }
    })
  } finally {
    await link.close()
  }
}

/** The version of the schema; 0 when there is none. Changes nothing. @throws {TrailError} as `foundVersion` */
export async function schemaVersionIn(url: string): Promise<number> {
  const link = new PostgresLink({ url, use: 'read', onConnect: async () => undefined })
  try {
    return await link.run((client) => foundVersion(client, { place: link.place, known: migrations.length }))
  } finally {
    await link.close()
  }
}

async function migrate(client: Client, place: string, steps: readonly Migration[]): Promise<void> {
  try {
    await client.query('BEGIN')
    await client.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK])
    // Again: another process may have been faster.
    const found = await foundVersion(client, { place, known: steps.length })
    for (const [at, step] of steps.entries()) {
      if (at >= found) await client.query(stepSql(step, at + 1))
    }
    await client.query('COMMIT')
  } catch (cause) {
    if (sqlState(cause) !== '42501') throw cause
    const message =
      `${place} has no schema logout_trail of version ${steps.length}, and the user of DATABASE_URL may not make it; ` +
      'let an administrator run what `logout-trail migrate --print-sql` prints.'
    throw new TrailError('trail-unwritable', message, { cause })
  }
}

/** Whoever comes first decides what the trail is called, and its key. */
async function beginTrail(client: Client, issuer: string): Promise<void> {
  const there = await client.query('SELECT 1 FROM logout_trail.trail')
  if (there.rowCount) return
  await client.query(
    `INSERT INTO logout_trail.trail (one, trail_id, trail_key, issuer, epoch, works_with)
     SELECT 1, $1, $2, $3, 0, m.works_with FROM logout_trail.migrations m ORDER BY m.version DESC LIMIT 1
     ON CONFLICT DO NOTHING`,
    [randomBytes(16).toString('hex'), randomBytes(32), issuer],
  )
}

const OLDEST_SERVER = 14

/** Old servers, standbys and databases that cannot hold all text are refused with a sentence. */
export async function checkServer(client: Client, place: string, use: Use): Promise<void> {
  const { rows } = await client.query<ServerFacts>(
    `SELECT current_setting('server_version') AS version, current_setting('server_encoding') AS encoding,
            pg_is_in_recovery() AS standby, current_setting('transaction_read_only') AS read_only`,
  )
  const [facts] = rows
  const code = use === 'write' ? 'trail-unwritable' : 'trail-unreadable'
  const refuse = (why: string) => {
    throw new TrailError(code, `${place} cannot be ${use === 'write' ? 'written' : 'read'}: ${why}.`)
  }
  if (!facts) return refuse('it does not say what it is')
  if (Number.parseInt(facts.version, 10) < OLDEST_SERVER) {
    refuse(`it is PostgreSQL ${facts.version}; logout-trail needs ${OLDEST_SERVER} or newer`)
  }
  if (facts.encoding !== 'UTF8') refuse(`its encoding is ${facts.encoding}; create a database with UTF8`)
  if (use === 'read') return
  if (facts.standby) refuse('it is a hot standby, which takes no writes; let DATABASE_URL name the primary')
  if (facts.read_only === 'on') refuse('it is set to read-only (default_transaction_read_only)')
}

interface ServerFacts {
  version: string
  encoding: string
  standby: boolean
  read_only: string
}

/**
 * The version of the schema; 0 when there is none.
 * @throws {TrailError} when another program has a schema of that name, or a newer one does not work with version `known`.
 */
export async function foundVersion(
  client: Client,
  { place, known }: { place: string; known: number },
): Promise<number> {
  // From the catalogue: it asks for no permission, and fails of nothing that is missing.
  const { rows } = await client.query<{ relations: number; ours: boolean }>(
    `SELECT count(c.oid)::integer AS relations,
            coalesce(bool_or(c.relname = 'trail' AND EXISTS (
              SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'trail_key')), false) AS ours
     FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid WHERE n.nspname = 'logout_trail'`,
  )
  const [found] = rows
  if (!found?.relations) return 0
  if (!found.ours) {
    const message = `${place} has a schema logout_trail of another program; choose another database.`
    throw new TrailError('trail-foreign', message)
  }
  const newest = await client.query<{ version: number; works_with: number }>(
    'SELECT version, works_with FROM logout_trail.migrations ORDER BY version DESC LIMIT 1',
  )
  const [{ version, works_with }] = newest.rows as [{ version: number; works_with: number }]
  if (works_with > known) {
    throw new TrailError(
      'trail-too-new',
      `${place} has schema version ${version}, which programs of version ${works_with} and newer work with; ` +
        `this one has ${known}. Use the newer logout-trail.`,
    )
  }
  return version
}

/**
 * Which database and which table this is: numbers that neither a failover changes, nor VACUUM FULL, nor pg_upgrade (of the database: from
 * version 15 on, by PostgreSQL's release notes), and that a dump that is read in, or a copy of the database, cannot keep.
 */
const HOME = `(SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) || '.' || 'logout_trail.trail'::regclass::oid`

/** Null when no service has begun the trail yet. A trail that knows no home is at home from now on. */
export async function readTrailRow(client: Client): Promise<TrailRow | null> {
  const { rows } = await client.query<TrailRow & { home: string | null }>(
    `SELECT trail_id AS "trailId", trail_key AS "trailKey", issuer, epoch, home, coalesce(home = ${HOME}, true) AS "isAtHome"
     FROM logout_trail.trail`,
  )
  const [row] = rows
  if (!row) return null
  if (row.home === null) await client.query(`UPDATE logout_trail.trail SET home = ${HOME} WHERE home IS NULL`)
  return row
}

/**
 * Accepts a trail that was restored from a backup, or a replica that took over and had lagged: the epoch says that its
 * indexes were given out once before. Services that run go on by themselves.
 */
export async function raisePostgresEpoch(url: string): Promise<void> {
  const link: PostgresLink = new PostgresLink({
    url,
    use: 'write',
    onConnect: (client) => checkServer(client, link.place, 'write'),
  })
  try {
    await link.run((client) =>
      client.query(`UPDATE logout_trail.trail SET epoch = epoch + 1, home = ${HOME}`),
    )
  } finally {
    await link.close()
  }
}
