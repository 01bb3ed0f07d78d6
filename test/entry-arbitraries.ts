/** Any entries about a few sessions, for properties. */
import * as fc from 'fast-check'
import { intents, kinds, type Entry, type OrgId, type SessionId, type UserId } from '../trail/entry.ts'
import { entryWith } from './entries.ts'

const BEGIN = Date.UTC(2026, 10, 1)
const MINUTE_MS = 60_000

/** Within three days, and often the same: so that sessions share rows. */
const times = fc
  .integer({ min: 0, max: 3 * 24 * 4 })
  .map((at) => BEGIN + at * 15 * MINUTE_MS + (at % 7) * 1000)
const perhaps = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })

export const anyEntry: fc.Arbitrary<Entry> = fc
  .record({
    kind: fc.constantFrom(...kinds.filter((kind) => !kind.startsWith('trail.'))),
    occurred_at: times,
    session: fc.integer({ min: 1, max: 5 }),
    user_id: perhaps(fc.constantFrom('user_1' as UserId, 'user_2' as UserId)),
    org_id: perhaps(fc.constantFrom('org_1' as OrgId, 'org_2' as OrgId)),
    intent: perhaps(fc.constantFrom(...intents)),
    device_type: perhaps(fc.constantFrom('desktop', 'iPhone')),
    session_created_at: perhaps(times),
    session_expire_at: perhaps(times),
    swept: fc.boolean(),
  })
  .map(({ session, swept, ...given }) =>
    entryWith({
      ...given,
      session_id: given.kind.startsWith('user.') ? null : (`sess_${session}` as SessionId),
      intent: given.kind === 'logout.requested' ? given.intent : null,
      source: given.kind === 'logout.requested' ? 'api' : swept ? 'sweep' : 'webhook',
    }),
  )
