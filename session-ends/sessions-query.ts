/**
 * Finds session records: which rows of the views fit a filter, a page at a time.
 *
 * Each query is led by one index, and the rest of the filter is looked at row by row: `residual` hides it from the planner,
 * which would guess.
 */
import { sql, type RawBuilder } from 'kysely'
import type { OrgId, SessionId, UserId } from '../trail/entry.ts'
import { outcomes, outcomesThatAre, type Outcome } from './outcome.ts'
import type { Dialect } from './rows.ts'
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

export interface Walk {
  filter: SessionFilter
  /** Rows in the order of their ids: `newest` from the last, `oldest` from the first. */
  order: 'newest' | 'oldest'
  /** Beyond this id in that order. */
  beyond: number
  limit: number
  /** Whether `filter.org_id` has more sessions than `FEW`. */
  orgIsLarge: boolean
}

/** The next rows that fit, in their order; null when nothing can. */
export function nextRows(walk: Walk, dialect: Dialect): RawBuilder<SessionRow> | null {
  const wanted = outcomesThatAre(walk.filter)
  if (wanted.length === 0) return null
  const rest = residual(walk.filter, wanted)
  const leads = leadsOf(walk, wanted)
  if (leads === 'days') return rowsAt(byDay(walk, { wanted, rest, dialect }), walk.order)
  const [lead = TRUE] = leads
  if (leads.length > 1) return rowsAt(union(walk, leads, rest), walk.order)
  return led(walk, { lead, rest, columns: rowColumns }) as RawBuilder<SessionRow>
}

/**
 * The same, of the next few rows only. Where most rows fit, as of the last weeks when the newest are asked for, that is a full page,
 * and then it is the right one.
 */
export function nextRowsNearby(walk: Walk): RawBuilder<SessionRow> | null {
  const wanted = outcomesThatAre(walk.filter)
  if (wanted.length === 0) return null
  const { is, ordered } = places[walk.order]
  const nearby = sql`SELECT * FROM sessions WHERE id ${is} ${walk.beyond} ORDER BY id ${ordered} LIMIT ${NEARBY}`
  const fit = residual(walk.filter, wanted)
  return sql`SELECT ${rowColumns} FROM (${nearby}) AS nearby WHERE ${fit} ORDER BY id ${ordered} LIMIT ${walk.limit}`
}

const NEARBY = 1000

function rowsAt(ids: RawBuilder<unknown>, order: Walk['order']): RawBuilder<SessionRow> {
  return sql`SELECT ${rowColumns} FROM sessions WHERE id IN (${ids}) ORDER BY id ${places[order].ordered}`
}

/** What finds the rows in an index: they are in one of these lists, or in those of the days. */
function leadsOf({ filter, orgIsLarge }: Walk, wanted: readonly number[]): Condition[] | 'days' {
  const { session_id, user_id, org_id, from, to, q } = filter
  if (session_id !== undefined) return [sql`session_id = ${session_id}`]
  if (user_id !== undefined) return [sql`user_id = ${user_id}`]
  if (q !== undefined) return [sql`session_id = ${q}`, sql`user_id = ${q}`, sql`org_id = ${q}`]
  if (org_id !== undefined && !(orgIsLarge && isNarrowed(filter, wanted))) return [sql`org_id = ${org_id}`]
  if (from !== undefined || to !== undefined) return 'days'
  if (wanted.length === outcomes.length) return [TRUE]
  return wanted.map((outcome): Condition => sql`outcome = ${outcome}`)
}

function isNarrowed({ from, to }: SessionFilter, wanted: readonly number[]): boolean {
  return from !== undefined || to !== undefined || wanted.length < outcomes.length
}

function is(column: 'session_id' | 'user_id' | 'org_id', value: string): Condition {
  return sql`coalesce(${sql.ref(column)}, '') = ${value}`
}

/** What of the filter is looked at row by row, whichever index leads. */
function residual(filter: SessionFilter, wanted: readonly number[]): Condition {
  const { session_id, user_id, org_id, from, to, q } = filter
  const conditions: Condition[] = []
  if (session_id !== undefined) conditions.push(is('session_id', session_id))
  if (user_id !== undefined) conditions.push(is('user_id', user_id))
  if (org_id !== undefined) conditions.push(is('org_id', org_id))
  if (q !== undefined)
    conditions.push(sql`(${is('session_id', q)} OR ${is('user_id', q)} OR ${is('org_id', q)})`)
  if (from !== undefined) conditions.push(sql`at >= ${from}`)
  if (to !== undefined) conditions.push(sql`at < ${to}`)
  if (wanted.length < outcomes.length) conditions.push(sql`coalesce(outcome, -1) IN (${sql.join(wanted)})`)
  return conditions.length === 0 ? TRUE : (sql.join(conditions, sql` AND `) as Condition)
}

const places = {
  newest: { is: sql.raw('<'), ordered: sql.raw('DESC') },
  oldest: { is: sql.raw('>'), ordered: sql.raw('ASC') },
}

interface Led {
  lead: Condition
  rest: Condition
  columns?: RawBuilder<unknown>
}

function led({ order, beyond, limit }: Walk, { lead, rest, columns = ID }: Led): RawBuilder<unknown> {
  const { is, ordered } = places[order]
  return sql`SELECT ${columns} FROM sessions WHERE ${lead} AND id ${is} ${beyond} AND ${rest} ORDER BY id ${ordered} LIMIT ${limit}`
}

const ID = sql.ref('id')

/** Each part is in the order of the ids already, so only the heads are put together. */
function union(walk: Walk, leads: readonly Condition[], rest: Condition): RawBuilder<unknown> {
  const parts = leads.map((lead) => sql`SELECT id FROM (${led(walk, { lead, rest })}) AS part`)
  const { ordered } = places[walk.order]
  return sql`SELECT id FROM (${sql.join(parts, sql` UNION `)}) AS parts ORDER BY id ${ordered} LIMIT ${walk.limit}`
}

/**
 * The days that there are, and of each day the first few of each outcome. A page of n is in the n of these lists that begin nearest:
 * each of the others has n ids before its first.
 */
function byDay(
  walk: Walk,
  { wanted, rest, dialect }: { wanted: readonly number[]; rest: Condition; dialect: Dialect },
): RawBuilder<unknown> {
  const { from = 0, to = Number.MAX_SAFE_INTEGER } = walk.filter
  const [first, last] = [dayOf(from), dayOf(to - 1)]
  const { ordered } = places[walk.order]
  const head = led({ ...walk, limit: 1 }, { lead: inList(sql`days`, sql`wanted`), rest })
  const idsOfList = led(walk, { lead: inList(sql`nearest`, sql`nearest`), rest })
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
      SELECT day, outcome FROM heads WHERE head IS NOT NULL ORDER BY head ${ordered} LIMIT ${walk.limit}
    )
    ${dialect.idsForEach(sql`nearest`, idsOfList)} ORDER BY found.id ${ordered} LIMIT ${walk.limit}`
}

function inList(days: RawBuilder<unknown>, outcomes: RawBuilder<unknown>): Condition {
  return sql`sessions.day = ${days}.day AND sessions.outcome = ${outcomes}.outcome`
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
