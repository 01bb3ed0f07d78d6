/**
 * Finds session records: which rows of the views fit a filter, a page at a time.
 *
 * Each query is led by one index, and the rest of the filter is looked at row by row: `residual` hides it from the planner,
 * which would guess. Kysely only writes the SQL.
 */
import {
  DummyDriver,
  Kysely,
  sql,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type CompiledQuery,
  type RawBuilder,
} from 'kysely'
import type { OrgId, SessionId, UserId } from '../trail/entry.ts'
import { outcomes, outcomesThatAre, type Outcome } from './outcome.ts'
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

interface Tables {
  sessions: {
    id: number
    session_id: string
    user_id: string | null
    org_id: string | null
    outcome: number
    at: number | null
    day: number | null
    last_index: number
  }
}

const db = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
})

type Condition = RawBuilder<boolean>
const TRUE: Condition = sql`true`

/** How many sessions an organisation may have to be read through. */
export const FEW = 50_000

/** One row when an organisation has more than `FEW`. */
export function manyOfOrg(org: OrgId): CompiledQuery {
  return db.selectFrom('sessions').select('id').where('org_id', '=', org).limit(1).offset(FEW).compile()
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
export function nextRows(walk: Walk): CompiledQuery | null {
  const wanted = outcomesThatAre(walk.filter)
  if (wanted.length === 0) return null
  const ids = nextIds(walk, wanted, residual(walk.filter, wanted))
  return rowsOf(ids, walk.order).compile(db)
}

/**
 * The same, of the next few rows only. Where most rows fit, as of the last weeks when the newest are asked for, that is a full page,
 * and then it is the right one.
 */
export function nextRowsNearby(walk: Walk): CompiledQuery | null {
  const wanted = outcomesThatAre(walk.filter)
  if (wanted.length === 0) return null
  const { is, ordered } = places[walk.order]
  const nearby = sql`SELECT * FROM sessions WHERE id ${is} ${walk.beyond} ORDER BY id ${ordered} LIMIT ${NEARBY}`
  const fit = residual(walk.filter, wanted)
  return sql`SELECT * FROM (${nearby}) AS nearby WHERE ${fit} ORDER BY id ${ordered} LIMIT ${walk.limit}`.compile(
    db,
  )
}

const NEARBY = 1000

function rowsOf(ids: RawBuilder<unknown>, order: Walk['order']): RawBuilder<unknown> {
  return sql`SELECT * FROM sessions WHERE id IN (${ids}) ORDER BY id ${places[order].ordered}`
}

function nextIds(walk: Walk, wanted: readonly number[], rest: Condition): RawBuilder<unknown> {
  const { filter } = walk
  if (filter.session_id !== undefined) return led(walk, sql`session_id = ${filter.session_id}`, rest)
  if (filter.user_id !== undefined) return led(walk, sql`user_id = ${filter.user_id}`, rest)
  if (filter.q !== undefined) {
    const { q } = filter
    return union(walk, [sql`session_id = ${q}`, sql`user_id = ${q}`, sql`org_id = ${q}`], rest)
  }
  if (filter.org_id !== undefined && !(walk.orgIsLarge && isNarrowed(filter, wanted)))
    return led(walk, sql`org_id = ${filter.org_id}`, rest)
  if (filter.from !== undefined || filter.to !== undefined) return byDay(walk, wanted, rest)
  if (wanted.length < outcomes.length)
    return union(
      walk,
      wanted.map((outcome): Condition => sql`outcome = ${outcome}`),
      rest,
    )
  return led(walk, TRUE, rest)
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

function led({ order, beyond, limit }: Walk, lead: Condition, rest: Condition): RawBuilder<unknown> {
  const { is, ordered } = places[order]
  return sql`SELECT id FROM sessions WHERE ${lead} AND id ${is} ${beyond} AND ${rest} ORDER BY id ${ordered} LIMIT ${limit}`
}

/** Each part is in the order of the ids already, so only the heads are put together. */
function union(walk: Walk, leads: readonly Condition[], rest: Condition): RawBuilder<unknown> {
  const parts = leads.map((lead) => sql`SELECT id FROM (${led(walk, lead, rest)}) AS part`)
  const { ordered } = places[walk.order]
  return sql`SELECT id FROM (${sql.join(parts, sql` UNION `)}) AS parts ORDER BY id ${ordered} LIMIT ${walk.limit}`
}

/**
 * The days that there are, and of each day the first few of each outcome. A page of n is in the n of these lists that begin nearest:
 * each of the others has n ids before its first.
 */
function byDay(walk: Walk, wanted: readonly number[], rest: Condition): RawBuilder<unknown> {
  const { from = 0, to = Number.MAX_SAFE_INTEGER } = walk.filter
  const [first, last] = [dayOf(from), dayOf(to - 1)]
  const { ordered } = places[walk.order]
  return sql`
    WITH RECURSIVE days (day) AS (
      SELECT min(day) FROM sessions WHERE day BETWEEN ${first} AND ${last}
      UNION ALL
      SELECT (SELECT min(day) FROM sessions WHERE day > days.day AND day <= ${last}) FROM days WHERE day IS NOT NULL
    ),
    wanted (outcome) AS (VALUES ${sql.join(wanted.map((outcome) => sql`(${outcome})`))}),
    heads (day, outcome, head) AS (
      SELECT days.day, wanted.outcome, (${led({ ...walk, limit: 1 }, inList(sql`days`, sql`wanted`), rest)}) FROM days CROSS JOIN wanted
    ),
    nearest (day, outcome) AS (
      SELECT day, outcome FROM heads WHERE head IS NOT NULL ORDER BY head ${ordered} LIMIT ${walk.limit}
    )
    SELECT found.id FROM nearest CROSS JOIN sessions AS found
    WHERE found.id IN (${led(walk, inList(sql`nearest`, sql`nearest`), rest)})
    ORDER BY found.id ${ordered} LIMIT ${walk.limit}`
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

/** The next rows in the order of their last entry, each with whether it fits. */
export function nextChanges({ filter, after, window }: ChangesWalk): CompiledQuery {
  const wanted = outcomesThatAre(filter)
  const fits = wanted.length === 0 ? sql`false` : residual(filter, wanted)
  return sql`
    SELECT id, last_index, (${fits}) AS fits FROM sessions
    WHERE last_index >= ${after.index} AND (last_index > ${after.index} OR id > ${after.id})
    ORDER BY last_index, id LIMIT ${window}`.compile(db)
}
