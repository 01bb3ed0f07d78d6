/** Lists session records, a page at a time. */
import { sql } from 'kysely'
import type { SessionRecord } from './record.ts'
import type { Rows } from './rows.ts'
import { recordsOf, type SessionRow } from './session-rows.ts'
import {
  manyOfOrg,
  nextChanges,
  nextRows,
  nextRowsNearby,
  rowsWith,
  type SessionFilter,
  type Walk,
} from './sessions-query.ts'

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

export async function listSessions(
  rows: Rows,
  { filter, order, beyond, limit, now }: ListRequest,
): Promise<Listed[]> {
  const { org_id } = filter
  const orgIsLarge = org_id !== undefined && (await rows.all(manyOfOrg(org_id))).length > 0
  const start = order === 'newest' ? Number.MAX_SAFE_INTEGER : -1
  const walk = { filter, order, beyond: beyond ?? start, limit, orgIsLarge }
  const found = (await fullPage(rows, walk)) ?? (await page(rows, walk))
  const records = await recordsOf(rows, found, now)
  return records.map((record, at) => ({ id: found[at]?.id ?? -1, record }))
}

async function page(rows: Rows, walk: Walk): Promise<SessionRow[]> {
  const query = nextRows(walk, rows.dialect)
  return query ? rows.all(query) : []
}

/** Only where it saves reading day by day. */
async function fullPage(rows: Rows, walk: Walk): Promise<SessionRow[] | null> {
  if (walk.filter.from === undefined && walk.filter.to === undefined) return null
  const query = nextRowsNearby(walk)
  const found = query ? await rows.all(query) : []
  return found.length === walk.limit ? found : null
}

export async function changedSessions(
  rows: Rows,
  { filter, after, limit, now }: ChangesRequest,
): Promise<Changes> {
  const until = performance.now() + LOOK_MS
  const ids: number[] = []
  let next = after
  let more = true
  while (more && ids.length < limit && performance.now() < until) {
    const looked = await window(rows, { filter, after: next, limit: limit - ids.length })
    ids.push(...looked.ids)
    ;({ next, more } = looked)
  }
  return { records: await recordsOf(rows, await rowsAt(rows, ids), now), next, more }
}

async function window(rows: Rows, { filter, after, limit }: Omit<ChangesRequest, 'now'>) {
  const found = await rows.all(nextChanges({ filter, after, window: WINDOW }))
  const ids: number[] = []
  let next = after
  for (const row of found) {
    if (ids.length === limit) return { ids, next, more: true }
    next = { index: row.last_index, id: row.id }
    if (row.fits === 1) ids.push(row.id)
  }
  return { ids, next, more: found.length === WINDOW }
}

/** In the order of `ids`. */
async function rowsAt(rows: Rows, ids: readonly number[]): Promise<SessionRow[]> {
  if (ids.length === 0) return []
  const found = await rows.all(rowsWith(ids, rows.dialect))
  const byId = new Map(found.map((row) => [row.id, row]))
  return ids.flatMap((id) => byId.get(id) ?? [])
}

/** The place of the last record that there is; -1: there is none. */
export async function lastPlace(rows: Rows): Promise<number> {
  const [last] = await rows.all(sql<{ id: number }>`SELECT coalesce(max(id), -1) AS id FROM sessions`)
  return last?.id ?? -1
}
