/**
 * The sweep: asks Clerk for sessions that must be over and of which nothing was heard, and for logouts that nobody confirmed.
 * What Clerk says becomes an entry. It ends and revokes nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { DuePlace, DueRequest, DueSession } from '../session-ends/due.ts'
import { answeredToSweep, type Facts, type Kind, type Report, type SessionId } from '../trail/entry.ts'
import type { AppendOutcome } from '../trail/trail.ts'

/** Why Clerk cannot be asked now, whatever it is asked. */
export type Trouble =
  /** Clerk asks for patience. */
  { is: 'busy'; retryAfterMs: number } | { is: 'failed'; error: unknown }

/** What Clerk answers when it is asked for one session. */
export type LookUp =
  /** `status`: Clerk's word. */
  | { is: 'session'; status: string; facts: Partial<Facts> }
  /** Clerk does not have it, or no longer. */
  | { is: 'unknown' }
  /** An answer that says nothing of this session; for others there may be better ones. */
  | { is: 'unusable'; error: unknown }
  | Trouble

/** Whether Clerk, as we ask it, has the instance whose session tokens we verify: another one knows none of our sessions. */
export type Instance = { is: 'ours' } | { is: 'another' } | Trouble

export interface SweepParts {
  /** Null while the records do not know all that was in the trail at the start: then it is not known what is due. */
  due: (request: DueRequest) => Promise<DueSession[] | null>
  /** Asked until it is ours. */
  instance: () => Promise<Instance>
  lookUp: (sessionId: SessionId) => Promise<LookUp>
  record: (report: Report) => Promise<AppendOutcome>
  /** ms since 1970. */
  now: () => number
  observe: SweepObserver
  /** How long Clerk has for one answer. */
  answerWithinMs?: number
  /** Sessions in one round at most. */
  atOnce?: number
}

export interface SweepObserver {
  /** Clerk was asked for a session; `answer` is its status, `unknown`, `unusable`, `busy` or `failed`. */
  asked: (answer: string) => void
  /** A logout was asked for, and Clerk says that the session is still active. */
  stillActive: (sessionId: SessionId) => void
  /** The secret key is of another instance than the session tokens: nothing is asked for. */
  anotherInstance: () => void
  unusable: (sessionId: SessionId, error: unknown) => void
  busy: (retryAfterMs: number) => void
  failed: (error: unknown) => void
  /** A round ended by an error of ours. */
  broke: (error: unknown) => void
  /** Clerk answered all `sessions` that were due, and it was recorded. */
  roundEnded: (sessions: number) => void
}

export interface Round {
  /** Sessions that were asked for and answered. */
  answered: number
  /** `whole`: Clerk answered for all that was taken on, and it is recorded. */
  went: 'whole' | 'stopped'
  /** How long to wait for the next; null: as usual. */
  waitMs: number | null
}

/** A fifth of what Clerk allows a production instance. */
export const REQUESTS_PER_SECOND = 20
/** Enough for that at 400 ms an answer. */
const IN_FLIGHT = 8
const ANSWER_WITHIN_MS = 10_000
const AT_ONCE = 500
const HOUR_MS = 3_600_000

const ends = ['ended', 'removed', 'revoked', 'expired', 'abandoned', 'replaced'] as const
const alive = ['active', 'pending']

const STOPPED: Round = { answered: 0, went: 'stopped', waitMs: null }

/** One round after the other, until `signal`. */
export class Sweep {
  readonly #parts: SweepParts
  /** What was asked in the last hour, so that nothing is asked twice while its entry is on its way into the records. */
  readonly #asked = new Map<SessionId, number>()
  /** Where Clerk failed in the last hour: these are asked last, so that none of them keeps the others waiting for ever. */
  readonly #failedAt = new Map<SessionId, number>()
  readonly #atOnce: number
  #isOurs = false
  #turn = Promise.resolve()
  #turnAt = -Infinity

  constructor(parts: SweepParts) {
    this.#parts = parts
    this.#atOnce = parts.atOnce ?? AT_ONCE
  }

  /** Ends when `signal` is aborted. */
  async run(intervalMs: number, signal: AbortSignal): Promise<void> {
    const { observe } = this.#parts
    while (!signal.aborted) {
      const { waitMs } = await this.round(signal).catch((error: unknown) => {
        observe.broke(error)
        return STOPPED
      })
      await pause(waitMs ?? intervalMs, signal)
    }
  }

  /** Asks for what is due now. */
  async round(signal: AbortSignal): Promise<Round> {
    if (!this.#isOurs) {
      const stopped = await this.#askInstance(signal)
      if (stopped) return stopped
    }
    const sessions = await this.#due()
    if (!sessions || signal.aborted) return STOPPED
    const round = await this.#askAll(sessions, signal)
    if (round.went === 'whole') this.#parts.observe.roundEnded(round.answered)
    return round
  }

  /** Null: it is ours. */
  async #askInstance(signal: AbortSignal): Promise<Round | null> {
    const answer = await this.#inTime(this.#parts.instance(), signal)
    if (signal.aborted) return STOPPED
    if (answer.is === 'ours') {
      this.#isOurs = true
      return null
    }
    if (answer.is !== 'another') return this.#stop(answer)
    this.#parts.observe.anotherInstance()
    return STOPPED
  }

  /** The longest due first, but for those at which Clerk failed. */
  async #due(): Promise<DueSession[] | null> {
    const now = this.#parts.now()
    forget(this.#asked, now)
    forget(this.#failedAt, now)
    const fresh: DueSession[] = []
    let after: DuePlace | null = null
    do {
      const page: DueSession[] | null = await this.#parts.due({ now, after, limit: this.#atOnce })
      if (!page) return null
      fresh.push(...page.filter(({ session_id }) => !this.#asked.has(session_id)))
      after = page.length < this.#atOnce ? null : (page.at(-1)?.place ?? null)
    } while (after && fresh.length < this.#atOnce)
    const failedAt = ({ session_id }: DueSession) => this.#failedAt.get(session_id) ?? 0
    return fresh.slice(0, this.#atOnce).toSorted((a, b) => failedAt(a) - failedAt(b))
  }

  async #askAll(sessions: DueSession[], signal: AbortSignal): Promise<Round> {
    const queue = sessions.values()
    const stops: Round[] = []
    let answered = 0
    const worker = async () => {
      // One queue for all of them.
      for (const session of queue) {
        await this.#takeTurn(signal)
        if (signal.aborted || stops.length > 0) return
        const stop = await this.#ask(session, signal)
        if (stop) stops.push(stop)
        else answered += 1
      }
    }
    // All of them end before an error of one of them counts: none goes on beside the next round.
    const done = await Promise.allSettled(Array.from({ length: IN_FLIGHT }, worker))
    for (const one of done) if (one.status === 'rejected') throw one.reason
    if (signal.aborted || stops.length > 0) {
      const waitMs = Math.max(...stops.map((one) => one.waitMs ?? 0), 0)
      return { answered, went: 'stopped', waitMs: waitMs || null }
    }
    return { answered, went: 'whole', waitMs: sessions.length === this.#atOnce ? 0 : null }
  }

  /** Null: go on with the next. */
  async #ask(session: DueSession, signal: AbortSignal): Promise<Round | null> {
    const { lookUp, now, observe } = this.#parts
    const { session_id } = session
    const askedAt = now()
    const answer = await this.#inTime(lookUp(session_id), signal)
    if (signal.aborted) return STOPPED
    observe.asked(answer.is === 'session' ? wordOf(answer.status) : answer.is)
    if (answer.is === 'busy') return this.#stop(answer)
    if (answer.is === 'failed') {
      this.#failedAt.set(session_id, askedAt)
      return this.#stop(answer)
    }
    this.#failedAt.delete(session_id)
    this.#asked.set(session_id, askedAt)
    if (answer.is !== 'unusable') return this.#record(session, answer, askedAt)
    observe.unusable(session_id, answer.error)
    return null
  }

  async #record(
    session: DueSession,
    answer: Extract<LookUp, { is: 'session' | 'unknown' }>,
    askedAt: number,
  ): Promise<Round | null> {
    const report = reportOf(session, answer, askedAt)
    if (!report) return null
    if (report.kind === 'session.still-active' && session.requested)
      this.#parts.observe.stillActive(session.session_id)
    switch (await this.#parts.record(report)) {
      case 'durable':
      case 'duplicate':
      // Of this one report; asking again would not mend it.
      case 'rejected':
        return null
      case 'timed-out':
      case 'queue-full':
      case 'store-failed':
      case 'closed':
        this.#asked.delete(session.session_id)
        return STOPPED
    }
  }

  #stop(trouble: Trouble): Round {
    const { observe } = this.#parts
    if (trouble.is === 'failed') {
      observe.failed(trouble.error)
      return STOPPED
    }
    observe.busy(trouble.retryAfterMs)
    return { ...STOPPED, waitMs: trouble.retryAfterMs }
  }

  /** One after the other, never above the limit, however long answers take. */
  #takeTurn(signal: AbortSignal): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      // Up: timers count whole milliseconds.
      await pause(Math.ceil(this.#turnAt + 1000 / REQUESTS_PER_SECOND - performance.now()), signal)
      this.#turnAt = performance.now()
    })
    return this.#turn
  }

  /** What takes too long has failed; when it is told to stop, nobody waits for it. */
  async #inTime<Answer>(
    asked: Promise<Answer>,
    signal: AbortSignal,
  ): Promise<Answer | Extract<Trouble, { is: 'failed' }>> {
    const withinMs = this.#parts.answerWithinMs ?? ANSWER_WITHIN_MS
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const timer = setTimeout(
      () => reject(new Error(`Clerk did not answer within ${withinMs / 1000} s.`)),
      withinMs,
    )
    const stop = () => reject(new Error('The sweep was told to stop.'))
    signal.addEventListener('abort', stop)
    asked.then(resolve, reject)
    try {
      return await promise
    } catch (error) {
      return { is: 'failed', error }
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    }
  }
}

/** What is an hour old; also what was noted while the clock was ahead. */
function forget(noted: Map<SessionId, number>, now: number): void {
  for (const [session, at] of noted) if (at > now || now - at >= HOUR_MS) noted.delete(session)
}

/** Null for a status that we do not know: it is counted, and asked for again in an hour. */
function reportOf(
  { session_id, user_id }: DueSession,
  answer: Extract<LookUp, { is: 'session' | 'unknown' }>,
  askedAt: number,
): Report | null {
  const kind = answer.is === 'unknown' ? 'session.unknown' : kindOf(answer.status)
  if (!kind) return null
  const facts = answer.is === 'session' ? answer.facts : {}
  return answeredToSweep(askedAt, { user_id, ...facts, session_id, kind })
}

function kindOf(status: string): Kind | null {
  if (alive.includes(status)) return 'session.still-active'
  const end = ends.find((one) => one === status)
  return end ? `session.${end}` : null
}

/** A label of a metric holds no word that we do not know. */
function wordOf(status: string): string {
  return [...ends, ...alive].find((one) => one === status) ?? 'other'
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0) return
  await sleep(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}
