/**
 * Finds session records: which rows of the views fit a filter, a page at a time.
 *
 * Each query is led by one index, and the rest of the filter is looked at row by row: `residual` hides it from the planner,
 * which would guess by it that another index, or none, is better.
 */
import { sql, type RawBuilder } from 'kysely'
import type { OrgId, SessionId, UserId } from '../trail/entry.ts'
import { outcomes, outcomesThatAre, type Outcome } from './outcome.ts'
import { orders, type Dialect, type List, type Place } from './rows.ts'
import { rowColumns, type SessionRow } from './session-rows.ts'
import { dayOf } from './views-schema.ts'

/** All of it must fit. Times are ms since 1970. */
export interface SessionFilter extends Partial<Outcome> {
  session_id?: SessionId
  user_id?: UserId
  org_id?: OrgId
  /** When it ended, at the latest, else was asked to, else began: at this moment or later. */
  from?: number
  /** Before this moment. */
  to?: number
  /** The id of a session, a user or an organisation. */
  q?: string
}

type Condition = RawBuilder<boolean>
const TRUE: Condition = sql`true`

/** How many sessions an organisation may have to be read through. */
export const FEW = 50_000

/** One row when an organisation has more than `FEW`. */
export function manyOfOrg(org: OrgId): RawBuilder<{ id: number }> {
  return sql`SELECT id FROM sessions WHERE org_id = ${org} LIMIT 1 OFFSET ${FEW}`
}

export interface Walk extends Place {
  filter: SessionFilter
  limit: number
  /** Whether `filter.org_id` has more sessions than `FEW`. */
  orgIsLarge: boolean
}

/** The next rows that fit, in their order; null when nothing can. */
export function nextRows(walk: Walk, dialect: Dialect): RawBuilder<SessionRow> | null {
  const wanted = outcomesThatAre(walk.filter)
  if (wanted.length === 0) return null
  const search = { walk, rest: residual(walk.filter, wanted), dialect }
  const lists = listsOf(walk, wanted)
  if (lists === 'all') return ofAll(search)
  if (lists === 'days') return rowsAt(byDay(search, wanted), walk.order)
  const [only] = lists
  if (only && lists.length === 1) return selected<SessionRow>(search, only, rowColumns)
  return rowsAt(union(search, lists), walk.order)
}

/**
 * The same, of the next few rows only. Where most rows fit, as of the last weeks when the newest are asked for, that is a full page,
 * and then it is the right one.
 */
export function nextRowsNearby(walk: Walk): RawBuilder<SessionRow> | null {
  const wanted = outcomesThatAre(walk.filter)
  if (wanted.length === 0) return null
  const { is, ordered } = orders[walk.order]
  const nearby = sql`SELECT * FROM sessions WHERE id ${is} ${walk.beyond} ORDER BY id ${ordered} LIMIT ${NEARBY}`
  const fit = residual(walk.filter, wanted)
  return sql`SELECT ${rowColumns} FROM (${nearby}) AS nearby WHERE ${fit} ORDER BY id ${ordered} LIMIT ${walk.limit}`
}

const NEARBY = 1000

function rowsAt(ids: RawBuilder<unknown>, order: Walk['order']): RawBuilder<SessionRow> {
  return sql`SELECT ${rowColumns} FROM sessions WHERE id IN (${ids}) ORDER BY id ${orders[order].ordered}`
}

/** Where an index finds the rows: they are in one of these lists, or in those of the days. */
function listsOf({ filter, orgIsLarge }: Walk, wanted: readonly number[]): List[] | 'days' | 'all' {
  const { session_id, user_id, org_id, from, to, q } = filter
  if (session_id !== undefined) return [{ column: SESSION, value: session_id }]
  if (user_id !== undefined) return [{ column: USER, value: user_id }]
  if (q !== undefined) return [SESSION, USER, ORG].map((column) => ({ column, value: q }))
  if (org_id !== undefined && !(orgIsLarge && isNarrowed(filter, wanted)))
    return [{ column: ORG, value: org_id }]
  if (from !== undefined || to !== undefined) return 'days'
  if (wanted.length === outcomes.length) return 'all'
  return wanted.map((value) => ({ column: OUTCOME, value }))
}

const [ID, SESSION, USER, ORG] = [sql.ref('id'), sql.ref('session_id'), sql.ref('user_id'), sql.ref('org_id')]
const OUTCOME = sql.ref('sessions.outcome')

function isNarrowed({ from, to }: SessionFilter, wanted: readonly number[]): boolean {
  return from !== undefined || to !== undefined || wanted.length < outcomes.length
}

/** What of the filter is looked at row by row, whichever index leads. */
function residual(filter: SessionFilter, wanted: readonly number[]): Condition {
  const { session_id, user_id, org_id, from, to, q } = filter
  const conditions: Condition[] = []
  if (session_id !== undefined) conditions.push(sql`session_id = ${session_id}`)
  if (user_id !== undefined) conditions.push(sql`user_id = ${user_id}`)
  if (org_id !== undefined) conditions.push(sql`org_id = ${org_id}`)
  if (q !== undefined) conditions.push(sql`(session_id = ${q} OR user_id = ${q} OR org_id = ${q})`)
  if (from !== undefined) conditions.push(sql`at >= ${from}`)
  if (to !== undefined) conditions.push(sql`at < ${to}`)
  if (wanted.length < outcomes.length) conditions.push(sql`outcome IN (${sql.join(wanted)})`)
  if (conditions.length === 0) return TRUE
  return sql`CASE WHEN ${sql.join(conditions, sql` AND `)} THEN true ELSE false END`
}

interface Search {
  walk: Walk
  rest: Condition
  dialect: Dialect
}

/** The next of a list. */
function selected<Row>({ walk, rest, dialect }: Search, list: List, columns = ID): RawBuilder<Row> {
  const { where, order } = dialect.behind(list, walk)
  return sql`SELECT ${columns} FROM sessions WHERE ${where} AND ${rest} ORDER BY ${order} LIMIT ${walk.limit}`
}

function ofAll({ walk, rest }: Search): RawBuilder<SessionRow> {
  const { is, ordered } = orders[walk.order]
  return sql`
    SELECT ${rowColumns} FROM sessions WHERE id ${is} ${walk.beyond} AND ${rest} ORDER BY id ${ordered} LIMIT ${walk.limit}`
}

/** Each part is in the order of the ids already, so only the heads are put together. */
function union(search: Search, lists: readonly List[]): RawBuilder<unknown> {
  const parts = lists.map((list) => sql`SELECT id FROM (${selected(search, list)}) AS part`)
  const { order, limit } = search.walk
  return sql`SELECT id FROM (${sql.join(parts, sql` UNION `)}) AS parts ORDER BY id ${orders[order].ordered} LIMIT ${limit}`
}

/**
 * The days that there are, and of each day the first few of each outcome. A page of n is in the n of these lists that begin nearest:
 * each of the others has n ids before its first.
 */
function byDay(search: Search, wanted: readonly number[]): RawBuilder<unknown> {
  const { filter, order, limit } = search.walk
  const { from = 0, to = Number.MAX_SAFE_INTEGER } = filter
  const [first, last] = [dayOf(from), dayOf(to - 1)]
  const { ordered } = orders[order]
  const head = selected({ ...search, walk: { ...search.walk, limit: 1 } }, listOf('days', 'wanted'))
  const next = selected(search, listOf('nearest', 'nearest'))
  return sql`
    WITH RECURSIVE days (day) AS (
      SELECT min(day) FROM sessions WHERE day BETWEEN ${first} AND ${last}
      UNION ALL
      SELECT (SELECT min(day) FROM sessions WHERE day > days.day AND day <= ${last}) FROM days WHERE day IS NOT NULL
    ),
    wanted (outcome) AS (VALUES ${sql.join(wanted.map((outcome) => sql`(CAST(${outcome} AS integer))`))}),
    heads (day, outcome, head) AS MATERIALIZED (
      SELECT days.day, wanted.outcome, (${head}) FROM days CROSS JOIN wanted
    ),
    nearest (day, outcome) AS (
      SELECT day, outcome FROM heads WHERE head IS NOT NULL ORDER BY head ${ordered} LIMIT ${limit}
    )
    ${search.dialect.idsForEach(sql`nearest`, next)} ORDER BY found.id ${ordered} LIMIT ${limit}`
}

/** Of the day and the outcome of a row of these tables. */
function listOf(days: 'days' | 'nearest', outcomes: 'wanted' | 'nearest'): List {
  const and = sql`sessions.day = ${sql.ref(`${days}.day`)}`
  return { and, column: OUTCOME, value: sql.ref(`${outcomes}.outcome`) }
}

export interface ChangesWalk {
  filter: SessionFilter
  /** The entry that changed a record last, and its row: what lies behind these comes next. */
  after: { index: number; id: number }
  /** Rows that are looked at. */
  window: number
}

export interface LookedAt {
  id: number
  last_index: number
  /** 1: it does. */
  fits: number
}

/** The next rows in the order of their last entry, each with whether it fits. */
export function nextChanges({ filter, after, window }: ChangesWalk): RawBuilder<LookedAt> {
  const wanted = outcomesThatAre(filter)
  const fits = wanted.length === 0 ? sql`false` : residual(filter, wanted)
  return sql`
    SELECT id, last_index, CASE WHEN ${fits} THEN 1 ELSE 0 END AS fits FROM sessions
    WHERE last_index >= ${after.index} AND (last_index > ${after.index} OR id > ${after.id})
    ORDER BY last_index, id LIMIT ${window}`
}

/** In no order. */
export function rowsWith(ids: readonly number[], dialect: Dialect): RawBuilder<SessionRow> {
  return sql`SELECT ${rowColumns} FROM sessions WHERE id ${dialect.isOneOf(ids)}`
}
