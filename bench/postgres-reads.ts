/** What reading costs where there are many sessions, in PostgreSQL; and how large they are. */
import { postgresViews } from '../session-ends/views-postgres.ts'
import { largePostgres, type LargePostgres } from './large-postgres.ts'
import type { BenchOptions } from './options.ts'
import type { BenchServer } from './postgres-server.ts'
import { readsTables } from './reads.ts'
import { aligned } from './report.ts'

export async function postgresReadsTable(
  server: BenchServer,
  { entries: sessions }: BenchOptions,
): Promise<string> {
  const large = await largePostgres(server, sessions)
  const { url } = large
  const tables = await readsTables({
    database: { engine: 'postgres', url },
    // The plain query over all sessions takes longer than a page may.
    views: postgresViews({ url, answerWithinMs: 120_000 }),
    sessions,
    // No index has what it asks for.
    withoutIndex: 'sessions',
  })
  return `${sessions.toLocaleString('en')} sessions in PostgreSQL\n\n${sizesTable(large)}\n\n${tables}`
}

function sizesTable({ bytesOfASession, bytesOfAnEntry }: LargePostgres): string {
  return aligned([
    ['bytes', 'all', 'of which'],
    line('a session', bytesOfASession),
    line('an entry', bytesOfAnEntry),
  ])
}

function line(title: string, of: Record<string, number>): string[] {
  const parts = Object.entries(of).map(([name, bytes]) => `${name} ${bytes.toFixed(0)}`)
  const all = Object.values(of).reduce((sum, bytes) => sum + bytes, 0)
  return [title, all.toFixed(0), parts.join(', ')]
}
