/** A database for one round, and what is found in it afterwards. */
import { inDatabase } from '../test/postgres.ts'
import type { BenchServer } from './postgres-server.ts'
import type { RoundDatabase } from './round.ts'

export async function roundDatabase(server: BenchServer): Promise<RoundDatabase> {
  const url = await server.newDatabase()
  return {
    url,
    recorded: () => soundlyRecorded(url),
    inRecords: async () => Number(await single(url, IN_RECORDS)),
    cpuMs: server.cpuMs,
    drop: () => server.drop(url),
  }
}

/** How many entries there are. @throws when an index is missing, or a session is there twice: none was sent twice. */
export async function soundlyRecorded(url: string): Promise<number> {
  const { rows } = await inDatabase(url, (client) => client.query<Record<string, string>>(LOOKED_THROUGH))
  const counts = Object.values(rows[0] ?? {}).map(Number)
  const [count = Number.NaN] = counts
  if (counts.some((other) => other !== count)) throw new Error(`entries: ${JSON.stringify(rows[0])}`)
  return count
}

const LOOKED_THROUGH = `
  SELECT count(*) AS entries, count(DISTINCT session_id) AS sessions, coalesce(max("index"), -1) + 1 AS next_index,
    (SELECT count(*) FROM logout_trail.dedupe) AS keys
  FROM logout_trail.entries`

const IN_RECORDS = 'SELECT next_index FROM logout_trail_views.position'

/** The first column of the first row. */
export async function single(url: string, query: string): Promise<unknown> {
  const { rows } = await inDatabase(url, (client) => client.query<Record<string, unknown>>(query))
  return Object.values(rows[0] ?? {})[0]
}
