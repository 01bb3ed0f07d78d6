/** The connection of a command that makes the tables of the session records in PostgreSQL, beside the services. */
import type { ViewsLink } from '../session-ends/views-store-postgres.ts'
import { PostgresLink } from '../trail/stores/postgres-link.ts'

/** As for the tables of the trail: dropping many records takes its time, and so does looking at new ones for the planner. */
const ANSWER_WITHIN_MS = 600_000

export function linkToRecords(url: string): ViewsLink {
  const link = new PostgresLink({
    url,
    use: 'write',
    answerWithinMs: ANSWER_WITHIN_MS,
    onConnect: async () => undefined,
  })
  return {
    run: link.run.bind(link),
    // The lease is for who writes the records that are read: these locks keep a command apart from that.
    assertHeld: async () => undefined,
    close: link.close.bind(link),
  }
}
