/**
 * The log of logouts. Every line that names a person (`durable`, `logged`) is written; of the lines that anyone can
 * cause (`anonymous`, `duplicate`, and `logged` while no key can be had) the first 100 in 10 seconds, then one summary
 * with counts, so that nobody can drown the log. Nobody is ever blocked: this is about lines, not about answers.
 */
import type { LogoutEvent } from './logout-event.ts'

/** `{"event":"user_logout_summary","timestamp":"…","seconds":10,"anonymous":9900,"duplicate":0,"logged":0}` */
export interface LogoutSummary {
  event: 'user_logout_summary'
  /** When the ten seconds began; ISO 8601, UTC. */
  timestamp: string
  seconds: number
  /** Logouts of these ten seconds that have no line of their own. */
  anonymous: number
  duplicate: number
  logged: number
}

export interface LogoutLog {
  write: (event: LogoutEvent) => void
  /** Writes the summary that is due at the end of the ten seconds, now. */
  flush: () => void
}

const WINDOW_MS = 10_000
const LINES_PER_WINDOW = 100
const NONE = { anonymous: 0, duplicate: 0, logged: 0 }

export function logoutLog(writeLine: (line: LogoutEvent | LogoutSummary) => void): LogoutLog {
  let startedAt = -Infinity
  let timestamp = ''
  let lines = 0
  let unwritten = { ...NONE }

  function flush(): void {
    const counts = unwritten
    if (counts.anonymous + counts.duplicate + counts.logged === 0) return
    unwritten = { ...NONE }
    writeLine({ event: 'user_logout_summary', timestamp, seconds: WINDOW_MS / 1000, ...counts })
  }

  function write(event: LogoutEvent): void {
    if (event.record === 'durable' || (event.record === 'logged' && event.refused === undefined)) {
      writeLine(event)
      return
    }
    if (performance.now() - startedAt >= WINDOW_MS) {
      flush()
      startedAt = performance.now()
      timestamp = event.timestamp
      lines = 0
    }
    lines += 1
    if (lines <= LINES_PER_WINDOW) {
      writeLine(event)
      return
    }
    unwritten[event.record] += 1
    // Where timers do not outlive a request, the next event writes the summary instead.
    if (lines === LINES_PER_WINDOW + 1) unrefTimer(flush, startedAt + WINDOW_MS - performance.now())
  }

  return { write, flush }
}

/** A timer that does not keep a Node process alive; elsewhere, a timer. */
function unrefTimer(run: () => void, delayMs: number): void {
  const timer: unknown = setTimeout(run, delayMs)
  if (typeof timer === 'object' && timer !== null && 'unref' in timer && typeof timer.unref === 'function')
    timer.unref()
}
