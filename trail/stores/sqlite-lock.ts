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
import { lookAt, sqliteCode, withErrorsNamed } from './sqlite-schema.ts'

const BUSY = 5

/** For `isLockHeld`, which another process may be at: it takes a moment only. */
const LOOKED_AT_MS = 100

/** @throws {TrailError} `trail-locked` when another process holds it. */
export function holdLock(path: string): Disposable {
  const lockPath = `${path}.lock`
  return withErrorsNamed(lockPath, 'write', () => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const db = new DatabaseSync(lockPath, { timeout: LOOKED_AT_MS })
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

/** Whether a process holds it, most likely the service. Takes no lock that outlives the call, and writes nothing. */
export function isLockHeld(path: string): boolean {
  const lockPath = `${path}.lock`
  return withErrorsNamed(lockPath, 'read', () => {
    if (lookAt(lockPath).identity === 'missing') return false
    const db = new DatabaseSync(lockPath, { readOnly: true })
    try {
      db.prepare('SELECT 1 FROM sqlite_schema').get()
      return false
    } catch (error) {
      if (sqliteCode(error) !== BUSY) throw error
      return true
    } finally {
      db.close()
    }
  })
}
