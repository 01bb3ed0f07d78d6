/** What there is to know of a PostgreSQL: asked for without writing anything, or waiting for a lock. */
import { PostgresLink } from '../../trail/stores/postgres-link.ts'

export interface ServerFacts {
  version: string
  fsync: string
  synchronousCommit: string
  /** It follows another server, and takes no writes. */
  standby: boolean
  connections: number
  connectionsLimit: number
  /** Bytes of tables and indexes. */
  trailBytes: number
  recordsBytes: number
  /** Which process writes the session records; null: none does. */
  writer: string | null
}

const ANSWER_WITHIN_MS = 5000

/** @throws {TrailError} when it cannot be reached, or refuses */
export async function readServerFacts(url: string): Promise<ServerFacts> {
  const link = new PostgresLink({
    url,
    use: 'read',
    answerWithinMs: ANSWER_WITHIN_MS,
    onConnect: async () => undefined,
  })
  try {
    return await link.run(async (client) => {
      const { rows } = await client.query<Omit<ServerFacts, 'writer'>>(SERVER)
      const [facts] = rows
      if (!facts) throw new Error('The server answered nothing.')
      return { ...facts, writer: await writerOf(async (text) => (await client.query<Lease>(text)).rows) }
    })
  } finally {
    await link.close()
  }
}

const SIZE = (schema: string) => `
  (SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname = '${schema}' AND c.relkind = 'r')::bigint`

const SERVER = `
  SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
         current_setting('synchronous_commit') AS "synchronousCommit", pg_is_in_recovery() AS standby,
         (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::int AS connections,
         current_setting('max_connections')::int AS "connectionsLimit",
         ${SIZE('logout_trail')} AS "trailBytes", ${SIZE('logout_trail_views')} AS "recordsBytes"`

interface Lease {
  there?: boolean
  holder?: string
}

/** The table is there once a service was started, or `migrate` has run. */
async function writerOf(ask: (text: string) => Promise<Lease[]>): Promise<string | null> {
  const [table] = await ask(`SELECT to_regclass('logout_trail.leases') IS NOT NULL AS there`)
  if (!table?.there) return null
  const [lease] = await ask(
    `SELECT holder FROM logout_trail.leases WHERE name = 'session records' AND until > clock_timestamp()`,
  )
  return lease?.holder ?? null
}
