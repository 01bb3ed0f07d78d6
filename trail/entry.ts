/**
 * What the trail holds: entries, and the reports that become entries.
 *
 * A report is what a source tells us. Once it is durable it has an index and is an entry, which is never
 * changed again (except by erasure, a group of columns at a time). This file runs anywhere: no `node:` import.
 */

declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

export type SessionId = Branded<'SessionId'>
export type UserId = Branded<'UserId'>
export type OrgId = Branded<'OrgId'>

export const sources = ['api', 'webhook', 'sweep', 'trail'] as const
/** How we learned of it. */
export type Source = (typeof sources)[number]

export const intents = ['user', 'idle', 'switch-account', 'security'] as const
/** What the person's click meant, as the front end says. */
export type Intent = (typeof intents)[number]

export const kinds = [
  'logout.requested',
  'session.created',
  'session.pending',
  'session.ended',
  'session.removed',
  'session.revoked',
  'session.expired',
  'session.abandoned',
  'session.replaced',
  'session.still-active',
  'session.unknown',
  'user.deleted',
  'user.banned',
  'trail.exported',
  'trail.erased',
  'trail.pruned',
] as const
export type Kind = (typeof kinds)[number]

/** The groups of columns that can be erased alone, in the order in which they are stored. */
export interface Facts {
  // subject
  session_id: SessionId | null
  user_id: UserId | null
  client_id: string | null
  /** Who acted, when it was not the subject (impersonation). */
  actor_id: string | null
  org_id: OrgId | null
  // network
  ip: string | null
  user_agent: string | null
  city: string | null
  country: string | null
  // facts
  azp: string | null
  /** Seconds since 1970, as in the token. */
  token_iat: number | null
  token_state: 'valid' | 'expired' | null
  /** Made by us: 32 hexadecimal digits. */
  request_id: string | null
  /** From a valid W3C `traceparent`: 32 hexadecimal digits. */
  trace_id: string | null
  clerk_status: string | null
  intent: Intent | null
  device_type: string | null
  // ms since 1970, as Clerk states them
  session_created_at: number | null
  session_last_active_at: number | null
  session_expire_at: number | null
  session_abandon_at: number | null
}

export interface Entry extends Facts {
  /** Gapless from 0: the only cursor and the only order, because clocks differ. */
  index: number
  kind: Kind
  source: Source
  /** ms since 1970, by the clock of the source. */
  occurred_at: number
  /** ms since 1970, when it was first made durable. */
  recorded_at: number
}

/** The columns of an entry after `index`, in the order of the table. */
export const columns = [
  'kind',
  'source',
  'occurred_at',
  'recorded_at',
  'session_id',
  'user_id',
  'client_id',
  'actor_id',
  'org_id',
  'ip',
  'user_agent',
  'city',
  'country',
  'azp',
  'token_iat',
  'token_state',
  'request_id',
  'trace_id',
  'clerk_status',
  'intent',
  'device_type',
  'session_created_at',
  'session_last_active_at',
  'session_expire_at',
  'session_abandon_at',
] as const satisfies readonly (keyof Entry)[]

/** What an id may look like, of Clerk's or of ours. */
export const ID = /^[A-Za-z0-9_-]{1,128}$/

/** Longer user agents are cut, so that a row stays small. */
export const USER_AGENT_CHARACTERS = 1024

/** What a source tells us, before it is durable. Facts that it does not state are left out. */
export interface Report extends Partial<Facts> {
  kind: Kind
  source: Source
  occurred_at: number
  /** Two reports of one source with the same natural key are one entry. */
  naturalKey: string
  /** ms since 1970, stated by the report itself, so that a repeat has the same; orders the dedupe keys. */
  keyedAt: number
}

/** Separates the parts of a key; no id holds it. */
const NUL = '\u0000'

/** Two reports with the same key are one entry: `source 0x00 natural key`. */
export function keyOf({ source, naturalKey }: Report): string {
  return source + NUL + naturalKey
}

export type LogoutFacts = Pick<
  Facts,
  'actor_id' | 'org_id' | 'ip' | 'user_agent' | 'azp' | 'token_state' | 'request_id' | 'trace_id' | 'intent'
> & { session_id: SessionId; user_id: UserId; token_iat: number }

/**
 * A person asked to log out. One entry for a token: tomorrow's logout of a session that survived today's has
 * another `iat` and is not lost.
 */
export function logoutRequested(occurredAt: number, facts: LogoutFacts): Report {
  return {
    kind: 'logout.requested',
    source: 'api',
    occurred_at: occurredAt,
    naturalKey: facts.session_id + NUL + facts.token_iat,
    keyedAt: facts.token_iat * 1000,
    ...facts,
  }
}

/** Clerk told us by a webhook. One entry for a `svix-id`, which stays the same over all attempts. */
export function toldByWebhook(
  svixId: string,
  told: Partial<Facts> & { kind: Kind; occurred_at: number },
): Report {
  return { ...told, source: 'webhook', naturalKey: svixId, keyedAt: told.occurred_at }
}

/** Somebody took session records away as a file: `actor_id` is who. Each is an entry of its own. */
export function sessionsExported(
  occurredAt: number,
  facts: Pick<Facts, 'actor_id' | 'ip' | 'user_agent'> & { request_id: string },
): Report {
  return {
    kind: 'trail.exported',
    source: 'trail',
    occurred_at: occurredAt,
    naturalKey: facts.request_id,
    keyedAt: occurredAt,
    ...facts,
  }
}

const HOUR_MS = 3_600_000

/**
 * Clerk answered when the sweep asked. One entry for an end; one an hour for what may be answered again: that the session is still
 * active, or that Clerk does not know it, which does not count when it turns out to have lived later.
 */
export function answeredToSweep(
  askedAt: number,
  answer: Partial<Facts> & { kind: Kind; session_id: SessionId },
): Report {
  const comesAgain = answer.kind === 'session.still-active' || answer.kind === 'session.unknown'
  const hour = comesAgain ? Math.floor(askedAt / HOUR_MS) * HOUR_MS : null
  return {
    ...answer,
    source: 'sweep',
    occurred_at: askedAt,
    naturalKey: [answer.session_id, answer.kind, ...(hour === null ? [] : [hour])].join(NUL),
    // Of an end there is one, whenever it is asked for.
    keyedAt: hour ?? 0,
  }
}
