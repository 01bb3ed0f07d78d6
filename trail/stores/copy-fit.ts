/**
 * What a file can hold and PostgreSQL cannot: text with the character NUL (a city that Clerk reports may have it), text that is no UTF-8
 * and numbers beyond 2^53 (which only another program puts there). It is looked for before anything is written.
 */
import { isUtf8 } from 'node:buffer'
import type { DatabaseSync } from 'node:sqlite'
import { columns } from '../entry.ts'
import { TrailError } from '../error.ts'
import { whole } from './postgres-batch.ts'

export interface Looking {
  db: DatabaseSync
  /** Of the file, for messages. */
  path: string
  nextIndex: number
}

const AT_ONCE = 5000

const numbers = columns.filter((column) => whole.has(column))
const texts = columns.filter((column) => !whole.has(column))
const LARGEST = Number.MAX_SAFE_INTEGER

/** All text of a page as the bytes that the file holds: read as text, what is no UTF-8 would look as if it were. */
const PAGE = `
  SELECT count(*) AS entries, CAST(group_concat(concat_ws(char(10), ${texts.join(', ')}), char(10)) AS BLOB) AS bytes,
         max(${numbers.map((column) => `coalesce(${column} NOT BETWEEN -${LARGEST} AND ${LARGEST}, 0)`).join(' OR ')}) AS large
  FROM entries WHERE "index" >= ? AND "index" < ?`

const ROWS = `
  SELECT "index", ${columns.map((column) => `CAST(${column} AS BLOB) AS ${column}`).join(', ')}
  FROM entries WHERE "index" >= ? AND "index" < ? ORDER BY "index"`

/**
 * Reads the whole file, and writes nothing.
 * @throws {TrailError} `trail-unwritable` when PostgreSQL cannot hold an entry, which it names; `trail-corrupt` when entries are missing
 */
export function refuseWhatDoesNotFit({ db, path, nextIndex }: Looking): void {
  const page = db.prepare(PAGE)
  let entries = 0
  for (let from = 0; from < nextIndex; from += AT_ONCE) {
    const found = page.get(from, Math.min(from + AT_ONCE, nextIndex))
    const bytes = found?.['bytes'] as Uint8Array | null | undefined
    entries += Number(found?.['entries'])
    if (bytes && (found?.['large'] === 1 || !fits(bytes))) refuseFirst({ db, path, nextIndex }, from)
  }
  const { first, last } = db.prepare(ENDS).get() as { first: number | null; last: number | null }
  if (entries === nextIndex && (first ?? 0) >= 0 && (last ?? -1) === nextIndex - 1) return
  throw new TrailError(
    'trail-corrupt',
    `${path} does not hold each of its ${nextIndex} entries once, from entry 0 on; restore a backup.`,
  )
}

const ENDS = `SELECT (SELECT min("index") FROM entries) AS first, (SELECT max("index") FROM entries) AS last`

function fits(bytes: Uint8Array): boolean {
  return !bytes.includes(0) && isUtf8(bytes)
}

function refuseFirst({ db, path }: Looking, from: number): void {
  for (const row of db.prepare(ROWS).iterate(from, from + AT_ONCE)) {
    for (const column of columns) {
      const why = whyNot(column, row[column] as Uint8Array | null)
      if (why === null) continue
      const message =
        `Entry ${String(row['index'])} of ${path} holds ${why} in ${column}, which PostgreSQL cannot keep; nothing was copied. ` +
        'Entries are not changed: stay with the file, or begin a new trail in an empty PostgreSQL and keep the file for what was before.'
      throw new TrailError('trail-unwritable', message)
    }
  }
}

function whyNot(column: (typeof columns)[number], bytes: Uint8Array | null): string | null {
  if (bytes === null) return null
  if (whole.has(column)) {
    return Number.isSafeInteger(Number(Buffer.from(bytes).toString())) ? null : 'a number beyond 2^53'
  }
  if (bytes.includes(0)) return 'the character NUL'
  return isUtf8(bytes) ? null : 'text that is no UTF-8'
}
