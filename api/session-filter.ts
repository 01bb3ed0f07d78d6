/**
 * The filters of the session list, as text: of a query or of a command line. Strict: what is not known, or cannot be what it says
 * it is, is refused by name.
 */
import { confidences, initiators, reasons, states } from '../session-ends/record.ts'
import type { SessionFilter } from '../session-ends/sessions-query.ts'
import { ID, type OrgId, type SessionId, type UserId } from '../trail/entry.ts'
import { invalid, wordOf, type Parameter, type Refused } from './query.ts'

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- names the brand at the call
function idOf<Id extends string>(accepts: string): Parameter<Id> {
  return { parse: (text) => (ID.test(text) ? (text as Id) : undefined), accepts }
}

/** RFC 3339 with its zone, or a day. */
const TIME = /^\d{4}-\d{2}-\d{2}(T([01]\d|2[0-3]):\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2}))?$/i

const time: Parameter<number> = {
  parse: timeOf,
  accepts: 'a time such as 2026-11-01T00:00:00Z, or a day such as 2026-11-01, which begins at midnight UTC',
}

export function timeOf(text: string): number | undefined {
  const day = text.slice(0, 10)
  // 31 April would become 1 May.
  const midnight = new Date(`${day}T00:00:00Z`)
  if (!TIME.test(text) || Number.isNaN(midnight.getTime()) || midnight.toISOString().slice(0, 10) !== day)
    return undefined
  const ms = Date.parse(text.toUpperCase())
  return Number.isNaN(ms) ? undefined : ms
}

export const filterParameters = {
  state: wordOf(states),
  user_id: idOf<UserId>('an id of Clerk'),
  session_id: idOf<SessionId>('an id of Clerk'),
  org_id: idOf<OrgId>('an id of Clerk'),
  reason: wordOf(reasons),
  initiator: wordOf(initiators),
  confidence: wordOf(confidences),
  from: time,
  to: time,
  q: idOf<string>('the whole id of a session, a user or an organisation'),
} satisfies { [Name in keyof Required<SessionFilter>]: Parameter<unknown> }

export type FilterName = keyof typeof filterParameters

/** Null when there is nothing wrong with it. */
export function contradictionIn({ from, to }: SessionFilter): Refused | null {
  if (from === undefined || to === undefined || from < to) return null
  return invalid('from must be before to: from is the first moment, to the first that is too late.')
}
