/**
 * The only code that writes to `trail.db`: synchronous, so it runs in a thread of its own (`sqlite-worker.ts`).
 */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { columns, type Entry, type Report } from '../entry.ts'
import { TrailError } from '../error.ts'
import type { AppendResult, TrailHead } from '../store.ts'
import { dedupeKey, probe } from './dedupe-key.ts'
import {
  cutShort,
  fileIdentity,
  lookAt,
  openForWriting,
  readTrailHead,
  readTrailRow,
  replaced,
  sqliteCode,
  withErrorsNamed,
  type KnownTrail,
} from './sqlite-schema.ts'

export interface WriterOptions {
  path: string
  issuer: string
  /** After a restart of the thread: the trail that must still be there. Null at the first start. */
  known: KnownTrail | null
}

/** What `PRAGMA synchronous` answers. */
const SYNCHRONOUS = ['off', 'normal', 'full', 'extra'] as const

export interface WriterSettings {
  journalMode: string
  synchronous: (typeof SYNCHRONOUS)[number] | 'unknown'
}

const CONSTRAINT = 19
const MISMATCH = 20
const TOO_BIG = 18

export class SqliteWriter {
  readonly #db: DatabaseSync
  readonly #path: string
  readonly #identity: string
  /** It only grows: nothing of ours makes it smaller. */
  #bytes = 0
  readonly #trailKey: Uint8Array
  readonly #claimKey
  readonly #releaseKey
  readonly #findKey
  readonly #insertEntry
  readonly #removeEntry
  readonly #setNextIndex

  constructor({ path, issuer, known }: WriterOptions) {
    const { db, row } = openForWriting(path, issuer, known)
    this.#db = db
    this.#path = path
    this.#identity = fileIdentity(path)
    this.#trailKey = row.trailKey
    this.#claimKey = db.prepare('INSERT INTO dedupe VALUES (?, ?) ON CONFLICT DO NOTHING')
    this.#releaseKey = db.prepare('DELETE FROM dedupe WHERE key = ?')
    this.#findKey = db.prepare('SELECT "index" FROM dedupe WHERE key = ?')
    this.#insertEntry = db.prepare(`INSERT INTO entries VALUES (?${', ?'.repeat(columns.length)})`)
    this.#removeEntry = db.prepare('DELETE FROM entries WHERE "index" = ?')
    this.#setNextIndex = db.prepare('UPDATE trail SET next_index = ?')
  }

  head(): TrailHead {
    return readTrailHead(this.#db)
  }

  append(batch: readonly Report[], recordedAt: number): AppendResult[] {
    return this.#transaction(() => {
      let next = readTrailRow(this.#db).nextIndex
      const results = batch.map((report) => {
        const result = this.#appendOne(report, next, recordedAt)
        if (result.result === 'durable') next += 1
        return result
      })
      this.#setNextIndex.run(next)
      return results
    })
  }

  /** Writes what an append writes, takes it back, and syncs it: a disk or a table that takes no writes is noticed. */
  check(): void {
    this.#transaction(() => {
      const { nextIndex } = readTrailRow(this.#db)
      const probed = this.#appendOne(probe, nextIndex, probe.occurred_at)
      if (probed.result !== 'durable') throw takesNoEntry(this.#path, probed)
      // There and back: SQLite writes nothing for an update that changes nothing.
      this.#setNextIndex.run(nextIndex + 1)
      this.#removeEntry.run(nextIndex)
      this.#releaseKey.run(dedupeKey(this.#trailKey, probe))
      this.#setNextIndex.run(nextIndex)
    })
  }

  /** How the connection that writes is set, as it says itself. */
  settings(): WriterSettings {
    const pragma = (name: string) => Object.values(this.#db.prepare(`PRAGMA ${name}`).get() ?? {})[0]
    const synchronous = SYNCHRONOUS[Number(pragma('synchronous'))] ?? 'unknown'
    return { journalMode: String(pragma('journal_mode')), synchronous }
  }

  close(): void {
    this.#db.close()
  }

  #appendOne(report: Report, index: number, recordedAt: number): AppendResult {
    const key = dedupeKey(this.#trailKey, report)
    if (this.#claimKey.run(key, index).changes === 0) {
      return { result: 'duplicate', index: Number(this.#findKey.get(key)?.['index']) }
    }
    try {
      this.#insertEntry.run(index, ...rowOf(report, recordedAt))
      return { result: 'durable', index }
    } catch (error) {
      if (!isAboutTheRow(error)) throw error
      this.#releaseKey.run(key)
      return { result: 'rejected', reason: error.message }
    }
  }

  /** A file that was deleted, replaced or cut short would take the commit and lose it. */
  #refuseAnotherFile(): void {
    const { identity, bytes } = lookAt(this.#path)
    if (identity !== this.#identity) throw replaced(this.#path)
    if (bytes < this.#bytes) throw cutShort(this.#path)
    this.#bytes = bytes
  }

  #transaction<T>(run: () => T): T {
    return withErrorsNamed(this.#path, 'write', () => {
      this.#db.exec('BEGIN IMMEDIATE')
      try {
        const value = run()
        this.#refuseAnotherFile()
        this.#db.exec('COMMIT')
        return value
      } catch (error) {
        // SQLite has already rolled back by itself after some errors (a full disk, say).
        if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
        throw error
      }
    })
  }
}

function rowOf(report: Report, recordedAt: number): SQLInputValue[] {
  const entry: Partial<Entry> = { ...report, recorded_at: recordedAt }
  return columns.map((column) => entry[column] ?? null)
}

function takesNoEntry(path: string, probed: AppendResult): TrailError {
  const why = probed.result === 'rejected' ? probed.reason : 'it holds the entry of an unfinished check'
  return new TrailError('trail-unwritable', `${path} cannot be written: ${why}.`)
}

/** The table refused this row; the transaction itself is sound. */
function isAboutTheRow(error: unknown): error is Error {
  const code = sqliteCode(error)
  return code === CONSTRAINT || code === MISMATCH || code === TOO_BIG || isBindError(error)
}

function isBindError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_INVALID_ARG_TYPE'
}
