/**
 * The filters of the session list, as text: of a query or of a command line. Strict: what is not known, or cannot be what it says
 * it is, is refused by name.
 */
import type { SessionFilter } from '../session-ends/sessions-query.ts'
import { confidences, initiators, reasons, states } from '../session-ends/record.ts'
import { ID } from '../trail/entry.ts'
import type { Refused } from './query.ts'

export const filterNames = [
  'state',
  'user_id',
  'session_id',
  'org_id',
  'reason',
  'initiator',
  'confidence',
  'from',
  'to',
  'q',
] as const
export type FilterName = (typeof filterNames)[number]

type Given = Partial<Record<FilterName, string>>
type Parsed = Record<FilterName, unknown>

const parsers: Record<FilterName, (text: string) => unknown> = {
  state: word(states),
  user_id: id,
  session_id: id,
  org_id: id,
  reason: word(reasons),
  initiator: word(initiators),
  confidence: word(confidences),
  from: time,
  to: time,
  q: id,
}

const expected: Record<FilterName, string> = {
  state: oneOf(states),
  user_id: 'an id of Clerk',
  session_id: 'an id of Clerk',
  org_id: 'an id of Clerk',
  reason: oneOf(reasons),
  initiator: oneOf(initiators),
  confidence: oneOf(confidences),
  from: 'a time such as 2026-11-01T00:00:00Z, or a day such as 2026-11-01, which begins at midnight UTC',
  to: 'a time such as 2026-11-01T00:00:00Z, or a day such as 2026-11-01, which begins at midnight UTC',
  q: 'the whole id of a session, a user or an organisation',
}

export function parseFilter(given: Given): SessionFilter | Refused {
  const filter: Partial<Parsed> = {}
  for (const name of filterNames) {
    const text = given[name]
    if (text === undefined) continue
    const value = parsers[name](text)
    if (value === null) return invalid(`${name} must be ${expected[name]}.`)
    filter[name] = value
  }
  const { from, to } = filter as SessionFilter
  if (from !== undefined && to !== undefined && from >= to)
    return invalid('from must be before to: from is the first moment, to the first that is too late.')
  return filter as SessionFilter
}

function invalid(detail: string): Refused {
  return { refused: 'invalid-request', detail }
}

function word<Word extends string>(words: readonly Word[]) {
  return (text: string): Word | null => words.find((one) => one === text) ?? null
}

function oneOf(words: readonly string[]): string {
  return `one of ${words.join(', ')}`
}

function id(text: string): string | null {
  return ID.test(text) ? text : null
}

/** RFC 3339 with its zone, or a day. */
const TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2}))?$/i

function time(text: string): number | null {
  if (!TIME.test(text)) return null
  const day = text.slice(0, 10)
  // 31 April would become 1 May.
  const midnight = new Date(`${day}T00:00:00Z`)
  if (Number.isNaN(midnight.getTime()) || midnight.toISOString().slice(0, 10) !== day) return null
  const ms = Date.parse(text.toUpperCase())
  return Number.isNaN(ms) ? null : ms
}
