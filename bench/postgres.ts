/** What PostgreSQL in the place of a file costs. */
import type { Generator } from './load.ts'
import { followTable } from './postgres-follow.ts'
import { outageTables } from './postgres-outage.ts'
import { processesTable, type ProcessesOptions } from './postgres-processes.ts'
import { postgresReadsTable } from './postgres-reads.ts'
import { roundDatabase } from './postgres-round.ts'
import { benchServer, versionOf } from './postgres-server.ts'
import { ON_SQLITE } from './report.ts'
import type { RoundOptions } from './round.ts'

export interface PostgresLine {
  title: string
  round: () => Partial<RoundOptions> | Promise<Partial<RoundOptions>>
}

export type PostgresBench = Omit<ProcessesOptions, 'server' | 'generator'> & {
  generators: readonly Generator[]
  /** Measures these lines, interleaved, and prints their table. */
  compare: (lines: PostgresLine[], generator: Generator) => Promise<void>
}

export async function measurePostgres(bench: PostgresBench): Promise<void> {
  await using server = await benchServer(bench.options.database)
  console.log(`\n${await versionOf(server)}`)
  const { generators, compare, ...given } = bench
  const lines: PostgresLine[] = [
    { title: ON_SQLITE, round: () => ({}) },
    { title: 'on PostgreSQL', round: async () => ({ database: await roundDatabase(server) }) },
  ]
  for (const generator of generators) await compare(lines, generator)
  const [generator = 'autocannon'] = generators.toReversed()
  const options = { ...given, server, generator }
  console.log(`\n${await processesTable(options)}`)
  console.log(`\n${await followTable(bench.options, server)}`)
  if (server.own) console.log(`\n${await outageTables(options)}`)
}

export async function measurePostgresReads({ options }: PostgresBench): Promise<void> {
  await using server = await benchServer(options.database)
  console.log(`\n${await versionOf(server)}`)
  console.log(`\n${await postgresReadsTable(server, options)}`)
}
