/** What PostgreSQL says of the session records: it is about them, and not about the trail beside them. */
import { messageOf, TrailError, type TrailErrorCode } from '../trail/error.ts'
import { sqlState } from '../trail/postgres-client.ts'
import type { ViewsLink } from './views-store-postgres.ts'

/** What `views-replace-postgres.ts` raises: records that this program must not replace. */
export const MUST_NOT_REPLACE = 'LT006'

export const INSUFFICIENT_PRIVILEGE = '42501'
export const LOCK_NOT_AVAILABLE = '55P03'

const ANEW = '`logout-trail rebuild` makes them anew'

/** By SQLSTATE. What is not here means the same for both: the network, a full disk, a server that takes no writes. */
const known: Record<string, [code: TrailErrorCode, sentence: (said: string) => string]> = {
  [MUST_NOT_REPLACE]: ['views-unusable', (said) => said],
  [INSUFFICIENT_PRIVILEGE]: [
    'views-unusable',
    (said) =>
      `The session records may not be written (${said}); \`logout-trail migrate --print-sql\` has the GRANTs`,
  ],
  ...sameFor(['3F000', '42P01', '42883', '42703'], 'views-unusable', 'were removed or changed'),
  ...sameFor(['23505', 'XX001', 'XX002'], 'views-damaged', 'are damaged'),
  [LOCK_NOT_AVAILABLE]: [
    'trail-unavailable',
    (said) =>
      `The session records are read by somebody for long, as by pg_dump (${said}); nothing was changed, try again later`,
  ],
}

function sameFor(states: readonly string[], code: TrailErrorCode, are: string): typeof known {
  const sentence = (said: string) => `The session records ${are} (${said}); ${ANEW}`
  return Object.fromEntries(states.map((state) => [state, [code, sentence]]))
}

/** What its connection says of the records is named so; of the lease, which is the trail's, and of the network as before. */
export function ofRecords(link: ViewsLink): ViewsLink {
  const ofLease = new WeakSet<object>()
  return {
    run: (work) =>
      link.run((client) =>
        work(client).catch((error: unknown) => {
          throw error instanceof Error && ofLease.has(error) ? error : namedOfRecords(error)
        }),
      ),
    assertHeld: (client) =>
      link.assertHeld(client).catch((error: unknown) => {
        if (error instanceof Error) ofLease.add(error)
        throw error
      }),
    close: () => link.close(),
  }
}

function namedOfRecords(cause: unknown): unknown {
  const named = known[sqlState(cause) ?? '']
  if (!named) return cause
  const [code, sentence] = named
  return new TrailError(code, `${sentence(messageOf(cause))}.`, { cause })
}
