/** Writes the views: takes entries in their order, and remembers how far it got in the same transaction. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { Entry, Source, UserId } from '../trail/entry.ts'
import { dueAt, overBy } from './due.ts'
import { factsOf, isAboutASession, join, type SessionEntry, type SessionFacts } from './facts.ts'
import { outcomeOf } from './outcome.ts'
import { recordOf, type UserEnd } from './record.ts'
import { countsOf, Rollups } from './rollups.ts'
import { prepared } from './statements.ts'
import { dayOf, hashOf, positionOf, type Position, type Unanswered } from './views-schema.ts'

/** The facts, in the order of the table. */
const FACTS = [
  'session_id',
  'user_id',
  'client_id',
  'actor_id',
  'org_id',
  'org_at',
  'started_at',
  'alive_at',
  'requested_at',
  'intent',
  'request_actor_id',
  'last_requested_at',
  'last_intent',
  'last_request_actor_id',
  'still_active_at',
  'expire_at',
  'abandon_at',
  'end_kind',
  'end_at',
  'end_exact',
  'begun',
  'webhook_ends',
  'device',
] as const satisfies readonly (keyof SessionFacts)[]

/** What is found and ordered by. */
const DERIVED = ['first_index', 'last_index', 'outcome', 'at', 'day', 'over_by', 'due_at'] as const

const COLUMNS = [...FACTS, ...DERIVED]

type Columns = Record<(typeof COLUMNS)[number], SQLInputValue>

type SessionRow = SessionFacts & Columns & { id: number; first_index: number }

export class Views {
  readonly #db: DatabaseSync
  readonly #find
  readonly #insert
  readonly #addEntry
  readonly #addUserEnd
  readonly #userEnds
  readonly #ofUser
  readonly #countMix
  readonly #hear
  readonly #rollups
  readonly #setPosition
  #position: Position

  constructor(db: DatabaseSync) {
    this.#db = db
    this.#position = positionOf(db)
    this.#find = db.prepare('SELECT * FROM sessions WHERE session_id = ?')
    this.#insert = db.prepare(
      `INSERT INTO sessions (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map(() => '?').join(', ')})`,
    )
    this.#addEntry = db.prepare('INSERT OR IGNORE INTO session_entries VALUES (?, ?)')
    this.#addUserEnd = db.prepare('INSERT OR IGNORE INTO user_ends VALUES (?, ?, ?, ?)')
    this.#userEnds = db.prepare('SELECT kind, occurred_at FROM user_ends WHERE user_id = ?')
    this.#ofUser = db.prepare('SELECT * FROM sessions WHERE user_id = ?')
    this.#countMix = db.prepare(
      'INSERT INTO webhook_mix VALUES (?, ?) ON CONFLICT DO UPDATE SET sessions = sessions + excluded.sessions',
    )
    this.#hear = db.prepare(
      'INSERT INTO heard VALUES (?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)',
    )
    this.#rollups = new Rollups(db)
    this.#setPosition = db.prepare(
      'UPDATE position SET next_index = ?, last_hash = ?, unanswered_first = ?, unanswered_last = ?',
    )
  }

  get position(): Position {
    return this.#position
  }

  /** The next entries of the trail. What is already in the views is left out. */
  apply(entries: readonly Entry[]): void {
    const fresh = entries.filter(({ index }) => index >= this.#position.nextIndex)
    const last = fresh.at(-1)
    if (!last) return
    const position = {
      ...this.#position,
      nextIndex: last.index + 1,
      lastHash: hashOf(last),
      unanswered: fresh.reduce(unansweredAfter, this.#position.unanswered),
    }
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      for (const entry of fresh) {
        if (isAboutASession(entry)) this.#addSessionEntry(entry)
        else if (isUserEnd(entry)) this.#endAccount(entry)
      }
      this.#rollups.write()
      for (const [source, at] of lastHeard(fresh)) this.#hear.run(source, at)
      const { nextIndex, lastHash, unanswered } = position
      this.#setPosition.run(nextIndex, lastHash, unanswered?.first ?? null, unanswered?.last ?? null)
      this.#db.exec('COMMIT')
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      this.#rollups.forget()
      throw error
    }
    this.#position = position
  }

  close(): void {
    this.#db.close()
  }

  #addSessionEntry(entry: SessionEntry): void {
    const before = this.#find.get(entry.session_id) as SessionRow | undefined
    const told = factsOf(entry)
    const facts = before ? join(before, told) : told
    const ends = this.#endsOf(facts.user_id)
    if (before) this.#takeBack(before, before.user_id === facts.user_id ? ends : this.#endsOf(before.user_id))
    const id = this.#write(facts, ends, { before, index: entry.index })
    this.#addEntry.run(id, entry.index)
  }

  #endAccount({ user_id, index, kind, occurred_at }: Entry & { user_id: UserId }): void {
    const rows = this.#ofUser.all(user_id) as unknown as SessionRow[]
    const endsBefore = this.#endsOf(user_id)
    this.#addUserEnd.run(user_id, index, kind, occurred_at)
    const ends = this.#endsOf(user_id)
    for (const row of rows) {
      this.#takeBack(row, endsBefore)
      this.#write(row, ends, { before: row, index })
    }
  }

  #endsOf(userId: UserId | null): UserEnd[] {
    return userId === null ? [] : (this.#userEnds.all(userId) as unknown as UserEnd[])
  }

  /** What it counted for, as it stood. */
  #takeBack(before: SessionFacts, ends: readonly UserEnd[]): void {
    this.#rollups.count(before.org_id, countsOf(before, recordOf(before, ends, 0)), -1)
  }

  /** `index`: of the entry that told it. Gives the row. */
  #write(
    facts: SessionFacts,
    ends: readonly UserEnd[],
    { before, index }: { before: SessionRow | undefined; index: number },
  ): number {
    const record = recordOf(facts, ends, 0)
    // As session ends are counted: the moment, else the latest that it can have been.
    const at = record.ended_at ?? record.ended_at_latest ?? record.requested_at ?? record.started_at
    const outcome = outcomeOf(record)
    const derived: Record<(typeof DERIVED)[number], SQLInputValue> = {
      first_index: before?.first_index ?? index,
      last_index: index,
      outcome,
      at,
      day: at === null ? null : dayOf(at),
      over_by: overBy(facts),
      due_at: dueAt(facts, outcome),
    }
    this.#count(before, facts)
    this.#rollups.count(facts.org_id, countsOf(facts, record), 1)
    return this.#put({ ...facts, ...derived }, before)
  }

  /** Gives the place of the row. Every column that is set costs the index of it, so only those are that changed. */
  #put(row: Columns, before: SessionRow | undefined): number {
    if (!before) return Number(this.#insert.run(...COLUMNS.map((name) => row[name])).lastInsertRowid)
    const changed = COLUMNS.filter((name) => row[name] !== before[name])
    if (changed.length > 0) {
      const set = changed.map((name) => `${name} = ?`).join(', ')
      prepared(this.#db, `UPDATE sessions SET ${set} WHERE id = ?`).run(
        ...changed.map((name) => row[name]),
        before.id,
      )
    }
    return before.id
  }

  /** Which webhooks Clerk sends for a session that was asked to end: documented nowhere, so it is counted. */
  #count(before: SessionFacts | undefined, facts: SessionFacts): void {
    const counted = before && before.requested_at !== null ? before.webhook_ends : null
    const now = facts.requested_at === null ? null : facts.webhook_ends
    if (counted === now) return
    if (counted !== null) this.#countMix.run(counted, -1)
    if (now !== null) this.#countMix.run(now, 1)
  }
}

/** Logouts were asked for, and no webhook came since. */
function unansweredAfter(
  before: Unanswered | null,
  { kind, source, recorded_at: at }: Entry,
): Unanswered | null {
  if (source === 'webhook') return null
  if (kind !== 'logout.requested') return before
  return before ? { ...before, last: Math.max(before.last, at) } : { first: at, last: at }
}

/** When entries of each source were last recorded. */
function lastHeard(entries: readonly Entry[]): Map<Source, number> {
  const last = new Map<Source, number>()
  for (const { source, recorded_at } of entries) {
    last.set(source, Math.max(recorded_at, last.get(source) ?? recorded_at))
  }
  return last
}

function isUserEnd(entry: Entry): entry is Entry & { user_id: UserId } {
  return (entry.kind === 'user.deleted' || entry.kind === 'user.banned') && entry.user_id !== null
}
