/** Lists session records, a page at a time; each page is read in one transaction. */
import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite'
import type { CompiledQuery } from 'kysely'
import type { SessionFacts } from './facts.ts'
import { recordOf, type SessionRecord } from './record.ts'
import { manyOfOrg, nextChanges, nextIds, type SessionFilter } from './sessions-query.ts'
import { prepared } from './statements.ts'
import { userEndsOf } from './views-reader.ts'

/** A record, and its place in the order by first entry. */
export interface Listed {
  id: number
  record: SessionRecord
}

export interface ListRequest {
  filter: SessionFilter
  order: 'newest' | 'oldest'
  /** Beyond this place; null: from the beginning of the order. */
  beyond: number | null
  limit: number
  /** ms since 1970. */
  now: number
}

/** A place in the order by last entry. */
export interface ChangePlace {
  /** Of the entry. */
  index: number
  id: number
}

export interface ChangesRequest {
  filter: SessionFilter
  after: ChangePlace
  limit: number
  now: number
}

export interface Changes {
  records: SessionRecord[]
  /** Everything up to here was looked at. */
  next: ChangePlace
  /** Whether rows may lie behind `next`: then ask again, also when no record was found. */
  more: boolean
}

/** Rows that are looked at in one transaction, which takes a few milliseconds. */
const WINDOW = 5000

export function listSessions(db: DatabaseSync, { filter, order, beyond, limit, now }: ListRequest): Listed[] {
  const orgIsLarge = filter.org_id !== undefined && all(db, manyOfOrg(filter.org_id)).length > 0
  const start = order === 'newest' ? Number.MAX_SAFE_INTEGER : -1
  const query = nextIds({ filter, order, beyond: beyond ?? start, limit, orgIsLarge })
  if (!query) return []
  return all(db, query).map(({ id }) => ({ id: Number(id), record: recordIn(db, Number(id), now) }))
}

export function changedSessions(db: DatabaseSync, { filter, after, limit, now }: ChangesRequest): Changes {
  const rows = all(db, nextChanges({ filter, after, window: WINDOW }))
  const found: number[] = []
  let next = after
  for (const row of rows) {
    if (found.length === limit) return { records: recordsIn(db, found, now), next, more: true }
    next = { index: Number(row['last_index']), id: Number(row['id']) }
    if (row['fits'] === 1) found.push(next.id)
  }
  return { records: recordsIn(db, found, now), next, more: rows.length === WINDOW }
}

/** The place of the last record that there is; -1: there is none. */
export function lastPlace(db: DatabaseSync): number {
  return Number(db.prepare('SELECT coalesce(max(id), -1) AS id FROM sessions').get()?.['id'])
}

/** Everything that `read` reads is of one moment. */
export function atOneMoment<T>(db: DatabaseSync, read: () => T): T {
  db.exec('BEGIN')
  try {
    return read()
  } finally {
    db.exec('COMMIT')
  }
}

function recordsIn(db: DatabaseSync, ids: readonly number[], now: number): SessionRecord[] {
  return ids.map((id) => recordIn(db, id, now))
}

function recordIn(db: DatabaseSync, id: number, now: number): SessionRecord {
  const row = prepared(db, 'SELECT * FROM sessions WHERE id = ?').get(id)
  const facts = row as unknown as SessionFacts
  return recordOf(facts, userEndsOf(db, facts.user_id), now)
}

function all(db: DatabaseSync, { sql, parameters }: CompiledQuery): Record<string, SQLOutputValue>[] {
  return prepared(db, sql).all(...(parameters as SQLInputValue[]))
}
