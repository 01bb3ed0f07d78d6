/**
 * One round of `records.ts`, in a process of its own: the real trail on disk, reports of plausible sessions, each sent when its time
 * has come. The lag of an entry is from when it was durable until its record could be read; looked at every few milliseconds.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHistogram } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { startViews } from '../api/views.ts'
import { history } from '../examples/demo/history.ts'
import { ViewsReader } from '../session-ends/views-reader.ts'
import { sqliteViews } from '../session-ends/views-sqlite.ts'
import { viewsPathOf } from '../session-ends/views-schema.ts'
import { openSqliteStore } from '../trail/stores/sqlite.ts'
import { Trail } from '../trail/trail.ts'

export interface RecordsOrder {
  /** Whether the thread of the records runs. */
  follow: boolean
  /** Reports a second. */
  rate: number
  seconds: number
}

export interface RecordsResult {
  p50Ms: number
  p99Ms: number
  /** Of nothing without records. */
  lagP50Ms: number
  lagMaxMs: number
  /** Reports that were durable and are not in the trail, or not in the records. */
  missing: number
}

const WARM_UP_SECONDS = 1
const LOOK_EVERY_MS = 5

const { follow, rate, seconds } = JSON.parse(process.argv[2] ?? '{}') as RecordsOrder
const folder = mkdtempSync(join(tmpdir(), 'logout-trail-bench-'))
const path = join(folder, 'trail.db')
const total = rate * (seconds + WARM_UP_SECONDS)
const reports = history({ until: Date.now(), days: 60, sessionsADay: Math.ceil(total / 60) }).slice(0, total)

const store = await openSqliteStore({ path, issuer: 'https://clerk.bench.example' })
const trail = new Trail({ store, now: Date.now })
const unseen = () => undefined
const views = follow
  ? await startViews({
      database: { engine: 'sqlite', path },
      onTrouble: unseen,
      onRestart: fail,
      onWorks: unseen,
      onSetAside: unseen,
      onFigures: unseen,
    })
  : null

const records = new ViewsReader(sqliteViews(viewsPathOf(path)))

function fail(cause: unknown): void {
  throw cause
}

const latencies = createHistogram()
const lags = createHistogram()
/** How many were durable at which moment: the entries are committed in their order. */
const durable: { count: number; at: number }[] = []
let count = 0
const watching = new AbortController()

async function append(at: number, dueAt: number): Promise<void> {
  const report = reports[at]
  if (!report || (await trail.append(report)) !== 'durable') return
  const now = performance.now()
  count += 1
  durable.push({ count, at: now })
  if (at >= rate * WARM_UP_SECONDS) latencies.record(Math.max(1, Math.round((now - dueAt) * 1000)))
}

async function watchRecords(): Promise<void> {
  while (!watching.signal.aborted) {
    const known = views ? ((await records.position())?.nextIndex ?? 0) : 0
    const now = performance.now()
    for (let first = durable[0]; first && first.count <= known; first = durable[0]) {
      lags.record(Math.max(1, Math.round(now - first.at)))
      durable.shift()
    }
    await sleep(LOOK_EVERY_MS)
  }
}

const watch = views ? watchRecords() : Promise.resolve()
const startedAt = performance.now()
const sent: Promise<void>[] = []
while (sent.length < reports.length) {
  const dueAt = startedAt + (sent.length * 1000) / rate
  const early = dueAt - performance.now()
  if (early > 0) await sleep(early)
  else sent.push(append(sent.length, dueAt))
}
await Promise.all(sent)
const until = performance.now() + 10_000
if (views) while (durable.length > 0 && performance.now() < until) await sleep(LOOK_EVERY_MS)
watching.abort()
await watch
const { nextIndex } = await store.head()
const result: RecordsResult = {
  p50Ms: latencies.percentile(50) / 1000,
  p99Ms: latencies.percentile(99) / 1000,
  lagP50Ms: views ? lags.percentile(50) : Number.NaN,
  lagMaxMs: views ? lags.max : Number.NaN,
  missing: count - nextIndex + (views ? durable.length : 0),
}
await records.close()
await views?.close()
await trail.close()
rmSync(folder, { recursive: true })
process.send?.(result)
process.disconnect?.()
