/**
 * What the session records cost the writer, and how far behind it they are: reports at a steady rate into a trail of its own, with
 * the thread of the records and without it, in turns.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { BenchOptions } from './options.ts'
import { progress } from './progress.ts'
import type { RecordsOrder, RecordsResult } from './records-load.ts'
import { aligned } from './report.ts'
import { median, spreadOf } from './statistics.ts'

export const RATE = 1000

const ways = [
  { title: 'the trail alone', follow: false },
  { title: 'with the session records', follow: true },
] as const

export async function recordsTable({ rounds, seconds }: BenchOptions): Promise<string> {
  const results = ways.map((): RecordsResult[] => [])
  for (let round = 0; round < rounds; round += 1) {
    for (const [at, { title, follow }] of ways.entries()) {
      progress(`session records · round ${round + 1} of ${rounds} · ${title}`)
      results[at]?.push(await run({ follow, rate: RATE, seconds: seconds + 2 }))
    }
  }
  progress('')
  const [alone = []] = results
  const rows = ways.map(({ title, follow }, at) => {
    const own = results[at] ?? []
    const ratios = own.map(({ p99Ms }, round) => p99Ms / (alone[round]?.p99Ms ?? Number.NaN))
    const { median: middle, least, most } = spreadOf(ratios)
    const of = (pick: (result: RecordsResult) => number) => median(own.map(pick)).toFixed(2)
    const wrong = own.reduce((sum, { missing }) => sum + missing, 0)
    if (wrong > 0) return [title, `LOST ${wrong}`]
    return [
      title,
      of(({ p50Ms }) => p50Ms),
      of(({ p99Ms }) => p99Ms),
      `${middle.toFixed(2)} (${least.toFixed(2)}–${most.toFixed(2)})`,
      ...(follow
        ? [of(({ lagP50Ms }) => lagP50Ms), Math.max(...own.map(({ lagMaxMs }) => lagMaxMs)).toFixed(0)]
        : ['–', '–']),
    ]
  })
  const head = ['', 'append p50 ms', 'p99 ms', 'p99 × alone', 'lag p50 ms', 'longest lag ms']
  return `${RATE} reports a second, session records\n\n${aligned([head, ...rows])}`
}

async function run(order: RecordsOrder): Promise<RecordsResult> {
  const child = fork(join(import.meta.dirname, 'records-load.ts'), [JSON.stringify(order)])
  const [result] = (await once(child, 'message')) as [RecordsResult]
  await once(child, 'exit')
  return result
}
