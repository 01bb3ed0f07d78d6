/**
 * Where the views are kept: what whoever writes them needs of a database. There is one writer at a time.
 *
 * - `sessions` and `userEnds` answer what is stored now.
 * - `write` writes all of it in one transaction, or none. It rejects when the views no longer stand where `from` says, so that two
 *   writers can never both count an entry.
 */
import type { SessionId, Source, UserId } from '../trail/entry.ts'
import type { SessionFacts } from './facts.ts'
import type { UserEnd } from './record.ts'
import type { RollupRows } from './rollups.ts'

/** How far the readers got, and in which trail. */
export interface Position {
  trailId: string
  epoch: number
  /** The index of the first entry that is not in the views yet. */
  nextIndex: number
  /** Of the entry before that one; empty at 0. */
  lastHash: string
  /** Null: a webhook came after all logouts. */
  unanswered: Unanswered | null
}

/** When the first and the last logout were recorded that no webhook followed: ms since 1970. */
export interface Unanswered {
  first: number
  last: number
}

/** What is found and ordered by; `views-schema.ts` says what each is. */
export interface Derived {
  first_index: number
  last_index: number
  outcome: number
  at: number | null
  day: number | null
  over_by: number | null
  due_at: number | null
}

/** A row without its place. */
export type SessionColumns = SessionFacts & Derived

export type StoredSession = SessionColumns & { id: number }

export type StoredUserEnd = UserEnd & { user_id: UserId; index: number }

/** What a batch of entries changes. */
export interface ViewsChange {
  from: Position
  to: Position
  /** In the order in which they were first heard of: their places follow those that are there. */
  added: readonly Placed[]
  changed: readonly (Placed & { before: StoredSession })[]
  userEnds: readonly StoredUserEnd[]
  /** By how much the number of requested logouts grows of which Clerk sent just these webhooks, by the sum of `webhookBits`. */
  webhookMix: ReadonlyMap<number, number>
  /** When an entry of each source was last recorded, of this batch. */
  heard: ReadonlyMap<Source, number>
  rollups: RollupRows
}

export interface Placed {
  row: SessionColumns
  /** Of the entries of this batch that are about it. */
  indexes: readonly number[]
}

export interface ViewsStore {
  /** Entries of one `write`: sessions lie anywhere in a table, and many together share its pages, its index and its round trips. */
  readonly mostAtOnce: number
  position(): Promise<Position>
  /** Those that are stored, of these ids, and all of these users. */
  sessions(ids: Iterable<SessionId>, users: Iterable<UserId>): Promise<StoredSession[]>
  userEnds(users: Iterable<UserId>): Promise<StoredUserEnd[]>
  write(change: ViewsChange): Promise<void>
  close(): Promise<void>
}

/** The facts, in the order of the table. */
const FACTS = [
  'session_id',
  'user_id',
  'client_id',
  'actor_id',
  'org_id',
  'org_at',
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
  'begun',
  'webhook_ends',
  'device',
] as const satisfies readonly (keyof SessionFacts)[]

const DERIVED = ['first_index', 'last_index', 'outcome', 'at', 'day', 'over_by', 'due_at'] as const

/** Of `sessions`, after its `id`. */
export const sessionColumns = [...FACTS, ...DERIVED] as const satisfies readonly (keyof SessionColumns)[]
