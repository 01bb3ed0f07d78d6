/**
 * Cursors: where a list goes on. Opaque to those who hold them; inside is a place, and what it belongs to: the order, the filters,
 * and the epoch of the trail. They are no secret and prove nothing: a reader may read all that a cursor can point to.
 */
import { createHash } from 'node:crypto'
import type { SessionFilter } from '../session-ends/sessions-query.ts'

export type CursorOrder = 'newest' | 'changes'

export interface Cursor {
  order: CursorOrder
  epoch: number
  /** `newest`: the place of a record. `changes`: the index of an entry, and the place of a record. */
  at: readonly number[]
}

export function writeCursor({ order, epoch, at }: Cursor, filter: SessionFilter): string {
  const text = JSON.stringify([1, order, epoch, ...at])
  return Buffer.from(`${text}${checkOf(text, filter)}`).toString('base64url')
}

/** Null for a text that is no cursor of this order, and of these filters. */
export function readCursor(text: string, order: CursorOrder, filter: SessionFilter): Cursor | null {
  const [, inside = '', check] =
    /^(\[[^\]]*\])([0-9a-f]{16})$/.exec(Buffer.from(text, 'base64url').toString()) ?? []
  if (check === undefined || check !== checkOf(inside, filter)) return null
  const [, found, epoch, ...at] = JSON.parse(inside) as [number, CursorOrder, number, ...number[]]
  const cursor = { order: found, epoch, at }
  // One text for one place: what would be written again in another way is not ours.
  return found === order && writeCursor(cursor, filter) === text ? cursor : null
}

function checkOf(text: string, filter: SessionFilter): string {
  const filters = JSON.stringify(Object.entries(filter).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  return createHash('sha256').update(`${text} ${filters}`).digest('hex').slice(0, 16)
}
