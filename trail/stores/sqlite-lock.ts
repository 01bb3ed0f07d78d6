/**
 * One service for one trail: an exclusive SQLite transaction held on `<file>.lock`.
 *
 * The operating system frees it when the process ends, however it ends, so nothing is left to clean up after
 * kill -9. The lock is a file of its own: readers of the trail itself are never in its way.
 */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { TrailError } from '../error.ts'
import { sqliteCode, withErrorsNamed } from './sqlite-schema.ts'

const BUSY = 5

/** @throws {TrailError} `trail-locked` when another process holds it. */
export function holdLock(path: string): Disposable {
  const lockPath = `${path}.lock`
  return withErrorsNamed(lockPath, 'write', () => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const db = new DatabaseSync(lockPath)
    try {
      db.exec('BEGIN EXCLUSIVE')
    } catch (cause) {
      db.close()
      if (sqliteCode(cause) !== BUSY) throw cause
      const message = `Another logout-trail service is using ${path}; stop it, or give this one another DATABASE_URL.`
      throw new TrailError('trail-locked', message, { cause })
    }
    return { [Symbol.dispose]: () => db.close() }
  })
}
