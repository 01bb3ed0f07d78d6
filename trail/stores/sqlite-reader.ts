/** Reads a trail file beside the service that writes it. */
import { DatabaseSync } from 'node:sqlite'
import type { Entry } from '../entry.ts'
import type { TrailReader } from '../store.ts'
import { openForReading, readTrailHead, withErrorsNamed } from './sqlite-schema.ts'

/** @throws {TrailError} when there is no such trail, or its version is not this program's. */
export function openSqliteReader(path: string): TrailReader {
  const db = openForReading(path)
  const read = db.prepare('SELECT * FROM entries WHERE "index" > ? ORDER BY "index" LIMIT ?')
  const one = db.prepare('SELECT * FROM entries WHERE "index" = ?')
  const named = <T>(run: () => T): T => withErrorsNamed(path, 'read', run)
  return {
    read: async (after, limit) => named(() => read.all(after, limit)).map(entryOf),
    at: async (indexes) =>
      named(() => indexes.map((index) => one.get(index)))
        .filter((row) => row !== undefined)
        .map(entryOf),
    head: async () => named(() => readTrailHead(db)),
    close: () => db.close(),
  }
}

/** Copied: SQLite's rows have no prototype, which comparisons and spreads elsewhere trip over. */
function entryOf(row: object): Entry {
  return { ...row } as unknown as Entry
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
