/** Adds up what sessions were counted for: from the rows of 15 minutes, and over long times from those of days. */
import { sql } from 'kysely'
import type { OrgId } from '../trail/entry.ts'
import type { Measure } from './rollups.ts'
import type { Rows } from './rows.ts'
import { DAY_MS, QUARTER_MS } from './views-schema.ts'

export interface SumsRequest {
  measure: Measure
  org_id?: OrgId | undefined
  /** Quarters of an hour since 1970, ascending: each bucket begins at one of them and ends before the next. */
  bounds: readonly number[]
  /** `together`: every `part` is 0, and there is less to read. */
  parts?: 'apart' | 'together' | undefined
}

export interface Sum {
  /** The place of the bucket. */
  bucket: number
  outcome: number
  part: number
  sessions: number
}

const QUARTERS_OF_A_DAY = DAY_MS / QUARTER_MS

/** From how many quarters on, at the mean, buckets are made of days. */
const LONG = QUARTERS_OF_A_DAY / 2

export async function sumsOf(rows: Rows, request: SumsRequest): Promise<Sum[]> {
  const { org_id, bounds } = request
  const [first = 0, last = 0] = [bounds[0], bounds.at(-1)]
  const sums = new Sums()
  const isLong = (last - first) / (bounds.length - 1) >= LONG
  if (org_id === undefined && isLong) await addDays(rows, sums, request)
  else addRows(sums, await rowsBetween(rows, request, { table: QUARTERS, first, last }), bounds)
  return sums.found()
}

class Sums {
  readonly #sums = new Map<number, Sum>()

  add(bucket: number, { outcome, part }: SumRow, sessions: number): void {
    const key = (bucket * MOST + outcome) * MOST + part
    const known = this.#sums.get(key)
    if (known) known.sessions += sessions
    else this.#sums.set(key, { bucket, outcome, part, sessions })
  }

  found(): Sum[] {
    return [...this.#sums.values()].filter(({ sessions }) => sessions !== 0)
  }
}

/** More than there are outcomes, or bins. */
const MOST = 10_000

/** `rows` are in the order of `at`, and none lies outside. */
function addRows(sums: Sums, rows: readonly SumRow[], bounds: readonly number[]): void {
  let bucket = 0
  for (const row of rows) {
    while (row.at >= (bounds[bucket + 1] ?? Infinity)) bucket += 1
    sums.add(bucket, row, row.sessions)
  }
}

/**
 * As if each bucket began at the midnight of UTC that is nearest to its beginning; then the quarters in between change their bucket. Of
 * most zones these are much fewer than all of them, and in UTC there are none.
 */
async function addDays(rows: Rows, sums: Sums, request: SumsRequest): Promise<void> {
  const { bounds } = request
  const midnights = bounds.map((bound) => Math.round(bound / QUARTERS_OF_A_DAY))
  const [first = 0, last = 0] = [midnights[0], midnights.at(-1)]
  addRows(sums, await rowsBetween(rows, request, { table: DAYS, first, last }), midnights)
  const buckets = bounds.length - 1
  for (const [at, bound] of bounds.entries()) {
    const midnight = (midnights[at] ?? 0) * QUARTERS_OF_A_DAY
    if (bound === midnight) continue
    const [wrong, right] = bound < midnight ? [at - 1, at] : [at, at - 1]
    const between = { table: QUARTERS, first: Math.min(bound, midnight), last: Math.max(bound, midnight) }
    const moved = await rowsBetween(rows, { ...request, bounds: [between.first, between.last] }, between)
    for (const row of moved) {
      if (wrong >= 0 && wrong < buckets) sums.add(wrong, row, -row.sessions)
      if (right >= 0 && right < buckets) sums.add(right, row, row.sessions)
    }
  }
}

const QUARTERS = 'rollup_quarters' as const
const DAYS = 'rollup_days' as const

interface Range {
  table: typeof QUARTERS | typeof DAYS
  first: number
  last: number
}

interface SumRow {
  at: number
  outcome: number
  part: number
  sessions: number
}

/** Of one bucket `at` does not matter, and all of it is added up in the database. */
async function rowsBetween(
  rows: Rows,
  { measure, org_id, bounds, parts }: SumsRequest,
  { table, first, last }: Range,
): Promise<SumRow[]> {
  const columns = [
    bounds.length > 2 ? 'at' : '0 AS at',
    'outcome',
    parts === 'together' ? '0 AS part' : 'part',
  ]
  const grouped = sql.raw(columns.filter((column) => !column.includes(' ')).join(', '))
  const from =
    org_id === undefined
      ? sql`${sql.ref(table)} WHERE`
      : sql`rollup_org_quarters WHERE org = (SELECT id FROM orgs WHERE org_id = ${org_id}) AND`
  return rows.all(
    sql<SumRow>`
      SELECT ${sql.raw(columns.join(', '))}, CAST(sum(sessions) AS bigint) AS sessions
      FROM ${from} measure = ${measure} AND at >= ${first} AND at < ${last} GROUP BY ${grouped} ORDER BY ${grouped}`,
  )
}
