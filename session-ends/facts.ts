/**
 * What is known of one session: a summary of its entries from which the record is made.
 *
 * `join` takes the least, the greatest or the union of each fact, so it is commutative, associative and idempotent: the same
 * entries give the same facts in every order, and however often each of them comes.
 */
import type { Entry, Intent, Kind, OrgId, SessionId, UserId } from '../trail/entry.ts'
import { deviceFactOf, type DeviceFact } from './device.ts'

export interface SessionFacts {
  session_id: SessionId
  user_id: UserId | null
  client_id: string | null
  /** Who acted for the user, as Clerk says of the session. */
  actor_id: string | null
  /** Of the latest report that names one, which came at `org_at`. */
  org_id: OrgId | null
  org_at: number | null
  // ms since 1970
  started_at: number | null
  /** The latest moment at which Clerk, or a token that Clerk made then, says that it lived. */
  alive_at: number | null
  /** The earliest request to log out, what it meant, and who acted. */
  requested_at: number | null
  intent: Intent | null
  request_actor_id: string | null
  /** The latest, which may be the same. */
  last_requested_at: number | null
  last_intent: Intent | null
  last_request_actor_id: string | null
  /** When Clerk was asked last and said that it is still active. */
  still_active_at: number | null
  /** The latest that Clerk stated. */
  expire_at: number | null
  abandon_at: number | null
  /**
   * The report of an end that counts: the highest rank; among equals one that gives its moment; among these the earliest. Of
   * `session.unknown` the latest: a session may have lived after the first.
   */
  end_kind: EndKind | null
  end_at: number | null
  /** Whether `end_at` is when it ended; else it is when Clerk was asked. Null when there is no end. */
  end_exact: 0 | 1 | null
  /** Whether its beginning was reported. */
  begun: 0 | 1
  /** Which of Clerk's webhooks told of its end: a sum of `webhookBits`. */
  webhook_ends: number
  /** What it was used on, and who says so. */
  device: DeviceFact | null
}

/** What ends a session by itself, from the highest rank to the lowest; words side by side are equals. */
const RANKS = {
  'session.revoked': 1,
  'session.removed': 2,
  'session.ended': 2,
  'session.expired': 3,
  'session.abandoned': 3,
  'session.replaced': 4,
  'session.unknown': 6,
} as const satisfies Partial<Record<Kind, number>>

/** Between `session.replaced` and `session.unknown`. */
export const USER_END_RANK = 5

export type EndKind = keyof typeof RANKS

export function rankOf(kind: EndKind): number {
  return RANKS[kind]
}

export const webhookBits = { 'session.ended': 1, 'session.removed': 2, 'session.revoked': 4 } as const

/** An entry that is about one session. */
export type SessionEntry = Entry & { session_id: SessionId }

export function isAboutASession(entry: Entry): entry is SessionEntry {
  return entry.session_id !== null
}

/** What one entry says. */
export function factsOf(entry: SessionEntry): SessionFacts {
  const { kind, occurred_at: at } = entry
  const isRequest = kind === 'logout.requested'
  const isEnd = kind in RANKS
  return {
    session_id: entry.session_id,
    user_id: entry.user_id,
    client_id: entry.client_id,
    actor_id: isRequest ? null : entry.actor_id,
    org_id: entry.org_id,
    org_at: entry.org_id === null ? null : at,
    started_at: startOf(entry),
    alive_at: lifeOf(entry),
    requested_at: isRequest ? at : null,
    intent: isRequest ? entry.intent : null,
    request_actor_id: isRequest ? entry.actor_id : null,
    last_requested_at: isRequest ? at : null,
    last_intent: isRequest ? entry.intent : null,
    last_request_actor_id: isRequest ? entry.actor_id : null,
    still_active_at: kind === 'session.still-active' ? at : null,
    expire_at: entry.session_expire_at,
    abandon_at: entry.session_abandon_at,
    end_kind: isEnd ? (kind as EndKind) : null,
    end_at: isEnd ? at : null,
    end_exact: isEnd ? (entry.source === 'sweep' ? 0 : 1) : null,
    begun: kind === 'session.created' || kind === 'session.pending' ? 1 : 0,
    webhook_ends: entry.source === 'webhook' && kind in webhookBits ? bitOf(kind) : 0,
    device: deviceFactOf(entry),
  }
}

function bitOf(kind: Kind): number {
  return webhookBits[kind as keyof typeof webhookBits]
}

function startOf({ kind, occurred_at, session_created_at }: SessionEntry): number | null {
  return session_created_at ?? (kind === 'session.created' ? occurred_at : null)
}

function lifeOf(entry: SessionEntry): number | null {
  const { kind, occurred_at, token_iat } = entry
  const told = kind === 'session.created' || kind === 'session.pending' || kind === 'session.still-active'
  return [
    told ? occurred_at : null,
    token_iat === null ? null : token_iat * 1000,
    entry.session_created_at,
    entry.session_last_active_at,
  ].reduce(greatest, null)
}

/** What two sets of entries of the same session say together. */
export function join(a: SessionFacts, b: SessionFacts): SessionFacts {
  const org = compare([a.org_at, a.org_id], [b.org_at, b.org_id]) >= 0 ? a : b
  const first = earlierRequest(a, b)
  const last = laterRequest(a, b)
  const end = higherEnd(a, b)
  return {
    session_id: a.session_id,
    user_id: least(a.user_id, b.user_id),
    client_id: least(a.client_id, b.client_id),
    actor_id: least(a.actor_id, b.actor_id),
    org_id: org.org_id,
    org_at: org.org_at,
    started_at: least(a.started_at, b.started_at),
    alive_at: greatest(a.alive_at, b.alive_at),
    requested_at: first.requested_at,
    intent: first.intent,
    request_actor_id: first.request_actor_id,
    last_requested_at: last.last_requested_at,
    last_intent: last.last_intent,
    last_request_actor_id: last.last_request_actor_id,
    still_active_at: greatest(a.still_active_at, b.still_active_at),
    expire_at: greatest(a.expire_at, b.expire_at),
    abandon_at: greatest(a.abandon_at, b.abandon_at),
    end_kind: end.end_kind,
    end_at: end.end_at,
    end_exact: end.end_exact,
    begun: a.begun || b.begun ? 1 : 0,
    webhook_ends: a.webhook_ends | b.webhook_ends,
    device: least(a.device, b.device),
  }
}

function earlierRequest(a: SessionFacts, b: SessionFacts): SessionFacts {
  if (a.requested_at === null) return b
  if (b.requested_at === null) return a
  const keyOf = ({ requested_at, intent, request_actor_id }: SessionFacts) => [
    requested_at,
    intent,
    request_actor_id,
  ]
  return compare(keyOf(a), keyOf(b)) <= 0 ? a : b
}

function laterRequest(a: SessionFacts, b: SessionFacts): SessionFacts {
  const keyOf = ({ last_requested_at, last_intent, last_request_actor_id }: SessionFacts) => [
    last_requested_at,
    last_intent,
    last_request_actor_id,
  ]
  return compare(keyOf(a), keyOf(b)) >= 0 ? a : b
}

function higherEnd(a: SessionFacts, b: SessionFacts): SessionFacts {
  if (a.end_kind === null) return b
  if (b.end_kind === null) return a
  const keyOf = ({ end_kind, end_exact, end_at }: SessionFacts) => [
    end_kind && RANKS[end_kind],
    end_exact === 1 ? 0 : 1,
    end_kind === 'session.unknown' && end_at !== null ? -end_at : end_at,
    end_kind,
  ]
  return compare(keyOf(a), keyOf(b)) <= 0 ? a : b
}

type Comparable = string | number

/** What is not known is left out. */
function least<T extends Comparable>(a: T | null, b: T | null): T | null {
  return a === null ? b : b === null || a <= b ? a : b
}

function greatest<T extends Comparable>(a: T | null, b: T | null): T | null {
  return a === null ? b : b === null || a >= b ? a : b
}

/** In the order of the first part that differs; null comes before all. */
function compare(a: readonly (Comparable | null)[], b: readonly (Comparable | null)[]): number {
  for (const [at, one] of a.entries()) {
    const other = b[at] ?? null
    if (one === other) continue
    if (one === null || other === null) return one === null ? -1 : 1
    return one < other ? -1 : 1
  }
  return 0
}
