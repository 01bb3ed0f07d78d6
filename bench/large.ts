/** A trail that already holds many entries, as a year of logouts would have filled it. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openSqliteStore } from '../trail/stores/sqlite.ts'
import { progress } from './progress.ts'
import { ISSUER } from './tokens.ts'

export interface LargeTrail {
  folder: string
  /** Gives the trail another key, so that tokens it has seen are new to it; answers how many entries it holds. */
  renew: () => number
}

const DAY_MS = 86_400_000
const YEAR_DAYS = 365
const STEP = 200_000

/** Made once, and kept in `folder`. */
export async function largeTrail(folder: string, entries: number): Promise<LargeTrail> {
  const path = join(folder, 'trail.db')
  mkdirSync(folder, { recursive: true })
  if (!isFilled(path, entries)) await fill(path, entries)
  return { folder, renew: () => withTrail(path, renewKey) }
}

function renewKey(db: DatabaseSync): number {
  db.prepare('UPDATE trail SET trail_key = ?').run(randomBytes(32))
  return nextIndexOf(db)
}

function isFilled(path: string, entries: number): boolean {
  try {
    return withTrail(path, nextIndexOf) >= entries
  } catch {
    // No trail there, or half of one: it is made anew.
    return false
  }
}

function withTrail<T>(path: string, use: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(path)
  try {
    return use(db)
  } finally {
    db.close()
  }
}

function nextIndexOf(db: DatabaseSync): number {
  return Number(db.prepare('SELECT next_index FROM trail').get()?.['next_index'])
}

async function fill(path: string, entries: number): Promise<void> {
  for (const end of ['', '-wal', '-shm', '.lock']) rmSync(path + end, { force: true })
  await (await openSqliteStore({ path, issuer: ISSUER })).close()
  withTrail(path, (db) => {
    db.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000')
    for (let from = 0; from < entries; from += STEP) {
      progress(`filling a trail: ${from} of ${entries}`)
      insert(db, { from, to: Math.min(from + STEP, entries), entries })
    }
    // The row last: without it the trail is not taken for filled.
    db.prepare('UPDATE trail SET next_index = ?').run(entries)
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  })
  progress('')
}

/** The same sizes as of real logouts; the keys are random within their second, and the seconds follow each other. */
function insert(
  db: DatabaseSync,
  { from, to, entries }: { from: number; to: number; entries: number },
): void {
  const firstDayMs = Date.now() - YEAR_DAYS * DAY_MS
  const perDay = entries / YEAR_DAYS
  const bound = { from, to, first: firstDayMs, day: DAY_MS, perDay }
  const numbers = `WITH RECURSIVE n(i) AS (SELECT :from UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :to)`
  const at = 'CAST(:first + i / :perDay * :day AS INTEGER)'
  db.exec('BEGIN')
  db.prepare(
    `${numbers} INSERT INTO entries
       ("index", kind, source, occurred_at, recorded_at, session_id, user_id, org_id, ip, user_agent, azp,
        token_iat, token_state, request_id, intent)
     SELECT i, 'logout.requested', 'api', ${at}, ${at} + 2, 'sess_' || hex(randomblob(16)),
        'user_' || hex(randomblob(13)), 'org_' || (i % 2000), '203.0.113.0',
        'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36',
        'https://app.example.com', ${at} / 1000 - 20, 'valid', lower(hex(randomblob(16))), 'user' FROM n`,
  ).run(bound)
  db.prepare(
    `${numbers} INSERT OR IGNORE INTO dedupe
     SELECT CAST(unhex(printf('%08x', CAST(:first + i / :perDay * :day AS INTEGER) / 1000)) || randomblob(16) AS BLOB), i FROM n`,
  ).run(bound)
  db.exec('COMMIT')
}
