/** Writes the views: takes entries in their order, and remembers how far it got in the same transaction. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { Entry, UserId } from '../trail/entry.ts'
import { dueAt, overBy } from './due.ts'
import { factsOf, isAboutASession, join, type SessionEntry, type SessionFacts } from './facts.ts'
import { ENDED, outcomeOf, UNKNOWN } from './outcome.ts'
import { recordOf, type UserEnd } from './record.ts'
import { dayOf, HOUR_MS, hashOf, positionOf, type Position, type Unanswered } from './views-schema.ts'

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
] as const satisfies readonly (keyof SessionFacts)[]

/** What is found and ordered by. */
const DERIVED = ['first_index', 'last_index', 'outcome', 'at', 'day', 'over_by', 'due_at'] as const

const COLUMNS = [...FACTS, ...DERIVED]

type SessionRow = SessionFacts & { first_index: number } & Counted

/** What coverage is counted by. */
interface Counted {
  begun: 0 | 1
  over_by: number | null
  outcome: number
}

export class Views {
  readonly #db: DatabaseSync
  readonly #find
  readonly #put
  readonly #addEntry
  readonly #addUserEnd
  readonly #userEnds
  readonly #ofUser
  readonly #countMix
  readonly #countOver
  readonly #setPosition
  #position: Position

  constructor(db: DatabaseSync) {
    this.#db = db
    this.#position = positionOf(db)
    this.#find = db.prepare('SELECT * FROM sessions WHERE session_id = ?')
    this.#put = db.prepare(
      `INSERT INTO sessions (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map(() => '?').join(', ')})
       ON CONFLICT (session_id) DO UPDATE SET ${COLUMNS.map((name) => `${name} = excluded.${name}`).join(', ')}
       RETURNING id`,
    )
    this.#addEntry = db.prepare('INSERT OR IGNORE INTO session_entries VALUES (?, ?)')
    this.#addUserEnd = db.prepare('INSERT OR IGNORE INTO user_ends VALUES (?, ?, ?, ?)')
    this.#userEnds = db.prepare('SELECT kind, occurred_at FROM user_ends WHERE user_id = ?')
    this.#ofUser = db.prepare('SELECT * FROM sessions WHERE user_id = ?')
    this.#countMix = db.prepare(
      'INSERT INTO webhook_mix VALUES (?, ?) ON CONFLICT DO UPDATE SET sessions = sessions + excluded.sessions',
    )
    this.#countOver = db.prepare(
      `INSERT INTO over_in_hour VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET
         sessions = sessions + excluded.sessions, ended = ended + excluded.ended, unknown = unknown + excluded.unknown`,
    )
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
      const { nextIndex, lastHash, unanswered } = position
      this.#setPosition.run(nextIndex, lastHash, unanswered?.first ?? null, unanswered?.last ?? null)
      this.#db.exec('COMMIT')
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
    this.#position = position
  }

  close(): void {
    this.#db.close()
  }

  #addSessionEntry(entry: SessionEntry): void {
    const before = this.#find.get(entry.session_id) as SessionRow | undefined
    const facts = factsOf(entry)
    const id = this.#write(before ? join(before, facts) : facts, before, entry.index)
    this.#addEntry.run(id, entry.index)
  }

  #endAccount({ user_id, index, kind, occurred_at }: Entry & { user_id: UserId }): void {
    this.#addUserEnd.run(user_id, index, kind, occurred_at)
    for (const row of this.#ofUser.all(user_id)) {
      const facts = row as unknown as SessionRow
      this.#write(facts, facts, index)
    }
  }

  /** `index`: of the entry that told it. Gives the row. */
  #write(facts: SessionFacts, before: SessionRow | undefined, index: number): number {
    const ends = facts.user_id === null ? [] : (this.#userEnds.all(facts.user_id) as unknown as UserEnd[])
    const record = recordOf(facts, ends, 0)
    const at = record.ended_at ?? record.requested_at ?? record.started_at
    const outcome = outcomeOf(record)
    const over_by = overBy(facts)
    const derived: Record<(typeof DERIVED)[number], SQLInputValue> = {
      first_index: before?.first_index ?? index,
      last_index: index,
      outcome,
      at,
      day: at === null ? null : dayOf(at),
      over_by,
      due_at: dueAt(facts, outcome),
    }
    const row = this.#put.get(
      ...FACTS.map((name): SQLInputValue => facts[name]),
      ...DERIVED.map((name) => derived[name]),
    )
    this.#count(before, facts)
    if (before) this.#countCoverage(before, -1)
    this.#countCoverage({ begun: facts.begun, over_by, outcome }, 1)
    return Number(row?.['id'])
  }

  /** By the hour by whose end they must be over: so few rows that counting them is cheap however many sessions there are. */
  #countCoverage({ begun, over_by, outcome }: Counted, by: 1 | -1): void {
    if (begun === 0 || over_by === null) return
    const ended = outcome >= ENDED ? by : 0
    const unknown = outcome === UNKNOWN ? by : 0
    this.#countOver.run(Math.floor(over_by / HOUR_MS), by, ended, unknown)
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

function isUserEnd(entry: Entry): entry is Entry & { user_id: UserId } {
  return (entry.kind === 'user.deleted' || entry.kind === 'user.banned') && entry.user_id !== null
}
