/** Makes the views: takes entries in their order, and says what changes and how far it got, to be written in one transaction. */
import type { Entry, SessionId, Source, UserId } from '../trail/entry.ts'
import { dueAt, overBy } from './due.ts'
import { factsOf, isAboutASession, join, type SessionEntry, type SessionFacts } from './facts.ts'
import { outcomeOf } from './outcome.ts'
import { recordOf, type UserEnd } from './record.ts'
import { countsOf, RollupChanges } from './rollups.ts'
import { dayOf, hashOf } from './views-schema.ts'
import type {
  Placed,
  Position,
  SessionColumns,
  StoredSession,
  StoredUserEnd,
  Unanswered,
  ViewsChange,
  ViewsStore,
} from './views-store.ts'

/** A batch that takes longer is halved, and one that takes less than a quarter of it is doubled. */
const BATCH_MS = 1000
const FIRST_BATCH = 100

export class Views {
  readonly #store: ViewsStore
  readonly #elapsedMs: () => number
  #position: Position
  #atOnce: number

  private constructor(store: ViewsStore, position: Position, elapsedMs: () => number) {
    this.#store = store
    this.#elapsedMs = elapsedMs
    this.#position = position
    this.#atOnce = Math.min(FIRST_BATCH, store.mostAtOnce)
  }

  static async of(store: ViewsStore, elapsedMs: () => number = () => performance.now()): Promise<Views> {
    return new Views(store, await store.position(), elapsedMs)
  }

  get position(): Position {
    return this.#position
  }

  /** How many entries to give to `apply`: a slow database has to be done with them before it counts as unavailable. */
  get atOnce(): number {
    return this.#atOnce
  }

  /** The next entries of the trail. What is already in the views is left out. */
  async apply(entries: readonly Entry[]): Promise<void> {
    const startedAt = this.#elapsedMs()
    await this.#apply(entries)
    this.#learn(entries.length, this.#elapsedMs() - startedAt)
  }

  async #apply(entries: readonly Entry[]): Promise<void> {
    const from = this.#position
    const fresh = entries.filter(({ index }) => index >= from.nextIndex)
    const last = fresh.at(-1)
    if (!last) return
    const to = {
      ...from,
      nextIndex: last.index + 1,
      lastHash: hashOf(last),
      unanswered: fresh.reduce(unansweredAfter, from.unanswered),
    }
    await this.#store.write({ from, to, heard: lastHeard(fresh), ...(await this.#changesBy(fresh)) })
    this.#position = to
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  #learn(entries: number, tookMs: number): void {
    const { mostAtOnce } = this.#store
    if (tookMs > BATCH_MS) this.#atOnce = Math.max(FIRST_BATCH, Math.floor(this.#atOnce / 2))
    else if (entries >= this.#atOnce && tookMs < BATCH_MS / 4)
      this.#atOnce = Math.min(2 * this.#atOnce, mostAtOnce)
  }

  async #changesBy(fresh: readonly Entry[]): Promise<Omit<ViewsChange, 'from' | 'to' | 'heard'>> {
    const userEnds = fresh.filter(isUserEnd).map(userEndOf)
    const ended = new Map(userEnds.map(({ user_id, index }) => [user_id, index]))
    const touched = await this.#touchedBy(fresh, ended)
    const endsBefore = grouped(await this.#store.userEnds(usersOf(touched)))
    const endsNow = grouped([...[...endsBefore.values()].flat(), ...userEnds])
    const change = new Change(endsBefore, endsNow)
    for (const one of touched) change.add(one)
    return { ...change.made(), userEnds }
  }

  /** The sessions that these entries are about, and those whose account ended. */
  async #touchedBy(fresh: readonly Entry[], ended: ReadonlyMap<UserId, number>): Promise<Touched[]> {
    const touched = new Map<SessionId, Touched>()
    for (const entry of fresh) if (isAboutASession(entry)) tell(touched, entry)
    for (const before of await this.#store.sessions(touched.keys(), ended.keys())) {
      const told = touched.get(before.session_id)
      const { first_index } = before
      if (told) Object.assign(told, { before, facts: join(before, told.facts), first_index })
      else touched.set(before.session_id, { ...asStored(before), before })
    }
    return [...touched.values()].flatMap((one) => withEndOfAccount(one, ended) ?? [])
  }
}

/** A session that the batch is about. */
interface Touched {
  before: StoredSession | null
  /** With all that the batch tells. */
  facts: SessionFacts
  first_index: number
  last_index: number
  indexes: number[]
}

function tell(touched: Map<SessionId, Touched>, entry: SessionEntry): void {
  const { session_id, index } = entry
  const facts = factsOf(entry)
  const known = touched.get(session_id)
  if (known) {
    known.facts = join(known.facts, facts)
    known.last_index = index
    known.indexes.push(index)
  } else
    touched.set(session_id, { before: null, facts, first_index: index, last_index: index, indexes: [index] })
}

function asStored(before: StoredSession): Omit<Touched, 'before'> {
  const { first_index, last_index } = before
  return { facts: before, first_index, last_index, indexes: [] }
}

/** Null: no entry is about it, and it turned out to be of another user than the one whose account ended. */
function withEndOfAccount(one: Touched, ended: ReadonlyMap<UserId, number>): Touched | null {
  const { user_id } = one.facts
  const index = user_id === null ? undefined : ended.get(user_id)
  if (index === undefined) return one.indexes.length > 0 ? one : null
  return { ...one, last_index: Math.max(one.last_index, index) }
}

function usersOf(touched: readonly Touched[]): Set<UserId> {
  const users = new Set<UserId>()
  for (const { before, facts } of touched) {
    if (facts.user_id !== null) users.add(facts.user_id)
    if (before && before.user_id !== null) users.add(before.user_id)
  }
  return users
}

type EndsByUser = ReadonlyMap<UserId, readonly UserEnd[]>

function grouped(ends: readonly StoredUserEnd[]): Map<UserId, StoredUserEnd[]> {
  const byUser = new Map<UserId, StoredUserEnd[]>()
  for (const end of ends) {
    const others = byUser.get(end.user_id)
    if (others) others.push(end)
    else byUser.set(end.user_id, [end])
  }
  return byUser
}

const NONE: readonly UserEnd[] = []

function endsOf({ user_id }: SessionFacts, ends: EndsByUser): readonly UserEnd[] {
  return user_id === null ? NONE : (ends.get(user_id) ?? NONE)
}

/** What is written of a batch, session by session. */
class Change {
  readonly #endsBefore: EndsByUser
  readonly #endsNow: EndsByUser
  readonly #added: Placed[] = []
  readonly #changed: (Placed & { before: StoredSession })[] = []
  readonly #rollups = new RollupChanges()
  readonly #webhookMix = new Map<number, number>()

  constructor(endsBefore: EndsByUser, endsNow: EndsByUser) {
    this.#endsBefore = endsBefore
    this.#endsNow = endsNow
  }

  add({ before, facts, first_index, last_index, indexes }: Touched): void {
    if (before) this.#takeBack(before)
    this.#countWebhooks(before, facts)
    const row = this.#counted(facts, { first_index, last_index })
    if (before) this.#changed.push({ before, row, indexes })
    else this.#added.push({ row, indexes })
  }

  made(): Pick<ViewsChange, 'added' | 'changed' | 'webhookMix' | 'rollups'> {
    return {
      added: this.#added,
      changed: this.#changed,
      webhookMix: this.#webhookMix,
      rollups: this.#rollups.rows(),
    }
  }

  /** What it counted for, as it stood. */
  #takeBack(before: StoredSession): void {
    const record = recordOf(before, endsOf(before, this.#endsBefore), 0)
    this.#rollups.count(before.org_id, countsOf(before, record), -1)
  }

  #counted(facts: SessionFacts, indexes: { first_index: number; last_index: number }): SessionColumns {
    const record = recordOf(facts, endsOf(facts, this.#endsNow), 0)
    this.#rollups.count(facts.org_id, countsOf(facts, record), 1)
    // As session ends are counted: the moment, else the latest that it can have been.
    const at = record.ended_at ?? record.ended_at_latest ?? record.requested_at ?? record.started_at
    const outcome = outcomeOf(record)
    return {
      ...facts,
      ...indexes,
      outcome,
      at,
      day: at === null ? null : dayOf(at),
      over_by: overBy(facts),
      due_at: dueAt(facts, outcome),
    }
  }

  /** Which webhooks Clerk sends for a session that was asked to end: documented nowhere, so it is counted. */
  #countWebhooks(before: SessionFacts | null, facts: SessionFacts): void {
    const counted = before && before.requested_at !== null ? before.webhook_ends : null
    const now = facts.requested_at === null ? null : facts.webhook_ends
    if (counted === now) return
    const mix = this.#webhookMix
    if (counted !== null) mix.set(counted, (mix.get(counted) ?? 0) - 1)
    if (now !== null) mix.set(now, (mix.get(now) ?? 0) + 1)
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

type UserEndEntry = Entry & { user_id: UserId; kind: UserEnd['kind'] }

function isUserEnd(entry: Entry): entry is UserEndEntry {
  const ends = entry.kind === 'user.deleted' || entry.kind === 'user.banned'
  return ends && entry.user_id !== null && !isAboutASession(entry)
}

function userEndOf({ user_id, index, kind, occurred_at }: UserEndEntry): StoredUserEnd {
  return { user_id, index, kind, occurred_at }
}
