/** What the soak reads from outside of the service: Linux's account of the process, its metrics, its files. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import type { RunningService } from '../test/service.ts'

export interface Handles {
  descriptors: number
  threads: number
}

export interface Reading extends Handles {
  /** Since the load began. */
  atMs: number
  rssMb: number
  /** What V8 has in use, of the main thread: tells a heap that waits for its collection from a leak. */
  heapMb: number
  walBytes: number
  droppedLines: number
  pendingReports: number
  /** Requests answered since the reading before. */
  answers: number
  p50Ms: number
  p99Ms: number
}

export type ReadingOfService = Omit<Reading, 'atMs' | 'answers' | 'p50Ms' | 'p99Ms'>

export async function readService(service: RunningService, trail: string): Promise<ReadingOfService> {
  const metrics = await textOf(`${service.url}/metrics`)
  return {
    ...handlesOf(service.process.pid),
    rssMb: statusOf(service.process.pid, 'VmRSS') / 1024,
    heapMb: metric(metrics, 'nodejs_heap_size_used_bytes') / 1024 ** 2,
    walBytes: statSync(`${trail}-wal`, { throwIfNoEntry: false })?.size ?? 0,
    droppedLines: metric(metrics, 'logout_trail_dropped_log_lines'),
    pendingReports: metric(metrics, 'logout_trail_pending_reports'),
  }
}

export function handlesOf(pid: number | undefined): Handles {
  return { descriptors: readdirSync(`/proc/${pid}/fd`).length, threads: statusOf(pid, 'Threads') }
}

/** @throws when the answer is not 200. */
export async function textOf(url: string): Promise<string> {
  const response = await fetch(url, { headers: { connection: 'close' } })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}: ${text}`)
  return text
}

function statusOf(pid: number | undefined, field: string): number {
  const found = new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(found?.[1])
}

function metric(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
}
