/** A batch of reports as the arrays that the database's `append` takes, and its answer as results. */
import { columns, type Entry, type Report } from '../entry.ts'
import type { AppendResult } from '../store.ts'
import { dedupeKey } from './dedupe-key.ts'

type Column = (typeof columns)[number]

/** Columns of whole numbers; the others are text. */
export const whole: ReadonlySet<Column> = new Set([
  'occurred_at',
  'recorded_at',
  'token_iat',
  'session_created_at',
  'session_last_active_at',
  'session_expire_at',
  'session_abandon_at',
])
const required: ReadonlySet<Column> = new Set(['kind', 'source', 'occurred_at'])

/** What a report says for itself; `recorded_at` is the batch's. */
const stated = columns.filter((column) => column !== 'recorded_at')

export interface Placed {
  key: Buffer
  report: Report
}

export interface Batch {
  /** Reports with distinct keys, none of which the table refuses. */
  distinct: Placed[]
  /** For each report of the batch: why it is refused, or where its key stands in `distinct`. */
  places: (string | number)[]
}

/** Here, not in the database: there one bad row would fail them all. */
export function sortOut(reports: readonly Report[], trailKey: Uint8Array): Batch {
  const distinct: Placed[] = []
  const seen = new Map<string, number>()
  const places = reports.map((report) => {
    const refused = whyRefused(report)
    if (refused) return refused
    const key = Buffer.from(dedupeKey(trailKey, report))
    const name = key.toString('latin1')
    const before = seen.get(name)
    if (before !== undefined) return before
    seen.set(name, distinct.length)
    return distinct.push({ key, report }) - 1
  })
  return { distinct, places }
}

/** Names the column and what is wrong with it; null when the table takes the report. */
export function whyRefused(report: Report): string | null {
  // It may be anything at run time: what came over a thread or from a file has no types.
  const values: Partial<Record<Column | 'naturalKey' | 'keyedAt', unknown>> = { ...report }
  if (typeof values.naturalKey !== 'string') return 'naturalKey is no text'
  if (typeof values.keyedAt !== 'number') return 'keyedAt is no number'
  for (const column of stated) {
    const why = whyNot(column, values[column] ?? null)
    if (why) return `${column} ${why}`
  }
  return null
}

function whyNot(column: Column, value: unknown): string | null {
  if (value === null) return required.has(column) ? 'is missing' : null
  if (whole.has(column)) return Number.isSafeInteger(value) ? null : 'is no whole number'
  if (typeof value !== 'string') return 'is no text'
  // PostgreSQL's text ends at it. Natural keys may hold it: of them only a hash is stored.
  return value.includes('\u0000') ? 'holds the character NUL' : null
}

/** The parameters of `append` from `keys` on, as PostgreSQL writes arrays; null: what no report states. */
export function arraysOf(distinct: readonly Placed[]): (string | null)[] {
  const keys = distinct.map(({ key }) => `"\\\\x${key.toString('hex')}"`)
  return [`{${keys.join()}}`, ...stated.map((column) => arrayOf(column, distinct))]
}

function arrayOf(column: Column, distinct: readonly Placed[]): string | null {
  let stated = false
  const values = distinct.map(({ report }) => {
    const value = (report as Partial<Entry>)[column] ?? null
    if (value === null) return 'NULL'
    stated = true
    return typeof value === 'number' ? String(value) : quoted(value)
  })
  return stated ? `{${values.join()}}` : null
}

const TO_ESCAPE = /["\\]/g

/** Of a list, as PostgreSQL writes it. */
export function quoted(text: string): string {
  // Ids and addresses have none of them, and to look is a third of the work of replacing.
  return text.search(TO_ESCAPE) < 0 ? `"${text}"` : `"${text.replaceAll(TO_ESCAPE, '\\$&')}"`
}

export interface Answer {
  at_index: number
  is_new: boolean
}

/** The first report with a key has the answer of that key; those after it in the batch are its duplicates. */
export function resultsOf({ places }: Batch, answers: readonly Answer[]): AppendResult[] {
  const answered = new Set<number>()
  return places.map((place): AppendResult => {
    if (typeof place === 'string') return { result: 'rejected', reason: place }
    const { at_index: index, is_new: isNew } = answers[place] as Answer
    const first = isNew && !answered.has(place)
    answered.add(place)
    return { result: first ? 'durable' : 'duplicate', index }
  })
}
