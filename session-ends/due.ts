/** When Clerk is to be asked for a session: what the sweep goes by. */
import { sql, type RawBuilder } from 'kysely'
import type { SessionId, UserId } from '../trail/entry.ts'
import type { SessionFacts } from './facts.ts'
import { ENDED, REQUESTED } from './outcome.ts'
import { CONFIRM_WITHIN_MS } from './record.ts'
import type { Rows } from './rows.ts'

/** How long Clerk has to say by itself that a session is over. */
export const GRACE_MS = 60_000
/** Clerk is asked for one session once an hour at most. */
export const ASK_AGAIN_MS = 3_600_000

export interface DueSession {
  session_id: SessionId
  user_id: UserId | null
  /** Whether a logout of it was asked for. */
  requested: boolean
  place: DuePlace
}

/** A place in the order of what is due. */
export interface DuePlace {
  /** ms since 1970: since when it is due. */
  at: number
  id: number
}

export interface DueRequest {
  /** ms since 1970. */
  now: number
  /** Beyond this place; null: from the longest due on. */
  after: DuePlace | null
  limit: number
}

/** When the session must be over, as far as Clerk said: ms since 1970. */
export function overBy({ expire_at, abandon_at }: SessionFacts): number | null {
  if (expire_at === null || abandon_at === null) return expire_at ?? abandon_at
  return Math.min(expire_at, abandon_at)
}

/**
 * When Clerk is to be asked for it next, ms since 1970: when it must be over, or a logout after which Clerk was not asked yet is not
 * confirmed. Null: never, as far as is known now.
 */
export function dueAt(facts: SessionFacts, outcome: number): number | null {
  if (outcome >= ENDED) return null
  const { last_requested_at: requestedAt, still_active_at: answeredAt } = facts
  const isAnswered = requestedAt === null || (answeredAt !== null && answeredAt >= requestedAt)
  const due = Math.min(
    (overBy(facts) ?? Infinity) + GRACE_MS,
    isAnswered ? Infinity : requestedAt + CONFIRM_WITHIN_MS,
  )
  if (due === Infinity) return null
  return answeredAt === null ? due : Math.max(due, answeredAt + ASK_AGAIN_MS)
}

/** As `dueAt` of a session that has not ended, as if Clerk had not been asked. */
const overDue = sql`coalesce(over_by + ${sql.lit(GRACE_MS)}, ${sql.lit(Number.MAX_SAFE_INTEGER)})`
const logoutDue = sql`last_requested_at + ${sql.lit(CONFIRM_WITHIN_MS)}`
const isRequested = sql`outcome = ${sql.lit(REQUESTED)}`
const unansweredDueAt = sql`CASE WHEN ${isRequested} AND ${logoutDue} < ${overDue} THEN ${logoutDue} ELSE ${overDue} END`
const requested = sql`CASE WHEN ${isRequested} THEN 1 ELSE 0 END`

interface DueRow extends DuePlace {
  session_id: SessionId
  user_id: UserId | null
  /** 1: it was. */
  requested: number
}

/**
 * Two searches of an index, merged. The second finds what was answered while our clock was ahead, which is nothing in most lives: such
 * an answer says nothing of the time until then.
 */
export function dueQuery({ now, after, limit }: DueRequest): RawBuilder<DueRow> {
  const { at, id } = after ?? { at: -1, id: -1 }
  return sql`
    SELECT session_id, user_id, ${requested} AS requested, due_at AS at, id FROM sessions
    WHERE due_at < ${now} AND (due_at, id) > (${at}, ${id})
    UNION ALL
    SELECT session_id, user_id, ${requested}, ${unansweredDueAt}, id FROM sessions
    WHERE still_active_at > ${now} AND outcome < ${sql.lit(ENDED)}
      AND ${unansweredDueAt} < ${now} AND (${unansweredDueAt}, id) > (${at}, ${id})
    ORDER BY at, id LIMIT ${limit}`
}

/** What Clerk should be asked for, the longest due first. */
export async function dueSessions(rows: Rows, request: DueRequest): Promise<DueSession[]> {
  const found = await rows.all(dueQuery(request))
  return found.map(({ session_id, user_id, requested, at, id }) => ({
    session_id,
    user_id,
    requested: requested === 1,
    place: { at, id },
  }))
}
