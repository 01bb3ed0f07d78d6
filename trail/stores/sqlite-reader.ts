/** Reads a trail file beside the service that writes it. */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { columns, type Entry } from '../entry.ts'
import type { TrailReader } from '../store.ts'
import { openForReading, readTrailHead, withErrorsNamed } from './sqlite-schema.ts'

/** @throws {TrailError} when there is no such trail, or its version is not this program's. */
export function openSqliteReader(path: string): TrailReader {
  const db = openForReading(path)
  const read = rowsOf(db, 'WHERE "index" > ? ORDER BY "index" LIMIT ?')
  const one = rowsOf(db, 'WHERE "index" = ?')
  const named = <T>(run: () => T): T => withErrorsNamed(path, 'read', run)
  return {
    read: async (after, limit) => named(() => read.all(after, limit)).map(entryOf),
    at: async (indexes) => named(() => indexes.flatMap((index) => one.all(index))).map(entryOf),
    head: async () => named(() => readTrailHead(db)),
    close: () => db.close(),
  }
}

/** As lists: rows as objects, which node:sqlite makes without a prototype, take three times as long. */
function rowsOf(db: DatabaseSync, where: string): StatementSync {
  const statement = db.prepare(`SELECT "index", ${columns.join(', ')} FROM entries ${where}`)
  statement.setReturnArrays(true)
  return statement
}

function entryOf(row: unknown): Entry {
  const values = row as (string | number | null)[]
  const entry: Record<string, string | number | null> = { index: values[0] ?? null }
  for (const [at, column] of columns.entries()) entry[column] = values[at + 1] ?? null
  return entry as unknown as Entry
}

/**
 * Accepts a trail that was restored from a backup: the epoch says that its indexes were given out once before. Call it with
 * the trail's lock held.
 */
export function raiseEpoch(path: string): void {
  withErrorsNamed(path, 'write', () => {
    const db = new DatabaseSync(path, { timeout: 5000 })
    try {
      db.exec('PRAGMA synchronous = FULL; UPDATE trail SET epoch = epoch + 1')
    } finally {
      db.close()
    }
  })
}
