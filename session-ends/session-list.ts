/** Lists session records, a page at a time; each page is read in one transaction. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { CompiledQuery } from 'kysely'
import type { UserId } from '../trail/entry.ts'
import type { SessionFacts } from './facts.ts'
import { recordOf, type SessionRecord, type UserEnd } from './record.ts'
import {
  manyOfOrg,
  nextChanges,
  nextRows,
  nextRowsNearby,
  type SessionFilter,
  type Walk,
} from './sessions-query.ts'
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

/** Rows that are looked at in one query. */
const WINDOW = 5000
/** How long one transaction looks for what fits. */
const LOOK_MS = 50

export function listSessions(db: DatabaseSync, { filter, order, beyond, limit, now }: ListRequest): Listed[] {
  const orgIsLarge = filter.org_id !== undefined && rowsFrom(db, manyOfOrg(filter.org_id)).length > 0
  const start = order === 'newest' ? Number.MAX_SAFE_INTEGER : -1
  const walk = { filter, order, beyond: beyond ?? start, limit, orgIsLarge }
  const rows = fullPage(db, walk) ?? rowsFrom<Row>(db, nextRows(walk))
  const recordOfRow = recorder(db, now)
  return rows.map((row) => ({ id: row.id, record: recordOfRow(row) }))
}

/** Only where it saves reading day by day. */
function fullPage(db: DatabaseSync, walk: Walk): Row[] | null {
  if (walk.filter.from === undefined && walk.filter.to === undefined) return null
  const rows = rowsFrom<Row>(db, nextRowsNearby(walk))
  return rows.length === walk.limit ? rows : null
}

export function changedSessions(db: DatabaseSync, { filter, after, limit, now }: ChangesRequest): Changes {
  const until = performance.now() + LOOK_MS
  const ids: number[] = []
  let next = after
  let more = true
  while (more && ids.length < limit && performance.now() < until) {
    const looked = window(db, { filter, after: next, limit: limit - ids.length })
    ids.push(...looked.ids)
    ;({ next, more } = looked)
  }
  return { records: rowsAt(db, ids).map(recorder(db, now)), next, more }
}

function window(db: DatabaseSync, { filter, after, limit }: Omit<ChangesRequest, 'now'>) {
  const query = nextChanges({ filter, after, window: WINDOW })
  const rows = rowsFrom<{ id: number; last_index: number; fits: number }>(db, query)
  const ids: number[] = []
  let next = after
  for (const row of rows) {
    if (ids.length === limit) return { ids, next, more: true }
    next = { index: row.last_index, id: row.id }
    if (row.fits === 1) ids.push(row.id)
  }
  return { ids, next, more: rows.length === WINDOW }
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

type Row = SessionFacts & { id: number }

/** The ends of each account are looked up once for a page. */
function recorder(db: DatabaseSync, now: number): (facts: SessionFacts) => SessionRecord {
  const ends = new Map<UserId | null, UserEnd[]>()
  return (facts) => {
    const known = ends.get(facts.user_id) ?? userEndsOf(db, facts.user_id)
    ends.set(facts.user_id, known)
    return recordOf(facts, known, now)
  }
}

function rowsAt(db: DatabaseSync, ids: readonly number[]): Row[] {
  const row = prepared(db, 'SELECT * FROM sessions WHERE id = ?')
  return ids.map((id) => row.get(id) as unknown as Row)
}

/** Null: nothing can fit. */
function rowsFrom<Found>(db: DatabaseSync, query: CompiledQuery | null): Found[] {
  return query ? (prepared(db, query.sql).all(...(query.parameters as SQLInputValue[])) as Found[]) : []
}
