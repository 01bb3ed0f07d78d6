/** What the answers are while PostgreSQL is stopped, away for ten seconds, and started again. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PostgresServer } from '../test/postgres.ts'
import type { Answered, OutageOrder } from './postgres-outage-load.ts'
import type { ProcessesOptions } from './postgres-processes.ts'
import { roundDatabase } from './postgres-round.ts'
import { progress } from './progress.ts'
import { aligned } from './report.ts'
import { startTarget } from './running.ts'
import { quantile } from './statistics.ts'
import { targets } from './targets.ts'

const RATE = 300
const BEFORE_MS = 5000
const AWAY_MS = 10_000
const AFTER_MS = 10_000

/** When it was told to stop, had stopped, and answered again: ms since 1970. */
interface Outage {
  stoppingAt: number
  startingAt: number
  backAt: number
}

export async function outageTable(
  { server, place, tokens }: ProcessesOptions,
  own: PostgresServer,
): Promise<string> {
  const database = await roundDatabase(server)
  const folder = mkdtempSync(join(tmpdir(), 'logout-trail-bench-'))
  try {
    const target = await startTarget(targets['rung-2'], { ...place, folder, databaseUrl: database.url })
    const load = startLoad({ port: target.port, tokens, rate: RATE })
    const outage = await restart(own)
    const answers = await load.end()
    await target.stop()
    return tableOf(answers, { ...outage, recorded: await database.recorded() })
  } finally {
    rmSync(folder, { recursive: true })
    await database.drop()
    progress('')
  }
}

function startLoad(order: OutageOrder) {
  const child = fork(join(import.meta.dirname, 'postgres-outage-load.ts'), [JSON.stringify(order)])
  return {
    end: async () => {
      const said = once(child, 'message')
      child.send('end')
      return (await said)[0] as Answered[]
    },
  }
}

async function restart(own: PostgresServer): Promise<Outage> {
  progress('PostgreSQL is about to be away')
  await sleep(BEFORE_MS)
  const stoppingAt = performance.timeOrigin + performance.now()
  await own.stop()
  await sleep(AWAY_MS)
  const startingAt = performance.timeOrigin + performance.now()
  await own.start()
  const backAt = performance.timeOrigin + performance.now()
  await sleep(AFTER_MS)
  return { stoppingAt, startingAt, backAt }
}

function tableOf(
  answers: readonly Answered[],
  { stoppingAt, startingAt, backAt, recorded }: Outage & { recorded: number },
): string {
  // Started and warm.
  const measured = answers.filter(({ dueAt }) => dueAt >= stoppingAt - BEFORE_MS + 2000)
  const firstAgain = Math.min(
    ...durableOf(measured).flatMap(({ dueAt }) => (dueAt >= startingAt ? dueAt : [])),
  )
  const phases = [
    { title: 'before', from: 0, to: stoppingAt },
    { title: 'from the stop to the start', from: stoppingAt, to: startingAt },
    { title: 'from the start to the first recorded again', from: startingAt, to: firstAgain },
    { title: 'after', from: firstAgain, to: Infinity },
  ]
  const rows = phases.map(({ title, from, to }) => {
    const own = measured.filter(({ dueAt }) => dueAt >= from && dueAt < to)
    const took = own.map(({ tookMs }) => tookMs)
    const of = (record: string) => own.filter((one) => one.record === record).length
    const others = own.length - of('durable') - of('logged')
    const figures = [quantile(took, 0.5), quantile(took, 0.99), Math.max(...took)]
    return [
      title,
      ...[own.length, of('durable'), of('logged'), others].map(String),
      ...figures.map((ms) => (Number.isFinite(ms) ? ms.toFixed(1) : '–')),
    ]
  })
  const durable = durableOf(answers).length
  const head = ['', 'answers', 'durable', 'logged', 'others', 'p50 ms', 'p99 ms', 'longest ms']
  return [
    `${RATE} logouts a second while PostgreSQL is stopped, away for ${AWAY_MS / 1000} s, and started again`,
    aligned([head, ...rows]),
    `It took connections ${seconds(backAt - startingAt)} after the start was asked for; recorded again ${seconds(firstAgain - backAt)} after that.`,
    recorded < durable
      ? `LOST ${durable - recorded} of ${durable}`
      : `${recorded} entries for ${durable} answers durable; no index is missing.`,
  ].join('\n\n')
}

function durableOf(answers: readonly Answered[]): Answered[] {
  return answers.filter(({ record }) => record === 'durable')
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`
}
