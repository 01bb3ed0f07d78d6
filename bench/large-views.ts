/** The session records of a year: as many sessions as are wanted, 100 for each user, in 2,000 organisations. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { binOf } from '../session-ends/bins.ts'
import { ENDED } from '../session-ends/outcome.ts'
import { measures } from '../session-ends/rollups.ts'
import { hashOf, openForReading, openForWriting, viewsPathOf } from '../session-ends/views-schema.ts'
import type { Position } from '../session-ends/views-store.ts'
import { toldByWebhook } from '../trail/entry.ts'
import { openSqliteReader } from '../trail/stores/sqlite-reader.ts'
import { openSqliteStore } from '../trail/stores/sqlite.ts'
import { progress } from './progress.ts'
import { ISSUER } from './tokens.ts'

export const SESSIONS_OF_A_USER = 100
export const ORGS = 2000
export const YEAR_MS = 365 * 86_400_000

const STEP = 200_000

/**
 * Made once, and kept in `folder`. Of the trail there is the last entry only: a service takes it for the trail that the records were
 * made from, and finds no other entry.
 */
export async function largeViews(
  folder: string,
  sessions: number,
): Promise<{ trailPath: string; viewsPath: string }> {
  const trailPath = join(folder, 'trail.db')
  const viewsPath = viewsPathOf(trailPath)
  if (!isFilled(viewsPath, sessions)) {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    const db = openForWriting(viewsPath, await trailOf(trailPath, ENTRIES_OF_A_SESSION * sessions))
    fill(db, sessions)
    db.close()
  }
  return { trailPath, viewsPath }
}

const ENTRIES_OF_A_SESSION = 3

/** Gives where views that know all of it stand. */
async function trailOf(path: string, entries: number): Promise<Position> {
  const store = await openSqliteStore({ path, issuer: ISSUER })
  await store.append(
    [toldByWebhook('msg_last', { kind: 'session.created', occurred_at: Date.now() })],
    Date.now(),
  )
  await store.close()
  const db = new DatabaseSync(path)
  db.prepare('UPDATE entries SET "index" = ?').run(entries - 1)
  db.prepare('UPDATE trail SET next_index = ?').run(entries)
  db.close()
  const trail = openSqliteReader(path)
  const { trailId, epoch, nextIndex } = await trail.head()
  const [last] = await trail.at([nextIndex - 1])
  trail.close()
  if (!last) throw new Error('The last entry is not there.')
  return { trailId, epoch, nextIndex, lastHash: hashOf(last), unanswered: null }
}

function isFilled(path: string, sessions: number): boolean {
  try {
    const db = openForReading(path)
    const last = Number(db?.prepare('SELECT max(id) AS id FROM sessions').get()?.['id'])
    db?.close()
    return last >= sessions
  } catch {
    // None there, or half of one: it is made anew.
    return false
  }
}

/** Indexes last: growing them row by row would take an hour. */
function fill(db: DatabaseSync, sessions: number): void {
  db.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -2000000')
  const indexes = db
    .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
    .all()
  for (const { name } of indexes) db.exec(`DROP INDEX ${String(name)}`)
  for (let from = 0; from < sessions; from += STEP) {
    progress(`filling session records: ${from.toLocaleString('en')} of ${sessions.toLocaleString('en')}`)
    insert(db, { from, to: Math.min(from + STEP, sessions), sessions })
  }
  fillRollups(db)
  for (const { name, sql } of indexes) {
    progress(`filling session records: index ${String(name)}`)
    db.exec(String(sql))
  }
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  progress('')
}

/**
 * Of a hundred sessions 62 signed out with the button and 18 without, 10 expired, 6 were revoked, 2 are of deleted accounts, 1 is
 * unknown, 1 is open. `i` spreads them, so that neighbours differ.
 */
function insert(
  db: DatabaseSync,
  { from, to, sessions }: { from: number; to: number; sessions: number },
): void {
  const begin = Date.now() - YEAR_MS
  const numbers = `WITH RECURSIVE n(i) AS (SELECT CAST(:from AS INTEGER) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :to),
    s AS (SELECT i, (i * 37) % 100 AS fate, CAST(:begin + i * :spacing AS INTEGER) AS started,
      CAST(600000 + (i * 7919) % 28800000 AS INTEGER) AS lasted FROM n)`
  db.exec('BEGIN')
  db.prepare(
    `${numbers} INSERT INTO sessions
       (id, session_id, user_id, client_id, org_id, org_at, started_at, alive_at, requested_at, intent, last_requested_at,
        expire_at, abandon_at, end_kind, end_at, end_exact, begun, webhook_ends, device, first_index, last_index, outcome, at, day, over_by)
     SELECT i + 1, printf('sess_%027x', i), printf('user_%027x', (i * 104729) % :users), printf('client_%027x', i),
        'org_' || (i % ${ORGS}), started, started, started + lasted,
        iif(fate < 62, started + lasted, NULL), iif(fate < 62, 'user', NULL), iif(fate < 62, started + lasted, NULL),
        started + 604800000, started + 2592000000,
        CASE WHEN fate < 80 THEN 'session.removed' WHEN fate < 90 THEN 'session.expired' WHEN fate < 96 THEN 'session.revoked'
          WHEN fate = 98 THEN 'session.unknown' END,
        iif(fate < 99, started + lasted, NULL), iif(fate < 96, fate NOT BETWEEN 80 AND 89, NULL), 1,
        CASE WHEN fate < 80 THEN 2 WHEN fate BETWEEN 90 AND 95 THEN 4 ELSE 0 END,
        i % 3, 3 * i, 3 * i + 2,
        CASE WHEN fate < 80 THEN 3 WHEN fate < 90 THEN 6 WHEN fate < 96 THEN 2 WHEN fate < 98 THEN 9 WHEN fate = 98 THEN 11 ELSE 0 END,
        started + lasted, (started + lasted) / 86400000, started + 604800000
      FROM s`,
  ).run({ from, to, begin, spacing: YEAR_MS / sessions, users: Math.ceil(sessions / SESSIONS_OF_A_USER) })
  db.prepare(
    `WITH RECURSIVE n(i) AS (SELECT CAST(:from AS INTEGER) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :to)
     INSERT INTO session_entries SELECT i + 1, 3 * i + part FROM n, (SELECT 0 AS part UNION ALL SELECT 1 UNION ALL SELECT 2)`,
  ).run({ from, to })
  db.exec('COMMIT')
}

/** What the reader of the trail would have counted, from the rows as they are. */
const COUNTED: Record<keyof typeof measures, { at: string; part: string; where: string }> = {
  ends: { at: 'at', part: 'device + 1', where: `outcome >= ${ENDED}` },
  durations: { at: 'at', part: 'bin_of(at - started_at)', where: `outcome >= ${ENDED}` },
  confirmations: { at: 'requested_at', part: 'bin_of(at - requested_at)', where: 'requested_at IS NOT NULL' },
  intents: { at: 'requested_at', part: '1', where: 'requested_at IS NOT NULL' },
  mustBeOver: { at: 'over_by', part: '0', where: 'begun = 1' },
  standing: { at: '0', part: '0', where: `outcome < ${ENDED}` },
}

/** For `rollup_org_quarters`: what to put there, measure by measure. `binOf`: what the function is called in the database. */
export function countedIn(binOfName: string): { name: string; select: string }[] {
  return Object.entries(COUNTED).map(([name, { at, part, where }]) => ({
    name,
    select: `SELECT orgs.id, ${measures[name as keyof typeof measures]}, ${at} / 900000, outcome,
        ${part.replace('bin_of', binOfName)}, count(*)
      FROM sessions JOIN orgs USING (org_id) WHERE ${where} GROUP BY 1, 2, 3, 4, 5`,
  }))
}

export const rollupsOfRollups = [
  `INSERT INTO rollup_quarters SELECT measure, at, outcome, part, sum(sessions) FROM rollup_org_quarters GROUP BY 1, 2, 3, 4`,
  `INSERT INTO rollup_days SELECT measure, at / 96, outcome, part, sum(sessions) FROM rollup_quarters GROUP BY 1, 2, 3, 4`,
]

function fillRollups(db: DatabaseSync): void {
  db.function('bin_of', { deterministic: true }, (ms) => binOf(Number(ms)))
  db.exec('INSERT INTO orgs (org_id) SELECT DISTINCT org_id FROM sessions')
  for (const { name, select } of countedIn('bin_of')) {
    progress(`filling session records: ${name}`)
    db.exec(`INSERT INTO rollup_org_quarters ${select}`)
  }
  for (const statement of rollupsOfRollups) db.exec(statement)
}
