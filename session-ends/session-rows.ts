/** Rows of `sessions`, and the records that they are. */
import { sql, type RawBuilder } from 'kysely'
import type { UserId } from '../trail/entry.ts'
import { recordOf, type RecordFacts, type SessionRecord, type UserEnd } from './record.ts'
import type { Rows } from './rows.ts'

/** What a record is made of, and no more: every value of every row costs time. */
const COLUMNS = [
  'session_id',
  'user_id',
  'client_id',
  'actor_id',
  'org_id',
  'started_at',
  'alive_at',
  'requested_at',
  'intent',
  'request_actor_id',
  'last_requested_at',
  'last_intent',
  'last_request_actor_id',
  'still_active_at',
  'expire_at',
  'abandon_at',
  'end_kind',
  'end_at',
  'end_exact',
] as const satisfies readonly (keyof RecordFacts)[]

export type SessionRow = Pick<RecordFacts, (typeof COLUMNS)[number]> & { id: number }

/** `SELECT ${rowColumns} FROM sessions`: a `SessionRow`. */
export const rowColumns: RawBuilder<unknown> = sql.raw(['id', ...COLUMNS].join(', '))

/** In the order of `found`. */
export async function recordsOf(
  rows: Rows,
  found: readonly SessionRow[],
  now: number,
): Promise<SessionRecord[]> {
  const users = new Set(found.flatMap(({ user_id }) => user_id ?? []))
  const ends = Map.groupBy(await userEndsOf(rows, [...users]), ({ user_id }) => user_id)
  return found.map((row) => recordOf(row, (row.user_id && ends.get(row.user_id)) ?? [], now))
}

export interface UserEndRow extends UserEnd {
  user_id: UserId
  /** Of its entry. */
  index: number
}

/** What ended the accounts of these users. */
export async function userEndsOf(rows: Rows, users: readonly UserId[]): Promise<UserEndRow[]> {
  if (users.length === 0) return []
  return rows.all(
    sql<UserEndRow>`SELECT user_id, kind, occurred_at, "index" FROM user_ends WHERE user_id ${rows.dialect.isOneOf(users)}`,
  )
}
