/** Reads the views, beside the thread that writes them. */
import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import type { OrgId, SessionId, UserId } from '../trail/entry.ts'
import { GRACE_MS } from './due.ts'
import type { SessionFacts } from './facts.ts'
import { ENDED, REQUESTED, UNKNOWN } from './outcome.ts'
import { CONFIRM_WITHIN_MS, recordOf, type SessionRecord, type UserEnd } from './record.ts'
import { measures } from './rollups.ts'
import { sumsOf } from './rollup-sums.ts'
import { prepared } from './statements.ts'
import { openForReading, positionOf, QUARTER_MS } from './views-schema.ts'
import type { Position, Unanswered } from './views-store.ts'

export interface FoundSession {
  record: SessionRecord
  /** Of its entries and of its account's end, in their order. At most `ENTRIES_LIMIT`. */
  indexes: number[]
}

export interface Coverage {
  /** Sessions that were seen to begin, and that must be over by now. */
  sessions: number
  /** Of those, how many have an end. */
  ended: number
  /** Of those with an end, how many of which Clerk only says that it no longer knows them. */
  unknown: number
}

export interface Gap {
  session_id: SessionId
  user_id: UserId | null
  /** ms since 1970: when it must have been over. */
  over_by: number
}

/** Sums of `webhookBits`, and for how many requested logouts Clerk sent just these. */
export interface WebhookMix {
  webhook_ends: number
  sessions: number
}

/** How complete the records are. */
export interface Figures {
  coverage: Coverage
  unconfirmed: number
  webhookMix: WebhookMix[]
  unanswered: Unanswered | null
}

export const ENTRIES_LIMIT = 1000

export class ViewsReader {
  readonly #path: string
  #db: DatabaseSync | null = null
  #file: number | null = null

  constructor(path: string) {
    this.#path = path
  }

  /** Null: there are no views yet. */
  position(): Position | null {
    const db = this.db()
    return db && positionOf(db)
  }

  session(id: string, now: number, db = this.db()): FoundSession | null {
    if (!db) return null
    const row = prepared(db, 'SELECT * FROM sessions WHERE session_id = ?').get(id)
    if (!row) return null
    const facts = row as unknown as SessionFacts & { id: number }
    const ends = userEndsOf(db, facts.user_id)
    const entries = 'SELECT "index" FROM session_entries WHERE session = ? ORDER BY "index" LIMIT ?'
    const own = prepared(db, entries).all(facts.id, ENTRIES_LIMIT)
    const indexes = [...own.map((entry) => Number(entry['index'])), ...ends.map(({ index }) => index)]
    return {
      record: recordOf(facts, ends, now),
      indexes: indexes.toSorted((a, b) => a - b).slice(0, ENTRIES_LIMIT),
    }
  }

  /** Of the sessions that had to be over by then. */
  coverage(now: number): Coverage {
    const db = this.db()
    return db ? coverageOf(db, { from: 0, to: now - GRACE_MS }) : { sessions: 0, ended: 0, unknown: 0 }
  }

  /** The longest over first. */
  gaps(now: number, limit: number): Gap[] {
    const rows = this.db()
      ?.prepare(
        `SELECT session_id, user_id, over_by FROM sessions
         WHERE over_by < ? AND begun = 1 AND outcome < ${ENDED} ORDER BY over_by LIMIT ?`,
      )
      .all(now - GRACE_MS, limit)
    return (rows ?? []) as unknown as Gap[]
  }

  /** All of it. */
  figures(now: number): Figures {
    return {
      coverage: this.coverage(now),
      unconfirmed: this.unconfirmed(now),
      webhookMix: this.webhookMix(),
      unanswered: this.position()?.unanswered ?? null,
    }
  }

  /** Logouts that were asked for over 10 minutes ago, and that Clerk has not confirmed. */
  unconfirmed(now: number): number {
    const db = this.db()
    return db ? unconfirmedOf(db, { now }) : 0
  }

  webhookMix(): WebhookMix[] {
    const rows = this.db()?.prepare('SELECT * FROM webhook_mix WHERE sessions > 0').all()
    return (rows ?? []) as unknown as WebhookMix[]
  }

  close(): void {
    this.#db?.close()
    this.#db = null
  }

  /** The views, to read; null: there are none yet. Those that were made anew meanwhile are another file. */
  db(): DatabaseSync | null {
    const file = statSync(this.#path, { throwIfNoEntry: false })?.ino ?? null
    if (file !== this.#file) this.close()
    if (!this.#db && file !== null) this.#db = openForReading(this.#path)
    this.#file = file
    return this.#db
  }
}

/** Of the sessions that had to be over from `from` on, a multiple of 15 minutes, and before `to`. */
export function coverageOf(
  db: DatabaseSync,
  { from, to, org_id }: { from: number; to: number; org_id?: OrgId | undefined },
): Coverage {
  const over = Math.max(from, to)
  const bounds = [from / QUARTER_MS, Math.floor(over / QUARTER_MS)]
  const counted = sumsOf(db, { measure: measures.mustBeOver, org_id, bounds })
  // Of the quarter that is not over yet.
  const last = prepared(
    db,
    `SELECT outcome, count(*) AS sessions FROM sessions
     WHERE over_by >= $from AND over_by < $over AND begun = 1 ${org_id === undefined ? '' : 'AND org_id = $org'}
     GROUP BY outcome`,
  ).all({
    $from: Math.floor(over / QUARTER_MS) * QUARTER_MS,
    $over: over,
    ...(org_id === undefined ? {} : { $org: org_id }),
  }) as unknown as { outcome: number; sessions: number }[]
  const all = [...counted, ...last]
  const count = (is: (outcome: number) => boolean) =>
    all.reduce((sum, { outcome, sessions }) => sum + (is(outcome) ? sessions : 0), 0)
  return {
    sessions: count(() => true),
    ended: count((outcome) => outcome >= ENDED),
    unknown: count((outcome) => outcome === UNKNOWN),
  }
}

/** Logouts that were asked for over 10 minutes ago, and that Clerk has not confirmed. */
export function unconfirmedOf(
  db: DatabaseSync,
  { now, org_id }: { now: number; org_id?: OrgId | undefined },
): number {
  const before = now - CONFIRM_WITHIN_MS
  const quarter = Math.floor(before / QUARTER_MS)
  const counted = sumsOf(db, { measure: measures.standing, org_id, bounds: [0, quarter] })
  const last = prepared(
    db,
    // The planner would take the index of all outcomes, and read each of these rows.
    `SELECT count(*) AS sessions FROM sessions INDEXED BY sessions_requested
     WHERE outcome = ${REQUESTED} AND requested_at >= $from AND requested_at < $before
       ${org_id === undefined ? '' : 'AND org_id = $org'}`,
  ).get({
    $from: quarter * QUARTER_MS,
    $before: before,
    ...(org_id === undefined ? {} : { $org: org_id }),
  })
  return counted.reduce(
    (sum, { outcome, sessions }) => sum + (outcome === REQUESTED ? sessions : 0),
    Number(last?.['sessions']),
  )
}

/** What ended the account of a user, in the order of the trail. */
export function userEndsOf(db: DatabaseSync, userId: UserId | null): (UserEnd & { index: number })[] {
  if (userId === null) return []
  const ends = prepared(
    db,
    'SELECT kind, occurred_at, "index" FROM user_ends WHERE user_id = ? ORDER BY "index"',
  )
  return ends.all(userId) as unknown as (UserEnd & { index: number })[]
}
