/** What people ask of many sessions: how many ended and why, after how long, and how complete the records are. */
import { sql } from 'kysely'
import { intents, type Intent, type OrgId, type Source } from '../trail/entry.ts'
import type { Binned } from './bins.ts'
import { devices } from './device.ts'
import { GRACE_MS } from './due.ts'
import { outcomes, REQUESTED, type Dimension } from './outcome.ts'
import type { Reason } from './record.ts'
import { measures, type Measure } from './rollups.ts'
import type { Rows } from './rows.ts'
import { sumsOf, type Sum } from './rollup-sums.ts'
import { coverageOf, unconfirmedOf, type Coverage } from './views-reader.ts'
import { QUARTER_MS } from './views-schema.ts'

/** ms since 1970, both a multiple of 15 minutes: from `from` on, and before `to`. */
export interface Span {
  from: number
  to: number
  org_id?: OrgId | undefined
}

export interface Series {
  /** What its ends have in common, in the order of the dimensions that were asked for. */
  is: (string | null)[]
  /** One for each bucket. */
  counts: number[]
  total: number
}

export interface EndsRequest extends Span {
  /** When each bucket begins, the first at `from` or before; only what lies in the span is counted. */
  starts: readonly number[]
  by: readonly Dimension[]
}

/** The largest total first. An end counts when it was, or when only bounds are known at the latest of them. */
export async function endsOverTime(
  rows: Rows,
  { from, to, org_id, starts, by }: EndsRequest,
): Promise<Series[]> {
  const bounds = [...starts.map((start) => Math.max(start, from)), to].map((at) => at / QUARTER_MS)
  const found = new Map<string, Series>()
  const parts = by.includes('device') ? 'apart' : 'together'
  for (const sum of await sumsOf(rows, { measure: measures.ends, org_id, bounds, parts })) {
    const is = by.map((dimension) => valueOf(sum, dimension))
    const series = found.get(is.join()) ?? { is, counts: starts.map(() => 0), total: 0 }
    series.counts[sum.bucket] = (series.counts[sum.bucket] ?? 0) + sum.sessions
    series.total += sum.sessions
    found.set(is.join(), series)
  }
  return [...found.values()].toSorted((a, b) => b.total - a.total || (a.is.join() < b.is.join() ? -1 : 1))
}

function valueOf({ outcome, part }: Sum, dimension: Dimension): string | null {
  if (dimension === 'device') return devices[part - 1] ?? null
  return outcomes[outcome]?.[dimension] ?? null
}

export interface DurationsRequest extends Span {
  reason?: Reason | undefined
}

/** Of the ends of which the duration is known. */
export async function durationsIn(rows: Rows, { reason, ...span }: DurationsRequest): Promise<Binned[]> {
  const sums = await sumsIn(rows, measures.durations, span)
  return binsOf(sums.filter(({ outcome }) => reason === undefined || outcomes[outcome]?.reason === reason))
}

export interface Ends {
  total: number
  /** The user signed out. */
  voluntary: number
  /** Every other known end. */
  forced: number
  /** Clerk only says that it no longer has the session. */
  unknown: number
}

export interface Overview {
  /** How many stand so now, whatever the span. */
  now: { open: number; requested: number; unconfirmed: number }
  ends: Ends
  /** In as long a time before `from`. */
  previous: Ends
  /** From the click to the end, of logouts that were asked for in the span and that Clerk confirmed. */
  confirmations: Binned[]
  /** Of the sessions that had to be over in the span, as far as it has passed. */
  coverage: Coverage
  /** What the logouts meant that were asked for in the span. */
  intents: { intent: Intent | null; count: number }[]
  heard: Heard
}

/** How much of the span has passed, in whole quarters: this morning is not compared with the whole of last week. */
export function passedOf({ from, to }: Span, now: number): number {
  const passed = Math.min(to, Math.ceil(now / QUARTER_MS) * QUARTER_MS) - from
  return passed > 0 ? passed : to - from
}

/** When an entry of each source was last recorded: ms since 1970, null for none. */
export type Heard = Record<'api' | 'webhook' | 'sweep', number | null>

export async function overviewOf(rows: Rows, { now, ...span }: Span & { now: number }): Promise<Overview> {
  const { from, to, org_id } = span
  const standing = await sumsOf(rows, { measure: measures.standing, org_id, bounds: [0, ALL] })
  const count = (is: (sum: Sum) => boolean) => totalOf(standing.filter(is))
  return {
    now: {
      open: count(({ outcome }) => outcome !== REQUESTED),
      requested: count(({ outcome }) => outcome === REQUESTED),
      unconfirmed: await unconfirmedOf(rows, { now, org_id }),
    },
    ends: await endsIn(rows, span),
    previous: await endsIn(rows, { from: from - passedOf(span, now), to: from, org_id }),
    confirmations: binsOf(await sumsIn(rows, measures.confirmations, span)),
    coverage: await coverageOf(rows, { from, to: Math.min(to, now - GRACE_MS), org_id }),
    intents: await intentsIn(rows, span),
    heard: await heardIn(rows),
  }
}

/** In quarters since 1970: later than every date, and a midnight. */
const ALL = 96_000_000_000

export const noOverview: Overview = {
  now: { open: 0, requested: 0, unconfirmed: 0 },
  ends: { total: 0, voluntary: 0, forced: 0, unknown: 0 },
  previous: { total: 0, voluntary: 0, forced: 0, unknown: 0 },
  confirmations: [],
  coverage: { sessions: 0, ended: 0, unknown: 0 },
  intents: mixOf([]),
  heard: { api: null, webhook: null, sweep: null },
}

async function endsIn(rows: Rows, span: Span): Promise<Ends> {
  const sums = await sumsIn(rows, measures.ends, span)
  const total = totalOf(sums)
  const voluntary = totalOf(sums.filter(({ outcome }) => isVoluntary(outcome)))
  const unknown = totalOf(sums.filter(({ outcome }) => outcomes[outcome]?.reason === 'unknown'))
  return { total, voluntary, forced: total - voluntary - unknown, unknown }
}

function isVoluntary(outcome: number): boolean {
  const { reason, initiator } = outcomes[outcome] ?? {}
  return reason === 'signed-out' && initiator === 'user'
}

async function intentsIn(rows: Rows, span: Span): Promise<Overview['intents']> {
  return mixOf(await sumsIn(rows, measures.intents, span))
}

function mixOf(sums: readonly Sum[]): Overview['intents'] {
  return [...intents, null].map((intent) => {
    const place = intent === null ? 0 : intents.indexOf(intent) + 1
    return { intent, count: totalOf(sums.filter(({ part }) => part === place)) }
  })
}

async function heardIn(rows: Rows): Promise<Heard> {
  const found = await rows.all(sql<{ source: Source; at: number }>`SELECT source, at FROM heard`)
  const at = (wanted: Source) => found.find(({ source }) => source === wanted)?.at ?? null
  return { api: at('api'), webhook: at('webhook'), sweep: at('sweep') }
}

function sumsIn(rows: Rows, measure: Measure, { from, to, org_id }: Span): Promise<Sum[]> {
  return sumsOf(rows, { measure, org_id, bounds: [from / QUARTER_MS, to / QUARTER_MS] })
}

function totalOf(sums: readonly Sum[]): number {
  return sums.reduce((total, { sessions }) => total + sessions, 0)
}

function binsOf(sums: readonly Sum[]): Binned[] {
  const bins = new Map<number, number>()
  for (const { part, sessions } of sums) bins.set(part, (bins.get(part) ?? 0) + sessions)
  return [...bins].map(([bin, sessions]) => ({ bin, sessions }))
}
