/**
 * The file `trail.db`: its tables, how it is opened, brought up to date, and recognised.
 *
 * Opened for writing it runs in WAL mode with `synchronous=FULL` (each COMMIT is synced before it returns) and
 * `secure_delete=ON` (erased values are overwritten).
 */
import { randomBytes } from 'node:crypto'
import { accessSync, constants, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { messageOf, TrailError } from '../error.ts'
import type { TrailHead } from '../store.ts'

/** Migration n brings a file from version n to n + 1. Published migrations are never edited. */
const migrations = [
  `CREATE TABLE trail (
     one INTEGER PRIMARY KEY CHECK (one = 1),
     trail_id TEXT NOT NULL,
     trail_key BLOB NOT NULL,
     issuer TEXT NOT NULL,
     epoch INTEGER NOT NULL,
     next_index INTEGER NOT NULL,
     schema_version INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE entries (
     "index" INTEGER PRIMARY KEY,
     kind TEXT NOT NULL, source TEXT NOT NULL,
     occurred_at INTEGER NOT NULL, recorded_at INTEGER NOT NULL,
     session_id TEXT, user_id TEXT, client_id TEXT,
     actor_id TEXT,
     org_id TEXT,
     ip TEXT, user_agent TEXT, city TEXT, country TEXT,
     azp TEXT, token_iat INTEGER, token_state TEXT, request_id TEXT, trace_id TEXT,
     clerk_status TEXT, intent TEXT, device_type TEXT,
     session_created_at INTEGER, session_last_active_at INTEGER,
     session_expire_at INTEGER, session_abandon_at INTEGER
   ) STRICT;
   CREATE TABLE dedupe (key BLOB PRIMARY KEY, "index" INTEGER NOT NULL) STRICT, WITHOUT ROWID;`,
]

export const schemaVersion = migrations.length

export interface TrailRow extends TrailHead {
  trailKey: Uint8Array
}

/** A trail that was open once, and the file that held it. */
export interface KnownTrail {
  trailId: string
  /** As `fileIdentity` says. */
  identity: string
}

/**
 * Opens the file for writing, creates or migrates it, and checks that it is this issuer's trail. When a known trail
 * must be there, nothing is created, migrated or cleared away in its place.
 * @throws {TrailError} when the file is not a trail, not ours, newer than this program, or cannot be written.
 */
export function openForWriting(
  path: string,
  issuer: string,
  known: KnownTrail | null,
): { db: DatabaseSync; row: TrailRow } {
  return withErrorsNamed(path, 'write', () => {
    refuseWhatIsNoFile(path)
    // Before it is opened: SQLite removes the write-ahead log that it finds beside an empty file.
    if (known && fileIdentity(path) !== known.identity) throw replaced(path)
    refuseEmptied(path)
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const db = new DatabaseSync(path, { timeout: 5000 })
    try {
      // Recognised before the first pragma that writes: a foreign file is left as it was found.
      const found = foundVersion(db, path)
      if (known && (found === 0 || readTrailRow(db).trailId !== known.trailId)) throw replaced(path)
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON')
      db.exec('PRAGMA journal_size_limit = 67108864')
      migrate(db, found, issuer)
      return { db, row: checkedRow(db, path, issuer) }
    } catch (error) {
      db.close()
      throw error
    }
  })
}

/**
 * Opens an existing trail beside a running service, to read.
 * @throws {TrailError} when there is no such trail, or its version is not this program's.
 */
export function openForReading(path: string): DatabaseSync {
  return withErrorsNamed(path, 'read', () => {
    refuseWhatIsNoFile(path)
    if (!statSync(path, { throwIfNoEntry: false })) {
      throw new TrailError('trail-unreadable', `There is no trail at ${path}; check DATABASE_URL.`)
    }
    const db = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
    try {
      if (foundVersion(db, path) === schemaVersion) return db
    } catch (error) {
      db.close()
      throw error
    }
    db.close()
    throw new TrailError(
      'trail-unreadable',
      `${path} has not been brought up to this version yet; start the service once, then try again.`,
    )
  })
}

export function readTrailRow(db: DatabaseSync): TrailRow {
  const row = db.prepare('SELECT * FROM trail').get()
  if (!row) throw new TrailError('trail-corrupt', 'The trail row is missing.')
  return {
    trailId: String(row['trail_id']),
    trailKey: row['trail_key'] as Uint8Array,
    issuer: String(row['issuer']),
    epoch: Number(row['epoch']),
    nextIndex: Number(row['next_index']),
    schemaVersion: Number(row['schema_version']),
  }
}

/** The trail row without the trail key, which never leaves the store. */
export function readTrailHead(db: DatabaseSync): TrailHead {
  const { trailKey: _, ...head } = readTrailRow(db)
  return head
}

/** Device and inode: a path that leads to another file than the one we opened has another identity. */
export function fileIdentity(path: string): string {
  return lookAt(path).identity
}

/** What the path leads to now. By its name: closing another descriptor of the file would free SQLite's locks on it. */
export function lookAt(path: string): { identity: string; bytes: number } {
  const found = statSync(path, { throwIfNoEntry: false })
  return found
    ? { identity: `${found.dev}:${found.ino}`, bytes: found.size }
    : { identity: 'missing', bytes: 0 }
}

/** Somebody made the file shorter while it was open: what it held is gone. */
export function cutShort(path: string): TrailError {
  return new TrailError(
    'trail-corrupt',
    `${path} became shorter while the service runs, which nothing of ours does; stop the service and restore a backup.`,
  )
}

/** The path no longer leads to the file that was opened. */
export function replaced(path: string): TrailError {
  return new TrailError(
    'trail-replaced',
    `${path} was deleted or replaced while the service runs; put the file back (a copy of it needs a restart of the service).`,
  )
}

function refuseWhatIsNoFile(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found && !found.isFile()) {
    throw new TrailError('trail-not-a-file', `${path} is not a file; let DATABASE_URL name a file.`)
  }
}

/** An empty file beside a write-ahead log is not a new trail: something emptied it, and SQLite would remove the log. */
function refuseEmptied(path: string): void {
  if (lookAt(path).bytes > 0 || lookAt(`${path}-wal`).bytes === 0) return
  throw new TrailError(
    'trail-corrupt',
    `${path} is ${lookAt(path).identity === 'missing' ? 'missing' : 'empty'}, but its write-ahead log ${path}-wal is there; restore a backup, or move the log away to begin a new trail.`,
  )
}

/** 0 for an empty database. */
function foundVersion(db: DatabaseSync, path: string): number {
  const table = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").get()
  if (!table) return 0
  // By its columns too: another program may well have a table of that name.
  const ours = db.prepare("SELECT name FROM pragma_table_info('trail') WHERE name = 'trail_key'").get()
  if (!ours) {
    throw new TrailError('trail-foreign', `${path} is a database of another program; choose another file.`)
  }
  const version = readTrailRow(db).schemaVersion
  if (version > schemaVersion) {
    throw new TrailError(
      'trail-too-new',
      `${path} has schema version ${version}, this program knows up to ${schemaVersion}; use the newer logout-trail.`,
    )
  }
  return version
}

function migrate(db: DatabaseSync, found: number, issuer: string): void {
  if (found === schemaVersion) return
  db.exec('BEGIN IMMEDIATE')
  for (const sql of migrations.slice(found)) db.exec(sql)
  if (found === 0) {
    db.prepare('INSERT INTO trail VALUES (1, ?, ?, ?, 0, 0, ?)').run(
      randomBytes(16).toString('hex'),
      randomBytes(32),
      issuer,
      schemaVersion,
    )
  } else {
    db.prepare('UPDATE trail SET schema_version = ?').run(schemaVersion)
  }
  db.exec('COMMIT')
}

function checkedRow(db: DatabaseSync, path: string, issuer: string): TrailRow {
  const row = readTrailRow(db)
  if (row.issuer !== issuer) {
    throw new TrailError(
      'trail-issuer-mismatch',
      `${path} records the sessions of ${row.issuer}, but Clerk is configured as ${issuer}; ` +
        'use another DATABASE_URL for another Clerk instance.',
    )
  }
  const last = Number(db.prepare('SELECT max("index") AS last FROM entries').get()?.['last'] ?? -1)
  if (last + 1 !== row.nextIndex) {
    throw new TrailError(
      'trail-corrupt',
      `${path} ends at entry ${last}, but its trail row says ${row.nextIndex - 1}; restore a backup.`,
    )
  }
  return row
}

const NOT_A_DATABASE = 26
const CORRUPT = 11
const FULL = 13

type Use = 'read' | 'write'

/** Runs SQLite and names what went wrong, so that a person knows what to do. */
export function withErrorsNamed<T>(path: string, use: Use, run: () => T): T {
  try {
    return run()
  } catch (cause) {
    if (sqliteCode(cause) === null && !isSystemError(cause)) throw cause
    throw namedError(path, use, cause)
  }
}

function namedError(path: string, use: Use, cause: unknown): TrailError {
  const code = sqliteCode(cause)
  if (code === NOT_A_DATABASE || code === CORRUPT) {
    const message = `${path} is damaged or not an SQLite database (${messageOf(cause)}); restore a backup, or choose another file.`
    return new TrailError('trail-corrupt', message, { cause })
  }
  const why = code === FULL ? 'the disk is full' : (accessProblem(path, use) ?? messageOf(cause))
  return use === 'write'
    ? new TrailError('trail-unwritable', `${path} cannot be written: ${why}.`, { cause })
    : new TrailError('trail-unreadable', `${path} cannot be read: ${why}.`, { cause })
}

/** Readers write too, to the index of the write-ahead log: the folder has to let them. */
function accessProblem(path: string, use: Use): string | null {
  // SQLite gives the files beside it the mode of the trail, and keeps it when that is changed back.
  const beside = { [`${path}-wal`]: constants.W_OK, [`${path}-shm`]: constants.W_OK }
  const needs = {
    [path]: use === 'write' ? constants.W_OK : constants.R_OK,
    ...(use === 'write' ? beside : {}),
    [dirname(path)]: constants.W_OK,
  }
  for (const [place, need] of Object.entries(needs)) {
    try {
      accessSync(place, need)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue
      return `no permission to ${need === constants.W_OK ? 'write to' : 'read'} ${place}`
    }
  }
  return null
}

/** Of the operating system: no permission, no such folder, … */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}

/** SQLite's primary result code, without the extended bits; null for another kind of error. */
export function sqliteCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return null
  return error.errcode & 0xff
}
