/**
 * The sweep: asks Clerk for sessions that must be over and of which nothing was heard, and for logouts that nobody confirmed.
 * What Clerk says becomes an entry. It ends and revokes nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { DueSession } from '../session-ends/views-reader.ts'
import { answeredToSweep, type Facts, type Kind, type Report, type SessionId } from '../trail/entry.ts'
import type { AppendOutcome } from '../trail/trail.ts'

/** What Clerk answers when it is asked for one session. */
export type LookUp =
  /** `status`: Clerk's word. */
  | { is: 'session'; status: string; facts: Partial<Facts> }
  /** Clerk does not have it, or no longer. */
  | { is: 'unknown' }
  /** Clerk asks for patience. */
  | { is: 'busy'; retryAfterMs: number }
  | { is: 'failed'; error: unknown }

export interface SweepParts {
  /** Null while the session records are behind the trail: then it is not known what is due. */
  due: (now: number, limit: number) => DueSession[] | null
  lookUp: (sessionId: SessionId) => Promise<LookUp>
  record: (report: Report) => Promise<AppendOutcome>
  /** ms since 1970. */
  now: () => number
  observe: SweepObserver
}

export interface SweepObserver {
  /** Clerk was asked; `answer` is its status, `unknown`, `busy` or `failed`. */
  asked: (answer: string) => void
  /** A logout was asked for, and Clerk says that the session is still active. */
  stillActive: (sessionId: SessionId) => void
  failed: (error: unknown) => void
  /** Everything that was due was asked for, as far as Clerk answered. */
  roundEnded: () => void
}

/** A fifth of what Clerk allows a production instance. */
export const REQUESTS_PER_SECOND = 20
const AT_ONCE = 500
const HOUR_MS = 3_600_000

const ends = ['ended', 'removed', 'revoked', 'expired', 'abandoned', 'replaced'] as const
const alive = ['active', 'pending']

/** One round after the other, until `signal`. */
export class Sweep {
  readonly #parts: SweepParts
  /** What was asked in the last hour, so that nothing is asked twice while its entry is on its way into the records. */
  readonly #asked = new Map<SessionId, number>()

  constructor(parts: SweepParts) {
    this.#parts = parts
  }

  /** Ends when `signal` is aborted. */
  async run(intervalMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.round(signal)
      this.#parts.observe.roundEnded()
      await pause(intervalMs, signal)
    }
  }

  /** Asks for what is due now. Gives how many sessions were asked for. */
  async round(signal: AbortSignal): Promise<number> {
    const now = this.#parts.now()
    for (const [session, at] of this.#asked) if (now - at >= HOUR_MS) this.#asked.delete(session)
    const due = this.#parts.due(now, AT_ONCE + this.#asked.size) ?? []
    let asked = 0
    for (const session of due) {
      if (signal.aborted || asked === AT_ONCE) break
      if (this.#asked.has(session.session_id)) continue
      if ((await this.#ask(session, signal)) === 'stop') break
      asked += 1
    }
    return asked
  }

  async #ask(session: DueSession, signal: AbortSignal): Promise<'go on' | 'stop'> {
    const { lookUp, record, now, observe } = this.#parts
    const askedAt = now()
    const slot = pause(1000 / REQUESTS_PER_SECOND, signal)
    const answer = await lookUp(session.session_id)
    observe.asked(answer.is === 'session' ? wordOf(answer.status) : answer.is)
    if (answer.is === 'busy') {
      await pause(answer.retryAfterMs, signal)
      return 'stop'
    }
    if (answer.is === 'failed') {
      observe.failed(answer.error)
      return 'stop'
    }
    this.#asked.set(session.session_id, askedAt)
    const report = reportOf(session, answer, askedAt)
    if (report) {
      const outcome = await record(report)
      if (outcome !== 'durable' && outcome !== 'duplicate') this.#asked.delete(session.session_id)
      if (report.kind === 'session.still-active' && session.because === 'unconfirmed')
        observe.stillActive(session.session_id)
    }
    await slot
    return 'go on'
  }
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
  await sleep(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}
