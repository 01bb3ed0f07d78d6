/** What the answers are while PostgreSQL is away for ten seconds: frozen, or stopped and started again. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
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

/** ms since 1970 */
interface Outage {
  goesAt: number
  comesAt: number
  /** It answers somebody. */
  backAt: number
}

interface Away {
  title: string
  goes: () => Promise<void> | void
  comes: () => Promise<void> | void
}

/** Frozen first: a server that is started again has other processes. */
export async function outageTables(options: ProcessesOptions): Promise<string> {
  const { own, signal } = options.server
  const frozen: Away = {
    title: 'frozen for 10 s: it takes what is sent, and answers nothing',
    goes: () => signal('SIGSTOP'),
    comes: () => signal('SIGCONT'),
  }
  const stopped = own && {
    title: 'stopped, away for 10 s, and started again',
    goes: () => own.stop(),
    comes: () => own.start(),
  }
  const tables = [await outageTable(options, frozen)]
  if (stopped) tables.push(await outageTable(options, stopped))
  return tables.join('\n\n')
}

async function outageTable({ server, place, tokens }: ProcessesOptions, away: Away): Promise<string> {
  const database = await roundDatabase(server)
  const folder = mkdtempSync(join(tmpdir(), 'logout-trail-bench-'))
  try {
    const target = await startTarget(targets['rung-2'], { ...place, folder, databaseUrl: database.url })
    const load = startLoad({ port: target.port, tokens, rate: RATE })
    const outage = await during(away)
    const answers = await load.end()
    await target.stop()
    return tableOf(answers, { ...outage, title: away.title, recorded: await database.recorded() })
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

async function during({ title, goes, comes }: Away): Promise<Outage> {
  progress(`PostgreSQL is about to be ${title}`)
  await sleep(BEFORE_MS)
  const goesAt = now()
  await goes()
  await sleep(AWAY_MS)
  const comesAt = now()
  await comes()
  const backAt = now()
  await sleep(AFTER_MS)
  return { goesAt, comesAt, backAt }
}

function now(): number {
  return performance.timeOrigin + performance.now()
}

function tableOf(
  answers: readonly Answered[],
  { goesAt, comesAt, backAt, title: away, recorded }: Outage & { title: string; recorded: number },
): string {
  // Started and warm.
  const measured = answers.filter(({ dueAt }) => dueAt >= goesAt - BEFORE_MS + 2000)
  const firstAgain = Math.min(...durableOf(measured).flatMap(({ dueAt }) => (dueAt >= comesAt ? dueAt : [])))
  const phases = [
    { title: 'before', from: 0, to: goesAt },
    { title: 'while it is away', from: goesAt, to: comesAt },
    { title: 'until recorded again', from: comesAt, to: firstAgain },
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
    `${RATE} logouts a second, PostgreSQL ${away}`,
    aligned([head, ...rows]),
    `It was back ${seconds(backAt - comesAt)} after it was told to be; recorded again ${seconds(firstAgain - backAt)} after that.`,
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
