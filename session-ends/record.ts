/** The record of one session: how it stands, and how it ended. */
import type { Intent, OrgId, SessionId, UserId } from '../trail/entry.ts'
import { rankOf, USER_END_RANK, type EndKind, type SessionFacts } from './facts.ts'
import { sentenceOf } from './sentence.ts'

export const states = ['open', 'requested', 'ended'] as const
/** `requested`: the person asked to log out, and Clerk has not said that the session is over. */
export type State = (typeof states)[number]

export const reasons = [
  'revoked',
  'signed-out',
  'expired',
  'abandoned',
  'replaced',
  'account-deleted',
  'account-banned',
  'unknown',
] as const
export type Reason = (typeof reasons)[number]

export const initiators = ['user', 'policy', 'admin', 'system'] as const
/** The words of CAEP 1.0, `initiating_entity`. */
export type Initiator = (typeof initiators)[number]

export const confidences = ['confirmed', 'inferred'] as const
/** `confirmed`: Clerk says so of this session. `inferred`: it follows from something else that Clerk says. */
export type Confidence = (typeof confidences)[number]

/** Times are ms since 1970. */
export interface SessionRecord {
  session_id: SessionId
  user_id: UserId | null
  org_id: OrgId | null
  client_id: string | null
  actor_id: string | null
  state: State
  started_at: number | null
  requested_at: number | null
  /** Null when it has not ended, or when only the bounds are known. */
  ended_at: number | null
  ended_at_earliest: number | null
  ended_at_latest: number | null
  /** Never negative. */
  duration_ms: number | null
  reason: Reason | null
  initiator: Initiator | null
  confidence: Confidence | null
  /** What the request meant that counts: of a session that ended, one near its end; else the earliest. */
  intent: Intent | null
  /** Asked for over 10 minutes ago, and not confirmed by Clerk. */
  unconfirmed: boolean
  /** What a person would say of it. */
  sentence: string
}

/** An end of the account, which ends its sessions too. */
export interface UserEnd {
  kind: 'user.deleted' | 'user.banned'
  occurred_at: number
}

/** What a record is made of. */
export type RecordFacts = Omit<SessionFacts, 'org_at' | 'begun' | 'webhook_ends' | 'device'>

/** How long Clerk has to confirm a logout before it counts as unconfirmed. */
export const CONFIRM_WITHIN_MS = 600_000

/** How much later than the end our server may hear of the click that led to it. */
export const REPORTED_WITHIN_MS = 10_000

/** That somebody asked to log out. */
export interface Request {
  at: number
  intent: Intent | null
  actor_id: string | null
}

interface End {
  reason: Reason
  confidence: Confidence
  /** When it was told, or asked. */
  toldAt: number
  ended_at: number | null
}

/** `userEnds`: of the session's user, in any order. `now`: ms since 1970. */
export function recordOf(facts: RecordFacts, userEnds: readonly UserEnd[], now: number): SessionRecord {
  const end = endOf(facts, userEnds)
  const state = end ? 'ended' : facts.requested_at === null ? 'open' : 'requested'
  const { started_at, requested_at } = facts
  const bounds = boundsOf(facts, end)
  const request = requestThatCounts(facts, bounds)
  const record = {
    session_id: facts.session_id,
    user_id: facts.user_id,
    org_id: facts.org_id,
    client_id: facts.client_id,
    actor_id: facts.actor_id ?? request?.actor_id ?? null,
    state,
    started_at,
    requested_at,
    ended_at: end?.ended_at ?? null,
    ...bounds,
    duration_ms: durationOf(started_at, end?.ended_at ?? null),
    reason: end?.reason ?? null,
    initiator: end ? initiatorOf(end.reason, request) : null,
    confidence: end?.confidence ?? null,
    intent: request?.intent ?? null,
    unconfirmed: state === 'requested' && requested_at !== null && now - requested_at > CONFIRM_WITHIN_MS,
  } as const
  return { ...record, sentence: sentenceOf(record, { request, ...facts }) }
}

function endOf(facts: RecordFacts, userEnds: readonly UserEnd[]): End | null {
  const { end_kind: kind, end_at: toldAt } = facts
  const own = kind !== null && toldAt !== null ? ownEnd({ ...facts, kind, toldAt }) : null
  if (own && kind !== null && rankOf(kind) < USER_END_RANK) return own
  return endWithAccount(facts, userEnds) ?? (own && livedLater(facts, own.toldAt) ? null : own)
}

type OwnEnd = RecordFacts & { kind: EndKind; toldAt: number }

function ownEnd({ kind, toldAt, end_exact, expire_at, abandon_at }: OwnEnd): End {
  switch (kind) {
    case 'session.revoked':
      return { reason: 'revoked', confidence: 'confirmed', toldAt, ended_at: end_exact ? toldAt : null }
    case 'session.removed':
    case 'session.ended':
      return { reason: 'signed-out', confidence: 'confirmed', toldAt, ended_at: end_exact ? toldAt : null }
    case 'session.expired':
      return { reason: 'expired', confidence: 'confirmed', toldAt, ended_at: before(expire_at, toldAt) }
    case 'session.abandoned':
      return { reason: 'abandoned', confidence: 'confirmed', toldAt, ended_at: before(abandon_at, toldAt) }
    case 'session.replaced':
      return { reason: 'replaced', confidence: 'confirmed', toldAt, ended_at: null }
    case 'session.unknown':
      return { reason: 'unknown', confidence: 'inferred', toldAt, ended_at: null }
  }
}

/** Nothing that is over by then ends later. */
function before(limit: number | null, toldAt: number): number | null {
  return limit !== null && limit <= toldAt ? limit : null
}

/** The first end of the account after which nothing says that the session lived. */
function endWithAccount(facts: RecordFacts, userEnds: readonly UserEnd[]): End | null {
  const [first] = userEnds
    .filter(({ occurred_at }) => !livedLater(facts, occurred_at))
    .toSorted((a, b) => a.occurred_at - b.occurred_at || a.kind.localeCompare(b.kind))
  if (!first) return null
  const reason = first.kind === 'user.deleted' ? 'account-deleted' : 'account-banned'
  return { reason, confidence: 'inferred', toldAt: first.occurred_at, ended_at: first.occurred_at }
}

/** What is only inferred does not count against a sign of life that came after it. */
function livedLater({ alive_at }: RecordFacts, toldAt: number): boolean {
  return alive_at !== null && inSeconds(alive_at) > inSeconds(toldAt)
}

/** Clerk gives the time of an event in whole seconds at times. */
function inSeconds(ms: number): number {
  return Math.floor(ms / 1000)
}

type Bounds = Pick<SessionRecord, 'ended_at_earliest' | 'ended_at_latest'>

/** Between what is the last that is known of its life, and what says that it is over. */
function boundsOf({ alive_at, expire_at, abandon_at }: RecordFacts, end: End | null): Bounds {
  if (!end) return { ended_at_earliest: null, ended_at_latest: null }
  if (end.ended_at !== null) return { ended_at_earliest: end.ended_at, ended_at_latest: end.ended_at }
  const latest = Math.min(end.toldAt, expire_at ?? Infinity, abandon_at ?? Infinity)
  return {
    ended_at_earliest: alive_at === null ? null : Math.min(alive_at, latest),
    ended_at_latest: latest,
  }
}

/**
 * The request that says what the end was: of the earliest and the latest the one nearer to it, when that is near. Before there is an
 * end, the earliest.
 */
export function requestThatCounts(facts: RecordFacts, bounds: Bounds): Request | null {
  const [first, last] = requestsOf(facts)
  if (!first || bounds.ended_at_latest === null) return first ?? null
  const [nearest] = [first, last ?? first]
    .filter(({ at }) => isNear(at, bounds))
    .toSorted((a, b) => distance(a.at, bounds) - distance(b.at, bounds))
  return nearest ?? null
}

function requestsOf(facts: RecordFacts): Request[] {
  const { requested_at, last_requested_at } = facts
  if (requested_at === null || last_requested_at === null) return []
  return [
    { at: requested_at, intent: facts.intent, actor_id: facts.request_actor_id },
    { at: last_requested_at, intent: facts.last_intent, actor_id: facts.last_request_actor_id },
  ]
}

/** A logout that Clerk has not confirmed in time did not end the session; nor did one that came after it. */
function isNear(at: number, { ended_at_earliest, ended_at_latest }: Bounds): boolean {
  return (
    at >= (ended_at_earliest ?? -Infinity) - CONFIRM_WITHIN_MS &&
    at <= (ended_at_latest ?? Infinity) + REPORTED_WITHIN_MS
  )
}

function distance(at: number, { ended_at_earliest, ended_at_latest }: Bounds): number {
  return Math.max(0, (ended_at_earliest ?? -Infinity) - at, at - (ended_at_latest ?? Infinity))
}

function durationOf(startedAt: number | null, endedAt: number | null): number | null {
  return startedAt === null || endedAt === null ? null : Math.max(0, endedAt - startedAt)
}

function initiatorOf(reason: Reason, request: Request | null): Initiator | null {
  switch (reason) {
    case 'signed-out':
      if (request && request.actor_id !== null) return 'admin'
      return request?.intent === 'idle' ? 'policy' : 'user'
    case 'expired':
    case 'abandoned':
      return 'policy'
    case 'replaced':
      return 'system'
    // Clerk does not say who.
    case 'revoked':
    case 'account-deleted':
    case 'account-banned':
    case 'unknown':
      return null
  }
}
