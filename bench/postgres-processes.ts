/** Several services on one PostgreSQL, with the load spread over them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CONNECTIONS, drive, type Figures, type Generator } from './load.ts'
import type { BenchOptions } from './options.ts'
import { roundDatabase } from './postgres-round.ts'
import type { BenchServer } from './postgres-server.ts'
import { progress } from './progress.ts'
import { aligned } from './report.ts'
import { startTarget, type Place } from './running.ts'
import { median, spreadOf } from './statistics.ts'
import { targets } from './targets.ts'

const COUNTS = [1, 2, 4]

export interface ProcessesOptions {
  options: BenchOptions
  server: BenchServer
  generator: Generator
  place: Omit<Place, 'folder' | 'databaseUrl'>
  /** A file with a token a line. */
  tokens: string
}

interface Together {
  perSecond: number
  cpuMicros: number
  serverCpuMicros: number
  p99Ms: number
}

export async function processesTable(given: ProcessesOptions): Promise<string> {
  const { rounds } = given.options
  const results = COUNTS.map((): Together[] => [])
  for (let round = 0; round < rounds; round += 1) {
    for (const [at, count] of COUNTS.entries()) {
      progress(`processes on one PostgreSQL · round ${round + 1} of ${rounds} · ${count}`)
      results[at]?.push(await run(given, count))
    }
  }
  progress('')
  const [alone = []] = results
  const rows = COUNTS.map((count, at) => {
    const own = results[at] ?? []
    const of = (pick: (one: Together) => number) => median(own.map(pick))
    const ratios = own.map(({ perSecond }, round) => perSecond / (alone[round]?.perSecond ?? Number.NaN))
    const { median: middle, least, most } = spreadOf(ratios)
    const p99 = of(({ p99Ms }) => p99Ms)
    return [
      String(count),
      of(({ perSecond }) => perSecond).toFixed(0),
      `${middle.toFixed(2)} (${least.toFixed(2)}–${most.toFixed(2)})`,
      of(({ cpuMicros }) => cpuMicros).toFixed(0),
      of(({ serverCpuMicros }) => serverCpuMicros).toFixed(0),
      Number.isNaN(p99) ? '–' : p99.toFixed(0),
    ]
  })
  const head = ['processes', 'req/s together', '× one', 'CPU µs', 'server CPU µs', 'p99 ms']
  return `${CONNECTIONS} connections spread over processes that share a PostgreSQL, ${given.generator}; entries counted, no index missing\n\n${aligned([head, ...rows])}`
}

async function run({ options, server, generator, place, tokens }: ProcessesOptions, count: number) {
  const database = await roundDatabase(server)
  const folder = mkdtempSync(join(tmpdir(), 'logout-trail-bench-'))
  try {
    const shares = shared(tokens, { folder, count })
    const running = await Promise.all(
      shares.map(({ own }) =>
        startTarget(targets['rung-2'], { ...place, folder: own, databaseUrl: database.url }),
      ),
    )
    const figures = await Promise.all(
      running.map((one, at) =>
        drive(
          generator,
          { ...one, serverCpuMs: server.cpuMs },
          {
            tokens: shares[at]?.file ?? '',
            connections: CONNECTIONS / count,
            seconds: options.seconds,
            once: true,
            rate: 0,
          },
        ),
      ),
    )
    for (const { stop } of running) await stop()
    refuseUnsound(figures, await database.recorded())
    return together(figures)
  } finally {
    rmSync(folder, { recursive: true })
    await database.drop()
  }
}

/** A folder for each, and tokens that nobody else sends. */
function shared(tokens: string, { folder, count }: { folder: string; count: number }) {
  const lines = readFileSync(tokens, 'utf8').split('\n')
  const share = Math.floor(lines.length / count)
  return Array.from({ length: count }, (_, at) => {
    const own = mkdtempSync(join(folder, 'process-'))
    const file = join(own, 'tokens.txt')
    writeFileSync(file, lines.slice(at * share, (at + 1) * share).join('\n'))
    return { own, file }
  })
}

function refuseUnsound(figures: readonly Figures[], recorded: number): void {
  const sum = (pick: (one: Figures) => number) => figures.reduce((total, one) => total + pick(one), 0)
  const answered = sum(({ everAnswered }) => everAnswered)
  if (figures.some(({ ranOut }) => ranOut)) throw new Error('the tokens ran out: give more with --tokens')
  if (sum(({ unexpected }) => unexpected) > 0) throw new Error('answers were not 200')
  if (recorded < answered) throw new Error(`LOST ${answered - recorded} of ${answered}`)
}

/** The server's CPU was taken over the time of the first, for its requests alone. */
function together(figures: readonly Figures[]): Together {
  const answered = figures.reduce((sum, one) => sum + one.answered, 0)
  const [first] = figures
  return {
    perSecond: figures.reduce((sum, one) => sum + one.answered / one.seconds, 0),
    cpuMicros: figures.reduce((sum, one) => sum + (one.cpuMicros * one.answered) / answered, 0),
    serverCpuMicros: first ? (first.serverCpuMicros * first.answered) / answered : Number.NaN,
    p99Ms: Math.max(...figures.map(({ p99Ms }) => p99Ms)),
  }
}
