/** What people ask of many sessions: how many ended and why, after how long, and how complete the records are. */
import type { DatabaseSync } from 'node:sqlite'
import { intents, type Intent, type OrgId, type Source } from '../trail/entry.ts'
import type { Binned } from './bins.ts'
import { devices } from './device.ts'
import { GRACE_MS } from './due.ts'
import { outcomes, REQUESTED, type Dimension } from './outcome.ts'
import type { Reason } from './record.ts'
import { measures, type Measure } from './rollups.ts'
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
export function endsOverTime(db: DatabaseSync, { from, to, org_id, starts, by }: EndsRequest): Series[] {
  const bounds = [...starts.map((start) => Math.max(start, from)), to].map((at) => at / QUARTER_MS)
  const found = new Map<string, Series>()
  const parts = by.includes('device') ? 'apart' : 'together'
  for (const sum of sumsOf(db, { measure: measures.ends, org_id, bounds, parts })) {
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
export function durationsIn(db: DatabaseSync, { reason, ...span }: DurationsRequest): Binned[] {
  return binsOf(
    sumsIn(db, measures.durations, span).filter(
      ({ outcome }) => reason === undefined || outcomes[outcome]?.reason === reason,
    ),
  )
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

export function overviewOf(db: DatabaseSync, { now, ...span }: Span & { now: number }): Overview {
  const { from, to, org_id } = span
  const standing = sumsOf(db, { measure: measures.standing, org_id, bounds: [0, ALL] })
  const count = (is: (sum: Sum) => boolean) => totalOf(standing.filter(is))
  return {
    now: {
      open: count(({ outcome }) => outcome !== REQUESTED),
      requested: count(({ outcome }) => outcome === REQUESTED),
      unconfirmed: unconfirmedOf(db, { now, org_id }),
    },
    ends: endsIn(db, span),
    previous: endsIn(db, { from: from - passedOf(span, now), to: from, org_id }),
    confirmations: binsOf(sumsIn(db, measures.confirmations, span)),
    coverage: coverageOf(db, { from, to: Math.min(to, now - GRACE_MS), org_id }),
    intents: intentsIn(db, span),
    heard: heardIn(db),
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

function endsIn(db: DatabaseSync, span: Span): Ends {
  const sums = sumsIn(db, measures.ends, span)
  const total = totalOf(sums)
  const voluntary = totalOf(sums.filter(({ outcome }) => isVoluntary(outcome)))
  const unknown = totalOf(sums.filter(({ outcome }) => outcomes[outcome]?.reason === 'unknown'))
  return { total, voluntary, forced: total - voluntary - unknown, unknown }
}

function isVoluntary(outcome: number): boolean {
  const { reason, initiator } = outcomes[outcome] ?? {}
  return reason === 'signed-out' && initiator === 'user'
}

function intentsIn(db: DatabaseSync, span: Span): Overview['intents'] {
  return mixOf(sumsIn(db, measures.intents, span))
}

function mixOf(sums: readonly Sum[]): Overview['intents'] {
  return [...intents, null].map((intent) => {
    const place = intent === null ? 0 : intents.indexOf(intent) + 1
    return { intent, count: totalOf(sums.filter(({ part }) => part === place)) }
  })
}

function heardIn(db: DatabaseSync): Heard {
  const rows = db.prepare('SELECT source, at FROM heard').all() as unknown as { source: Source; at: number }[]
  const at = (wanted: Source) => rows.find(({ source }) => source === wanted)?.at ?? null
  return { api: at('api'), webhook: at('webhook'), sweep: at('sweep') }
}

function sumsIn(db: DatabaseSync, measure: Measure, { from, to, org_id }: Span): Sum[] {
  return sumsOf(db, { measure, org_id, bounds: [from / QUARTER_MS, to / QUARTER_MS] })
}

function totalOf(sums: readonly Sum[]): number {
  return sums.reduce((total, { sessions }) => total + sessions, 0)
}

function binsOf(sums: readonly Sum[]): Binned[] {
  const bins = new Map<number, number>()
  for (const { part, sessions } of sums) bins.set(part, (bins.get(part) ?? 0) + sessions)
  return [...bins].map(([bin, sessions]) => ({ bin, sessions }))
}
