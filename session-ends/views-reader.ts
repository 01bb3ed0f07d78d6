/** Reads the views, beside the thread that writes them. */
import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import type { SessionId, UserId } from '../trail/entry.ts'
import { GRACE_MS } from './due.ts'
import type { SessionFacts } from './facts.ts'
import { ENDED, REQUESTED, UNKNOWN } from './outcome.ts'
import { CONFIRM_WITHIN_MS, recordOf, type SessionRecord, type UserEnd } from './record.ts'
import { prepared } from './statements.ts'
import { HOUR_MS, openForReading, positionOf, type Position, type Unanswered } from './views-schema.ts'

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
    const row = this.db()
      ?.prepare(
        `SELECT sum(sessions) AS sessions, sum(ended) AS ended, sum(unknown) AS unknown FROM (
           SELECT sessions, ended, unknown FROM over_in_hour WHERE hour < $hour
           UNION ALL
           SELECT count(*), sum(outcome >= ${ENDED}), sum(outcome = ${UNKNOWN}) FROM sessions
           WHERE over_by >= $hour * ${HOUR_MS} AND over_by < $over AND begun = 1
         )`,
      )
      .get({ $over: now - GRACE_MS, $hour: Math.floor((now - GRACE_MS) / HOUR_MS) })
    return {
      sessions: Number(row?.['sessions'] ?? 0),
      ended: Number(row?.['ended'] ?? 0),
      unknown: Number(row?.['unknown'] ?? 0),
    }
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

  /** All of it. Not for the thread that answers requests: `unconfirmed` reads every logout that nobody confirmed. */
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
    const row = this.db()
      ?.prepare(
        // The planner would take the index of all outcomes, and read each of these rows.
        `SELECT count(*) AS sessions FROM sessions INDEXED BY sessions_requested
         WHERE outcome = ${REQUESTED} AND requested_at < ?`,
      )
      .get(now - CONFIRM_WITHIN_MS)
    return Number(row?.['sessions'] ?? 0)
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

/** What ended the account of a user, in the order of the trail. */
export function userEndsOf(db: DatabaseSync, userId: UserId | null): (UserEnd & { index: number })[] {
  if (userId === null) return []
  const ends = prepared(
    db,
    'SELECT kind, occurred_at, "index" FROM user_ends WHERE user_id = ? ORDER BY "index"',
  )
  return ends.all(userId) as unknown as (UserEnd & { index: number })[]
}
