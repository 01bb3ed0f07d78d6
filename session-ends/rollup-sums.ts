/** Adds up what sessions were counted for: from the rows of 15 minutes, and over long times from those of days. */
import type { DatabaseSync } from 'node:sqlite'
import type { OrgId } from '../trail/entry.ts'
import type { Measure } from './rollups.ts'
import { prepared } from './statements.ts'
import { DAY_MS, QUARTER_MS } from './views-schema.ts'

export interface SumsRequest {
  measure: Measure
  org_id?: OrgId | undefined
  /** Quarters of an hour since 1970, ascending: each bucket begins at one of them and ends before the next. */
  bounds: readonly number[]
}

export interface Sum {
  /** The place of the bucket. */
  bucket: number
  outcome: number
  part: number
  sessions: number
}

interface Row {
  at: number
  outcome: number
  part: number
  sessions: number
}

const QUARTERS_OF_A_DAY = DAY_MS / QUARTER_MS

/** From how many quarters on, at the mean, buckets are made of days. */
const LONG = QUARTERS_OF_A_DAY / 2

export function sumsOf(db: DatabaseSync, request: SumsRequest): Sum[] {
  const { measure, org_id, bounds } = request
  const [first = 0, last = 0] = [bounds[0], bounds.at(-1)]
  const sums = new Sums()
  if (org_id !== undefined) {
    addRows(sums, ofOrg(db, { measure, org_id, first, last }), bounds)
  } else if ((last - first) / (bounds.length - 1) < LONG) {
    addRows(sums, rowsOf(db, 'rollup_quarters', [measure, first, last]), bounds)
  } else addDays(db, sums, request)
  return sums.found()
}

class Sums {
  readonly #sums = new Map<string, Sum>()

  add(bucket: number, { outcome, part }: Row, sessions: number): void {
    const name = `${bucket} ${outcome} ${part}`
    const known = this.#sums.get(name)
    if (known) known.sessions += sessions
    else this.#sums.set(name, { bucket, outcome, part, sessions })
  }

  found(): Sum[] {
    return [...this.#sums.values()].filter(({ sessions }) => sessions !== 0)
  }
}

/** `rows` are in the order of `at`, and none lies outside. */
function addRows(sums: Sums, rows: Iterable<Row>, bounds: readonly number[]): void {
  let bucket = 0
  for (const row of rows) {
    while (row.at >= (bounds[bucket + 1] ?? Infinity)) bucket += 1
    sums.add(bucket, row, row.sessions)
  }
}

/**
 * As if each bucket began at the midnight that is nearest to its beginning; then the quarters in between change their bucket. Of most
 * zones these are much fewer than all of them, and in UTC none.
 */
function addDays(db: DatabaseSync, sums: Sums, { measure, bounds }: SumsRequest): void {
  const midnights = bounds.map((bound) => Math.round(bound / QUARTERS_OF_A_DAY))
  const [first = 0, last = 0] = [midnights[0], midnights.at(-1)]
  addRows(sums, rowsOf(db, 'rollup_days', [measure, first, last]), midnights)
  const buckets = bounds.length - 1
  for (const [at, bound] of bounds.entries()) {
    const midnight = (midnights[at] ?? 0) * QUARTERS_OF_A_DAY
    // [where they are, where they belong]
    const [from, to] = bound < midnight ? [at - 1, at] : [at, at - 1]
    const between = [measure, Math.min(bound, midnight), Math.max(bound, midnight)] as const
    if (bound === midnight) continue
    for (const row of addedUp(db, between)) {
      if (from >= 0 && from < buckets) sums.add(from, row, -row.sessions)
      if (to >= 0 && to < buckets) sums.add(to, row, row.sessions)
    }
  }
}

type Range = readonly [measure: Measure, first: number, last: number]

function rowsOf(db: DatabaseSync, table: 'rollup_quarters' | 'rollup_days', range: Range): Iterable<Row> {
  return prepared(
    db,
    `SELECT at, outcome, part, sessions FROM ${table} WHERE measure = ? AND at >= ? AND at < ? ORDER BY at`,
  ).iterate(...range) as Iterable<unknown> as Iterable<Row>
}

function addedUp(db: DatabaseSync, range: Range): Row[] {
  return prepared(
    db,
    `SELECT 0 AS at, outcome, part, sum(sessions) AS sessions FROM rollup_quarters
     WHERE measure = ? AND at >= ? AND at < ? GROUP BY outcome, part`,
  ).all(...range) as unknown as Row[]
}

interface OrgRange {
  measure: Measure
  org_id: OrgId
  first: number
  last: number
}

function ofOrg(db: DatabaseSync, { measure, org_id, first, last }: OrgRange): Iterable<Row> {
  return prepared(
    db,
    `SELECT at, outcome, part, sessions FROM rollup_org_quarters
     WHERE org = (SELECT id FROM orgs WHERE org_id = ?) AND measure = ? AND at >= ? AND at < ? ORDER BY at`,
  ).iterate(org_id, measure, first, last) as Iterable<unknown> as Iterable<Row>
}
