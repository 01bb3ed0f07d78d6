/** What a person has to hear of the PostgreSQL behind the trail: it is said in the log each time that it is so. */
import type { Logger } from 'pino'
import type { StoreOptions } from './stores.ts'

export function postgresNews(logger: Logger): Pick<StoreOptions['postgres'], 'onOpen' | 'onTrouble'> {
  return {
    onOpen: ({ fsync, movedFrom, systemId, timeline }) => {
      if (fsync === 'off') {
        logger.error(
          'PostgreSQL runs with fsync=off: what is answered durable is lost with the power; switch it on',
        )
      }
      if (movedFrom) {
        logger.warn(
          { before: movedFrom, now: { systemId, timeline } },
          'another PostgreSQL server, or another timeline of it, answers than the trail knew: if a backup was restored, or a replica that lagged took over, indexes may be given out again; then stop the services and run logout-trail rebuild --accept-restore',
        )
      }
    },
    onTrouble: (error) =>
      logger.error(
        { err: error },
        'PostgreSQL could not make the next partition of entries; it is tried again',
      ),
  }
}
