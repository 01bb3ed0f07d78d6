/** What PostgreSQL and the network say, named so that a person knows what to do. No message holds the password. */
import { messageOf, TrailError, type TrailErrorCode } from '../error.ts'
import { sqlState, whyNotConnected, withoutFullStop } from '../postgres-client.ts'

export type Use = 'read' | 'write'

/** What our own functions in the database raise (`postgres-migrations.ts`). LT006 is of the session records. */
export const raised = {
  /** What this process was told durable is not there any more. */
  rewound: 'LT001',
  /** Another trail stands in the place of the one that was opened. */
  replaced: 'LT002',
  /** An operator accepted a restore meanwhile: the trail has to be opened anew. */
  epochRaised: 'LT003',
  /** Another process has taken the lease. */
  leaseLost: 'LT004',
  /** A newer program has changed the schema so that this one cannot work with it. */
  tooNew: 'LT005',
} as const

/** Host, port and database of a URL. */
export function placeOf(url: string): string {
  // `postgres:` alone names no standard scheme, so that `new URL` knows neither its default port nor wrong hosts.
  if (!URL.canParse(url)) return 'the PostgreSQL of DATABASE_URL'
  const { hostname, port, pathname, searchParams } = new URL(url)
  const host = hostname || searchParams.get('host') || 'localhost'
  return `PostgreSQL at ${decodeURIComponent(host)}:${port || '5432'}${pathname === '/' ? '' : pathname}`
}

const RESTORED =
  'a backup was restored, or a replica that lagged has taken over. Nothing is recorded until `logout-trail rebuild --accept-restore` accepts it'

const POOLER =
  'a pooler that lends a connection for one transaction stands in between: connect directly, or let it lend them for a session'

/** By SQLSTATE: the code, and what to say instead of the server's own words, or after them. */
const known: Record<string, [code: TrailErrorCode, sentence: (said: string) => string]> = {
  [raised.rewound]: ['trail-rewound', (said) => `${said}: ${RESTORED}`],
  [raised.replaced]: ['trail-replaced', (said) => said],
  [raised.epochRaised]: ['trail-rewound', (said) => said],
  [raised.leaseLost]: ['trail-locked', (said) => said],
  [raised.tooNew]: ['trail-too-new', (said) => said],
  '25006': ['trail-unwritable', () => 'it takes no writes (a hot standby, or set to read-only)'],
  '26000': ['trail-unavailable', (said) => `${said}; ${POOLER}`],
  '42P05': ['trail-unavailable', (said) => `${said}; ${POOLER}`],
  '53100': ['trail-unwritable', (said) => `the disk of the server is full (${said})`],
  '23505': ['trail-corrupt', (said) => `it holds an index or a key where none can be (${said})`],
  XX001: ['trail-corrupt', (said) => `${said}; restore a backup`],
  XX002: ['trail-corrupt', (said) => `${said}; REINDEX it, or restore a backup`],
}

/** By the first two characters of a SQLSTATE. */
const families: Record<string, TrailErrorCode> = {
  '08': 'trail-unavailable',
  '23': 'trail-unwritable',
  '25': 'trail-unavailable',
  '40': 'trail-unavailable',
  '53': 'trail-unavailable',
  '55': 'trail-unavailable',
  '57': 'trail-unavailable',
  '58': 'trail-unavailable',
}

const NO_PERMISSION = '42501'
const MISSING = new Set(['3F000', '42P01', '42883', '42703'])

/** Keeps what already is a `TrailError`. Bugs (`TypeError`) stay what they are. */
export function namedError(place: string, use: Use, cause: unknown): unknown {
  if (cause instanceof TrailError || cause instanceof TypeError || cause instanceof RangeError) return cause
  const [code, why] = reason(use, cause)
  const cannot = `cannot be ${use === 'write' ? 'written' : 'read'}`
  return new TrailError(
    code,
    `${place} ${code === 'trail-unavailable' ? 'is unavailable' : cannot}: ${why}.`,
    { cause },
  )
}

function reason(use: Use, cause: unknown): [TrailErrorCode, string] {
  const notConnected = whyNotConnected(cause)
  if (notConnected !== null) return ['trail-unavailable', notConnected]
  const state = sqlState(cause)
  const said = withoutFullStop(messageOf(cause) || String((cause as { code?: unknown }).code))
  if (state === null) return ['trail-unavailable', said]
  const named = known[state]
  if (named) return [named[0], named[1](said)]
  const refused = use === 'write' ? 'trail-unwritable' : 'trail-unreadable'
  if (state === NO_PERMISSION)
    return [refused, `${said}; \`logout-trail migrate --print-sql\` has the GRANTs`]
  if (MISSING.has(state)) {
    return ['trail-replaced', `${said}: the schema logout_trail was removed or changed; put it back`]
  }
  return [families[state.slice(0, 2)] ?? refused, said]
}
