/** The filters of the session list, as options: `--user-id` is `user_id` of the API. */
import { isRefused, valuesOf, type Refused } from '../api/query.ts'
import { contradictionIn, filterParameters, type FilterName } from '../api/session-filter.ts'
import type { SessionFilter } from '../session-ends/sessions-query.ts'
import { UsageError } from './strict.ts'

const meanings: Record<FilterName, string> = {
  state: 'open, requested (asked for, and not confirmed by Clerk) or ended.',
  user_id: 'Of this user.',
  session_id: 'This session.',
  org_id: 'Of this organisation.',
  reason: 'signed-out, revoked, expired, abandoned, replaced, account-deleted, account-banned or unknown.',
  initiator: 'Who ended it: user, policy, admin or system.',
  confidence: 'confirmed (Clerk says so of this session) or inferred.',
  from: 'When it ended (at the latest), else was asked to, else began: from this time on. 2026-11-01T00:00:00Z, or 2026-11-01 for midnight UTC.',
  to: 'The same, before this time.',
  q: 'The whole id of a session, a user or an organisation.',
}

const filterNames = Object.keys(filterParameters) as FilterName[]

const optionOf = (name: string) => name.replace('_', '-')

const valueHints: Partial<Record<FilterName, string>> = {
  user_id: 'id',
  session_id: 'id',
  org_id: 'id',
  from: 'time',
  to: 'time',
  q: 'id',
}

/** For citty, and for `--help`. */
export const filterArgs = Object.fromEntries(
  filterNames.map((name) => [
    optionOf(name),
    { type: 'string' as const, valueHint: valueHints[name] ?? name, description: meanings[name] },
  ]),
)

/** @throws {UsageError} naming the option that is wrong. */
export function filterFrom(args: Record<string, unknown>): SessionFilter {
  const given: Partial<Record<FilterName, string>> = {}
  for (const name of filterNames) {
    const value = args[optionOf(name)]
    if (typeof value === 'string') given[name] = value
  }
  const filter = valuesOf(given, filterParameters)
  const refused = isRefused(filter) ? filter : contradictionIn(filter)
  if (refused) throw wrongOption(refused)
  return filter as SessionFilter
}

/** What the API says of a parameter, said of the option. */
export function wrongOption({ detail }: Refused): UsageError {
  const named = detail.replace(/^[a-z_]+/, (name) => `--${optionOf(name)}`)
  return new UsageError(
    named
      .replace(
        'must be before to: from is the first moment, to the first',
        'must be before --to: --from is the first moment, --to the first',
      )
      .replace('midnight in tz', 'midnight in --tz'),
  )
}
