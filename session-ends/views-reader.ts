/** Reads the views, beside the thread that writes them. */
import { sql, type RawBuilder } from 'kysely'
import type { OrgId, SessionId, UserId } from '../trail/entry.ts'
import { GRACE_MS } from './due.ts'
import { ENDED, REQUESTED, UNKNOWN } from './outcome.ts'
import { CONFIRM_WITHIN_MS, recordOf, type SessionRecord } from './record.ts'
import { measures } from './rollups.ts'
import { sumsOf } from './rollup-sums.ts'
import type { Rows, ViewsDatabase } from './rows.ts'
import { rowColumns, userEndsOf, type SessionRow } from './session-rows.ts'
import { ENTRIES_LIMIT, positionFrom, QUARTER_MS } from './views-schema.ts'
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

/** Each answer is of one moment; what is asked inside `atOneMoment` is of the same one. */
export class ViewsReader {
  readonly #database: ViewsDatabase

  constructor(database: ViewsDatabase) {
    this.#database = database
  }

  /** See `ViewsDatabase`. */
  atOneMoment<T>(read: (rows: Rows) => Promise<T>): Promise<T | null> {
    return this.#database.atOneMoment(read)
  }

  /** Null: there are no views yet. */
  position(): Promise<Position | null> {
    return this.atOneMoment(positionIn)
  }

  /** Null: no entry is about it. */
  session(id: string, now: number): Promise<FoundSession | null> {
    return this.atOneMoment((rows) => sessionIn(rows, id, now))
  }

  /** Of the sessions that had to be over by then. */
  async coverage(now: number): Promise<Coverage> {
    const found = await this.atOneMoment((rows) => coverageOf(rows, { from: 0, to: now - GRACE_MS }))
    return found ?? { sessions: 0, ended: 0, unknown: 0 }
  }

  /** The longest over first. */
  async gaps(now: number, limit: number): Promise<Gap[]> {
    const found = await this.atOneMoment((rows) =>
      rows.all(
        sql<Gap>`
          SELECT session_id, user_id, over_by FROM sessions
          WHERE over_by < ${now - GRACE_MS} AND begun = 1 AND outcome < ${sql.lit(ENDED)} ORDER BY over_by LIMIT ${limit}`,
      ),
    )
    return found ?? []
  }

  /** All of it. */
  async figures(now: number): Promise<Figures> {
    const found = await this.atOneMoment(async (rows) => ({
      coverage: await coverageOf(rows, { from: 0, to: now - GRACE_MS }),
      unconfirmed: await unconfirmedOf(rows, { now }),
      webhookMix: await webhookMixIn(rows),
      unanswered: (await positionIn(rows)).unanswered,
    }))
    return found ?? NO_FIGURES
  }

  /** Logouts that were asked for over 10 minutes ago, and that Clerk has not confirmed. */
  async unconfirmed(now: number): Promise<number> {
    return (await this.atOneMoment((rows) => unconfirmedOf(rows, { now }))) ?? 0
  }

  async webhookMix(): Promise<WebhookMix[]> {
    return (await this.atOneMoment(webhookMixIn)) ?? []
  }

  close(): Promise<void> {
    return this.#database.close()
  }
}

const NO_FIGURES: Figures = {
  coverage: { sessions: 0, ended: 0, unknown: 0 },
  unconfirmed: 0,
  webhookMix: [],
  unanswered: null,
}

export async function positionIn(rows: Rows): Promise<Position> {
  const [row] = await rows.all(sql<Record<string, unknown>>`SELECT * FROM position`)
  return positionFrom(row ?? {})
}

/** Null: no entry is about it. */
export async function sessionIn(rows: Rows, id: string, now: number): Promise<FoundSession | null> {
  const [row] = await rows.all(sql<SessionRow>`SELECT ${rowColumns} FROM sessions WHERE session_id = ${id}`)
  if (!row) return null
  const ends = await userEndsOf(rows, row.user_id === null ? [] : [row.user_id])
  const own = await rows.all(rows.dialect.entriesOf(row.id, ENTRIES_LIMIT))
  const indexes = [...own, ...ends].map(({ index }) => index)
  return {
    record: recordOf(row, ends, now),
    indexes: indexes.toSorted((a, b) => a - b).slice(0, ENTRIES_LIMIT),
  }
}

function webhookMixIn(rows: Rows): Promise<WebhookMix[]> {
  return rows.all(sql`SELECT webhook_ends, sessions FROM webhook_mix WHERE sessions > 0`)
}

/** Of the sessions that had to be over from `from` on, a multiple of 15 minutes, and before `to`. */
export async function coverageOf(
  rows: Rows,
  { from, to, org_id }: { from: number; to: number; org_id?: OrgId | undefined },
): Promise<Coverage> {
  const over = Math.max(from, to)
  const quarter = Math.floor(over / QUARTER_MS)
  const bounds = [from / QUARTER_MS, quarter]
  const counted = await sumsOf(rows, { measure: measures.mustBeOver, org_id, bounds })
  // Of the quarter that is not over yet.
  const last = await rows.all(
    sql<{ outcome: number; sessions: number }>`
      SELECT outcome, count(*) AS sessions FROM sessions
      WHERE over_by >= ${quarter * QUARTER_MS} AND over_by < ${over} AND begun = 1 ${ofOrg(org_id)}
      GROUP BY outcome`,
  )
  const all = [...counted, ...last]
  const count = (is: (outcome: number) => boolean) =>
    all.reduce((sum, { outcome, sessions }) => sum + (is(outcome) ? sessions : 0), 0)
  return {
    sessions: count(() => true),
    ended: count((outcome) => outcome >= ENDED),
    unknown: count((outcome) => outcome === UNKNOWN),
  }
}

function ofOrg(org: OrgId | undefined): RawBuilder<unknown> {
  return org === undefined ? sql`` : sql`AND org_id = ${org}`
}

/** Logouts that were asked for over 10 minutes ago, and that Clerk has not confirmed. */
export async function unconfirmedOf(
  rows: Rows,
  { now, org_id }: { now: number; org_id?: OrgId | undefined },
): Promise<number> {
  const before = now - CONFIRM_WITHIN_MS
  const quarter = Math.floor(before / QUARTER_MS)
  const counted = await sumsOf(rows, { measure: measures.standing, org_id, bounds: [0, quarter] })
  // The planner of SQLite would take the index of all outcomes, and read each of these rows.
  const [last] = await rows.all(
    sql<{ sessions: number }>`
      SELECT count(*) AS sessions FROM sessions ${rows.dialect.indexedBy('sessions_requested')}
      WHERE outcome = ${sql.lit(REQUESTED)} AND requested_at >= ${quarter * QUARTER_MS} AND requested_at < ${before}
        ${ofOrg(org_id)}`,
  )
  return counted.reduce(
    (sum, { outcome, sessions }) => sum + (outcome === REQUESTED ? sessions : 0),
    last?.sessions ?? 0,
  )
}
