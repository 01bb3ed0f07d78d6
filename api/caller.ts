/**
 * Who a request comes from, as far as it could be proved. The seam between `clerk/`, which finds out, and the
 * routes, which act on it.
 */
import type { OrgId, SessionId, UserId } from '../trail/entry.ts'

/** Why a credential that was sent proves nothing; a closed list, so that it can be counted. */
export const refusals = [
  /** `Authorization` is there, but is not one `Bearer` token. */
  'malformed-header',
  /** There is a `__session` cookie, but `Origin` is not one of the allowed origins. */
  'origin-not-allowed',
  'malformed-token',
  'wrong-algorithm',
  /** A token of a JWT template, of a machine, or of another kind than a session token. */
  'not-a-session-token',
  'wrong-issuer',
  'wrong-authorized-party',
  /** A claim is missing, has the wrong type, or is not what an id looks like. */
  'invalid-claims',
  'not-yet-valid',
  'too-old',
  /** Clerk has no key of that `kid`. */
  'unknown-key',
  'bad-signature',
  /** The keys could not be had, so nobody knows: the only one of these that may be a genuine logout. */
  'key-unavailable',
] as const
export type Refusal = (typeof refusals)[number]

/** What a well-signed session token says. */
export interface VerifiedCaller {
  is: 'verified'
  sessionId: SessionId
  userId: UserId
  orgId: OrgId | null
  /** Who is acting, when it is not the user (impersonation). */
  actorId: string | null
  /** The authorized party: the origin for which the token was made. */
  azp: string | null
  /** Seconds since 1970. */
  tokenIat: number
  /** Seconds since 1970. */
  tokenExp: number
  /** Clerk asks this person for something more, a second factor say, before the session is good for anything (`sts`). */
  pending: boolean
  /** An expired token says who it was; it authorises nothing. */
  tokenState: 'valid' | 'expired'
}

export type Caller =
  | VerifiedCaller
  | { is: 'anonymous'; refused?: Exclude<Refusal, 'key-unavailable'> }
  | { is: 'undecided'; refused: 'key-unavailable' }
