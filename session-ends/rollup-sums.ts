/** Adds up what sessions were counted for: from the rows of 15 minutes, and over long times from those of days. */
import { sql, type RawBuilder } from 'kysely'
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
  const moves = bounds.flatMap((bound, at) => moveOf(bound, (midnights[at] ?? 0) * QUARTERS_OF_A_DAY, at))
  const buckets = bounds.length - 1
  for (const row of moves.length > 0 ? await rowsMoved(rows, request, moves) : []) {
    const { wrong = -1, right = -1 } = moves[row.at] ?? {}
    if (wrong >= 0 && wrong < buckets) sums.add(wrong, row, -row.sessions)
    if (right >= 0 && right < buckets) sums.add(right, row, row.sessions)
  }
}

/** The quarters that count for one bucket by their day, and belong to the one beside it. */
interface Move {
  first: number
  last: number
  wrong: number
  right: number
}

function moveOf(bound: number, midnight: number, at: number): Move[] {
  if (bound === midnight) return []
  const [wrong, right] = bound < midnight ? [at - 1, at] : [at, at - 1]
  return [{ first: Math.min(bound, midnight), last: Math.max(bound, midnight), wrong, right }]
}

function integer(value: number): RawBuilder<number> {
  return sql`CAST(${value} AS bigint)`
}

/** `at`: the place of the move. All in one query: there may be one for each day. */
async function rowsMoved(
  rows: Rows,
  { measure, parts }: SumsRequest,
  moves: readonly Move[],
): Promise<SumRow[]> {
  const ranges = moves.map(
    ({ first, last }, place) => sql`(${integer(place)}, ${integer(first)}, ${integer(last)})`,
  )
  const [part, grouped] =
    parts === 'together' ? [sql`0`, sql`place, outcome`] : [sql`part`, sql`place, outcome, part`]
  return rows.all(
    sql<SumRow>`
      WITH moves (place, since, until) AS (VALUES ${sql.join(ranges)})
      SELECT place AS at, outcome, ${part} AS part, CAST(sum(sessions) AS bigint) AS sessions
      FROM moves CROSS JOIN ${sql.ref(QUARTERS)}
      WHERE measure = ${measure} AND at >= since AND at < until GROUP BY ${grouped}`,
  )
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
