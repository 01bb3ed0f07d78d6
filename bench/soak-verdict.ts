/** What must hold after a soak, each with its figure. */
import { sessionNumber, type Load } from './soak-load.ts'
import type { Handles, Reading } from './soak-readings.ts'
import { quantile } from './statistics.ts'

export interface Finding {
  holds: boolean
  /** With the figure, and the bound that it is held to. */
  sentence: string
}

/** Below this many minutes the figures over time prove little: they are told, and not held to anything. */
export const ENOUGH_MINUTES = 4

export interface Run {
  minutes: number
  readings: Reading[]
  /** The p99 of each minute, ms. */
  p99OfMinutes: number[]
}

const MEMORY_GROWTH = 1.1
const LATENCY_GROWTH = 1.5
/** SQLite brings the log into the file at about 4 MiB; one that keeps growing is held open by somebody. */
const WAL_BYTES = 16 * 1024 * 1024

export function overTime(run: Run): Finding[] {
  return [memory(run), latency(run), wal(run.readings)]
}

/**
 * Medians of two minutes, because the heap is a sawtooth: it grows until it is collected. The first minute is left
 * out, in which code is compiled, the heap finds its size and the keys of repeats fill their place.
 */
function memory({ minutes, readings }: Run): Finding {
  const medianOf = (from: number, to: number) =>
    quantile(
      readings.filter(({ atMs }) => atMs > from * 60_000 && atMs <= to * 60_000).map(({ rssMb }) => rssMb),
      0.5,
    )
  const early = medianOf(1, 3)
  const late = medianOf(minutes - 2, minutes)
  const slope = slopeOf(readings.filter(({ atMs }) => atMs > 60_000))
  return {
    holds: late <= early * MEMORY_GROWTH,
    sentence:
      `memory: ${late.toFixed(1)} MB in the last two minutes, ${early.toFixed(1)} MB in minutes 2 and 3 (medians): ` +
      `× ${(late / early).toFixed(2)}, at most × ${MEMORY_GROWTH}; slope ${slope.toFixed(2)} MB a minute`,
  }
}

/** Least squares, MB a minute. */
function slopeOf(readings: Reading[]): number {
  const points = readings.map(({ atMs, rssMb }) => ({ x: atMs / 60_000, y: rssMb }))
  const x = mean(points.map((point) => point.x))
  const y = mean(points.map((point) => point.y))
  return mean(points.map((p) => (p.x - x) * (p.y - y))) / mean(points.map((p) => (p.x - x) ** 2))
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function latency({ p99OfMinutes }: Run): Finding {
  const early = p99OfMinutes[1] ?? Number.NaN
  const late = p99OfMinutes.at(-1) ?? Number.NaN
  return {
    holds: late <= early * LATENCY_GROWTH,
    sentence:
      `p99: ${late.toFixed(1)} ms in the last minute, ${early.toFixed(1)} ms in the second: ` +
      `× ${(late / early).toFixed(2)}, at most × ${LATENCY_GROWTH}`,
  }
}

function wal(readings: Reading[]): Finding {
  const most = Math.max(...readings.map(({ walBytes }) => walBytes))
  return {
    holds: most <= WAL_BYTES,
    sentence: `write-ahead log: ${mib(most)} MiB at most, of ${mib(WAL_BYTES)} MiB allowed`,
  }
}

function mib(bytes: number): string {
  return (bytes / 1024 ** 2).toFixed(1)
}

export function handles(before: Handles, after: Handles): Finding {
  return {
    holds: after.descriptors <= before.descriptors && after.threads <= before.threads,
    sentence:
      `handles: ${after.descriptors} descriptors and ${after.threads} threads after the load, ` +
      `${before.descriptors} and ${before.threads} before it`,
  }
}

export function answers({ surprises, sentAgain }: Load, droppedLines: number): Finding[] {
  const told = [...surprises].map(([what, times]) => `${what} (${times} times)`).join('; ')
  return [
    {
      holds: surprises.size === 0,
      sentence: `answers: ${told || 'each as expected'}; ${sentAgain} sent again after an idle connection ended`,
    },
    { holds: droppedLines === 0, sentence: `log: ${droppedLines} lines dropped` },
  ]
}

/** `ids`: the session of each entry of the trail. */
export function loss({ durable, perhaps }: Load, ids: unknown[]): Finding {
  const found = new Set<number>()
  let twice = 0
  let strange = 0
  for (const n of ids.map(sessionNumber)) {
    if (found.has(n)) twice += 1
    else if (!durable.has(n) && !perhaps.has(n)) strange += 1
    found.add(n)
  }
  const lost = [...durable].filter((n) => !found.has(n)).length
  return {
    holds: lost + twice + strange === 0 && durable.size > 0,
    sentence:
      `loss: of ${durable.size} answered durable ${lost} are not in the trail, ${twice} entries are there twice, ` +
      `${strange} were never sent; ${ids.length} entries, with those whose caller had gone`,
  }
}
