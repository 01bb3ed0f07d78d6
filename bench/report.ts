/** The tables that people read. */
import { median, spreadOf } from './statistics.ts'
import type { Round } from './round.ts'

export interface Series {
  title: string
  rounds: Round[]
}

/** The line that the others of its table are compared with. */
export const ALONE = 'logouts alone'
/** The same, where two databases are compared. */
export const ON_SQLITE = 'on SQLite'

/**
 * Medians of the rounds. A ratio is the median of the ratios of each round, with the least and the most beside it; a
 * target with a fault has that instead of figures.
 */
export function tableOf(series: readonly Series[]): string {
  const bases = [
    'bare Hono',
    'naive: console.log',
    'one day: @clerk/hono + INSERT',
    'into an empty trail',
    ALONE,
    ON_SQLITE,
    'usual: verify, console.log',
    'verify + INSERT',
  ]
  const present = bases.flatMap((title) => series.find((one) => one.title === title) ?? [])
  const cpuBase = present.slice(0, 1)
  const hasServer = series.some(({ rounds }) =>
    rounds.some(({ serverCpuMicros }) => !Number.isNaN(serverCpuMicros)),
  )
  const head = [
    '',
    'req/s',
    ...present.map((base) => `× ${shortOf(base.title)}`),
    'CPU µs',
    ...(hasServer ? ['server CPU µs', 'behind'] : []),
    ...cpuBase.map((base) => `CPU × ${shortOf(base.title)}`),
    'p50 ms',
    'p99 ms',
    ...cpuBase.map((base) => `p99 × ${shortOf(base.title)}`),
    'peak MB',
  ]
  const rows = series.map(({ title, rounds }) => {
    const fault = rounds.find((round) => round.fault !== null)?.fault
    if (fault) return [title, fault]
    const of = (figure: (round: Round) => number) => median(rounds.map(figure))
    return [
      title,
      of(rate).toFixed(0),
      ...present.map((base) => ratio(rate, rounds, base.rounds)),
      of(cpu).toFixed(0),
      ...(hasServer
        ? [figureOf(of((round) => round.serverCpuMicros)), figureOf(of(({ behind }) => behind))]
        : []),
      ...cpuBase.map((base) => ratio(cpu, rounds, base.rounds)),
      figureOf(of((round) => round.p50Ms)),
      figureOf(of((round) => round.p99Ms)),
      ...cpuBase.map((base) => ratio(p99, rounds, base.rounds)),
      figureOf(of((round) => round.peakBytes / 1e6)),
    ]
  })
  return aligned([head, ...rows])
}

function shortOf(title: string): string {
  return title.split(':')[0] ?? title
}

function rate({ answered, seconds }: Round): number {
  return answered / seconds
}

function cpu({ cpuMicros }: Round): number {
  return cpuMicros
}

function p99({ p99Ms }: Round): number {
  return p99Ms
}

function ratio(figure: (round: Round) => number, rounds: readonly Round[], base: readonly Round[]): string {
  const ratios = rounds.flatMap((round, at) => {
    const other = base[at]
    return other ? [figure(round) / figure(other)] : []
  })
  const { median, least, most } = spreadOf(ratios)
  if (Number.isNaN(median)) return '–'
  if (rounds === base) return '1'
  return `${short(median)} (${short(least)}–${short(most)})`
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 2 ? value.toFixed(1) : value.toFixed(2)
}

function figureOf(value: number): string {
  return Number.isNaN(value) ? '–' : value >= 10 ? value.toFixed(0) : value.toFixed(2)
}

export function aligned(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(...rows.filter((row) => row.length > 2).map((row) => row[at]?.length ?? 0)),
  )
  return rows
    .map((row) =>
      row
        .map((cell, at) =>
          at === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(row.length > 2 ? (widths[at] ?? 0) : 0),
        )
        .join('  '),
    )
    .join('\n')
}
