/** What the log says of a PostgreSQL, for whoever is called at night: once for each trouble, with what is to be done. */
import type { Logger } from 'pino'
import { saidOnce } from './said-once.ts'
import type { StoreOptions } from './stores.ts'
import type { ViewsOptions } from './views.ts'

export interface PostgresLog {
  store: StoreOptions['postgres']
  /** How long a commit took. */
  committed: (durationMs: number) => void
  views: Pick<ViewsOptions, 'onTurn' | 'onTurnOver'>
}

/** Whoever logs out again and again while the database is slow must not fill the log. */
const SAY_AGAIN_AFTER_MS = 60_000

/** `confirmWithinMs`: how long a logout waits for its commit. */
export function postgresLog(logger: Logger, confirmWithinMs: number): PostgresLog {
  const room = saidOnce({
    failed: (err: unknown) =>
      logger.error(
        { err },
        'PostgreSQL cannot make room for entries ahead; it is tried again, and while there is room nothing else is wrong',
      ),
    worked: () => undefined,
    restMs: SAY_AGAIN_AFTER_MS,
  })
  const slowness = saidOnce({
    failed: (durationMs: number) =>
      logger.warn(
        { durationMs },
        `PostgreSQL takes longer than ${confirmWithinMs} ms to commit: logouts are answered as logged, though they are recorded; see what its server waits for`,
      ),
    worked: () => logger.info('PostgreSQL commits in time again'),
    restMs: SAY_AGAIN_AFTER_MS,
  })
  const sync = saidOnce({
    failed: () =>
      logger.warn(
        'PostgreSQL runs with fsync=off: what is answered as durable is lost when its machine fails; set fsync=on',
      ),
    worked: () => logger.info('PostgreSQL runs with fsync=on'),
  })
  return {
    store: {
      onTrouble: (error) => {
        room.failed(error)
        // Nobody tells when it worked.
        room.worked()
      },
      onOpen: ({ fsync, movedFrom }) => {
        if (fsync === 'off') sync.failed()
        else sync.worked()
        if (movedFrom === null) return
        logger.warn(
          { movedFrom },
          'another PostgreSQL answers than the trail knew: a replica took over, or a backup was restored. If entries may be missing, run logout-trail rebuild --accept-restore; if nothing was lost, there is nothing to do',
        )
      },
    },
    committed: (durationMs) => {
      if (durationMs > confirmWithinMs) slowness.failed(durationMs)
      else slowness.worked()
    },
    views: {
      onTurn: () => logger.info('this process writes the session records from now on'),
      onTurnOver: () => logger.info('this process does not write the session records any more'),
    },
  }
}
