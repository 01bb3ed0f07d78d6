/**
 * The file `views.db`: what the readers make of the trail. All of it can be made again, so it is synced less strictly than the
 * trail: after a loss of power it is an earlier state of itself, and goes on from there.
 */
import { createHash } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync, type DatabaseSyncOptions } from 'node:sqlite'
import type { Entry } from '../trail/entry.ts'
import { messageOf, TrailError } from '../trail/error.ts'
import { ENDED, REQUESTED } from './outcome.ts'
import type { Position } from './views-store.ts'

/**
 * Raised when the tables change, or what a session is counted for (`record.ts` and `facts.ts` say that too): then the views are made
 * anew. Else what the version before counted would be taken back as something else.
 */
export const viewsVersion = 6

/** Entries of a session that are shown: the first. */
export const ENTRIES_LIMIT = 1000

/** `at` is in quarters of an hour, or in days, since 1970; `measure` and `part` are as in `rollups.ts`. */
const ROLLUP =
  'measure INTEGER NOT NULL, at INTEGER NOT NULL, outcome INTEGER NOT NULL, part INTEGER NOT NULL, sessions INTEGER NOT NULL'
const ROLLUP_KEY = 'measure, at, outcome, part'

/**
 * Rows lie in the order in which sessions were first heard of, and not of their random ids: those of now lie together. `id` is that
 * order too. `outcome` is a place in `outcomes`; `at` is when it ended, at the latest, else was asked to, else began; `day` is that in UTC.
 * `due_at` is when Clerk is to be asked for it; null: never. `heard` is when an entry of a source was last recorded.
 */
const TABLES = `
  CREATE TABLE position (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    trail_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    next_index INTEGER NOT NULL,
    last_hash TEXT NOT NULL,
    unanswered_first INTEGER, unanswered_last INTEGER
  ) STRICT;
  CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL UNIQUE,
    user_id TEXT, client_id TEXT, actor_id TEXT, org_id TEXT, org_at INTEGER,
    started_at INTEGER, alive_at INTEGER,
    requested_at INTEGER, intent TEXT, request_actor_id TEXT,
    last_requested_at INTEGER, last_intent TEXT, last_request_actor_id TEXT,
    still_active_at INTEGER, expire_at INTEGER, abandon_at INTEGER,
    end_kind TEXT, end_at INTEGER, end_exact INTEGER, begun INTEGER NOT NULL, webhook_ends INTEGER NOT NULL,
    device INTEGER,
    first_index INTEGER NOT NULL, last_index INTEGER NOT NULL,
    outcome INTEGER NOT NULL, at INTEGER, day INTEGER, over_by INTEGER, due_at INTEGER
  ) STRICT;
  CREATE INDEX sessions_of_user ON sessions (user_id);
  CREATE INDEX sessions_of_org ON sessions (org_id) WHERE org_id IS NOT NULL;
  CREATE INDEX sessions_by_outcome ON sessions (outcome);
  CREATE INDEX sessions_by_day ON sessions (day, outcome) WHERE day IS NOT NULL;
  CREATE INDEX sessions_by_change ON sessions (last_index);
  CREATE INDEX sessions_over_by ON sessions (over_by, begun, outcome) WHERE over_by IS NOT NULL;
  CREATE INDEX sessions_living ON sessions (over_by) WHERE over_by IS NOT NULL AND outcome < ${ENDED};
  CREATE INDEX sessions_due ON sessions (due_at) WHERE due_at IS NOT NULL;
  CREATE INDEX sessions_still_active ON sessions (still_active_at) WHERE still_active_at IS NOT NULL AND outcome < ${ENDED};
  CREATE INDEX sessions_requested ON sessions (requested_at) WHERE outcome = ${REQUESTED};
  CREATE TABLE session_entries (
    session INTEGER NOT NULL, "index" INTEGER NOT NULL, PRIMARY KEY (session, "index")
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE user_ends (
    user_id TEXT NOT NULL, "index" INTEGER NOT NULL, kind TEXT NOT NULL, occurred_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, "index")
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE webhook_mix (webhook_ends INTEGER PRIMARY KEY, sessions INTEGER NOT NULL) STRICT;
  CREATE TABLE heard (source TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE orgs (id INTEGER PRIMARY KEY, org_id TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE rollup_quarters (${ROLLUP}, PRIMARY KEY (${ROLLUP_KEY})) STRICT, WITHOUT ROWID;
  CREATE TABLE rollup_days (${ROLLUP}, PRIMARY KEY (${ROLLUP_KEY})) STRICT, WITHOUT ROWID;
  CREATE TABLE rollup_org_quarters (
    org INTEGER NOT NULL, ${ROLLUP}, PRIMARY KEY (org, ${ROLLUP_KEY})
  ) STRICT, WITHOUT ROWID;`

export const DAY_MS = 86_400_000
export const QUARTER_MS = 900_000

/** Days since 1970, in UTC. */
export function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS)
}

/** `data/trail.db` → `data/views.db`; of another name, `<name>-views.db`. */
export function viewsPathOf(trailPath: string): string {
  const name = basename(trailPath)
  const views = /(^|[^A-Za-z])trail\.db$/.test(name)
    ? name.replace(/trail\.db$/, 'views.db')
    : `${name.replace(/\.db$/, '')}-views.db`
  return join(dirname(trailPath), views)
}

/** Opens the views for writing, or begins them. @throws {TrailError} `views-unusable`, `views-damaged` */
export function openForWriting(path: string, begin: Position): DatabaseSync {
  return opened(path, { timeout: 5000 }, (db) => {
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON')
    // 32 MiB of log: sessions lie anywhere in the file, and a page that many of them share is copied into it once for all of them.
    db.exec('PRAGMA wal_autocheckpoint = 8000; PRAGMA journal_size_limit = 67108864')
    if (!isViews(db)) {
      db.exec('BEGIN IMMEDIATE')
      db.exec(TABLES)
      db.prepare('INSERT INTO position VALUES (1, ?, ?, ?, ?, ?, ?, ?)').run(
        viewsVersion,
        begin.trailId,
        begin.epoch,
        begin.nextIndex,
        begin.lastHash,
        begin.unanswered?.first ?? null,
        begin.unanswered?.last ?? null,
      )
      db.exec('COMMIT')
    }
    return db
  })
}

/**
 * Opens views beside the thread that writes them. Null when there are none, or of another version.
 * @throws {TrailError} `views-unusable`, `views-damaged`
 */
export function openForReading(path: string): DatabaseSync | null {
  return opened(path, { readOnly: true, timeout: 5000 }, (db) => {
    if (isViews(db) && versionOf(db) === viewsVersion) return db
    db.close()
    return null
  })
}

/** Closed again when `use` fails. */
function opened<T>(path: string, options: DatabaseSyncOptions, use: (db: DatabaseSync) => T): T {
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path, options)
    return use(db)
  } catch (cause) {
    db?.close()
    throw namedError(path, cause)
  }
}

function namedError(path: string, cause: unknown): TrailError {
  if (isDamage(cause)) {
    const message = `${path} is damaged (${messageOf(cause)}); start the service, or run logout-trail rebuild while it is stopped: both make it anew from the trail.`
    return new TrailError('views-damaged', message, { cause })
  }
  const message = `${path} cannot be used (${messageOf(cause)}); the session records are made there from the trail: make way for them.`
  return new TrailError('views-unusable', message, { cause })
}

/** https://sqlite.org/rescode.html */
const SQLITE_CORRUPT = 11
const SQLITE_NOTADB = 26

function isDamage(error: unknown): boolean {
  const { errcode } = error as { errcode?: number }
  return error instanceof LostPositionError || errcode === SQLITE_CORRUPT || errcode === SQLITE_NOTADB
}

class LostPositionError extends Error {
  override readonly name = 'LostPositionError'
}

/** @throws {Error} when the file is a database of another program. */
function isViews(db: DatabaseSync): boolean {
  if (!db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get()) return false
  if (db.prepare("SELECT 1 FROM pragma_table_info('position') WHERE name = 'last_hash'").get()) return true
  throw new Error('it is a database of another program')
}

function versionOf(db: DatabaseSync): number {
  const row = db.prepare('SELECT version FROM position').get()
  if (!row) throw new LostPositionError('it does not say how far it got')
  return Number(row['version'])
}

export function positionOf(db: DatabaseSync): Position {
  return positionFrom(db.prepare('SELECT * FROM position').get() ?? {})
}

/** From the row of `position`. */
export function positionFrom(row: Record<string, unknown>): Position {
  return {
    trailId: String(row['trail_id']),
    epoch: Number(row['epoch']),
    nextIndex: Number(row['next_index']),
    lastHash: String(row['last_hash']),
    unanswered:
      row['unanswered_first'] === null
        ? null
        : { first: Number(row['unanswered_first']), last: Number(row['unanswered_last']) },
  }
}

/** Of what is never erased: a restored trail has other entries at this index, or none. */
export function hashOf({ index, kind, source, occurred_at, recorded_at }: Entry): string {
  const told = JSON.stringify([index, kind, source, occurred_at, recorded_at])
  return createHash('sha256').update(told).digest('hex')
}
