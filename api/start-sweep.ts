/** The sweep in the service: what it does is counted, and each kind of trouble is said once in the log. */
import type { Logger } from 'pino'
import type { Metrics } from './metrics.ts'
import { saidOnce } from './said-once.ts'
import { Sweep, type SweepObserver, type SweepParts } from './sweep.ts'

export type RunningSweepParts = Omit<SweepParts, 'observe'> & {
  intervalMs: number
  logger: Logger
  metrics: Metrics
}

/** Gives what ends it. */
export function startSweep({
  intervalMs,
  logger,
  metrics,
  ...parts
}: RunningSweepParts): () => Promise<void> {
  const closing = new AbortController()
  const sweep = new Sweep({ ...parts, observe: observerOf(logger, metrics) })
  const running = sweep.run(intervalMs, closing.signal)
  return () => {
    closing.abort()
    return running
  }
}

function observerOf(logger: Logger, metrics: Metrics): SweepObserver {
  const failures = saidOnce({
    failed: (err: unknown) => logger.warn({ err }, 'Clerk cannot be asked for sessions; it is tried again'),
    worked: () => logger.info('Clerk can be asked for sessions again'),
  })
  const patience = saidOnce({
    failed: (retryAfterMs: number) =>
      logger.warn({ retryAfterMs }, 'Clerk asks for fewer requests; the sweep waits'),
    worked: () => logger.info('Clerk answers all that the sweep asks again'),
  })
  const bugs = saidOnce({
    failed: (err: unknown) =>
      logger.error({ err }, 'a round of the sweep ended for a reason nobody expected; it is tried again'),
    worked: () => logger.info('the sweep goes on'),
  })
  const instance = saidOnce({
    failed: () =>
      logger.error(
        'CLERK_SECRET_KEY is of another Clerk instance than the session tokens, so no session is asked for: copy it from the instance whose CLERK_PUBLISHABLE_KEY (or CLERK_JWT_KEY, CLERK_JWKS_URL, CLERK_ISSUER) is set here',
      ),
    worked: () => logger.info('CLERK_SECRET_KEY is of the instance of the session tokens'),
  })
  const answers = saidOnce({
    failed: (session_id: string, err: unknown) =>
      logger.warn(
        { session_id, err },
        'an answer of Clerk about a session cannot be used; it is asked for again in an hour; more of them are only counted',
      ),
    worked: () => undefined,
  })
  return {
    asked: metrics.sweepAsked,
    stillActive: (session_id) =>
      logger.warn({ session_id }, 'a logout was asked for, and Clerk says that the session is still active'),
    anotherInstance: instance.failed,
    unusable: answers.failed,
    busy: patience.failed,
    failed: failures.failed,
    broke: bugs.failed,
    roundEnded: (sessions) => {
      metrics.sweepEnded()
      instance.worked()
      bugs.worked()
      // When nothing was due, Clerk was not asked.
      if (sessions === 0) return
      failures.worked()
      patience.worked()
    },
  }
}
