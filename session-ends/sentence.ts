/** What a support person reads out: one plain sentence for each case. */
import type { SessionFacts } from './facts.ts'
import type { Request, SessionRecord } from './record.ts'

type Told = Omit<SessionRecord, 'sentence'>

/** Beside the record: the request that counts, and when Clerk was asked. */
type Beside = Pick<SessionFacts, 'last_requested_at' | 'still_active_at'> & { request: Request | null }

export function sentenceOf(record: Told, beside: Beside): string {
  switch (record.state) {
    case 'open':
      return 'Nothing says that this session is over.'
    case 'requested':
      return requested(record, beside)
    case 'ended':
      return ended(record, beside.request)
  }
}

function requested({ unconfirmed }: Told, { request, still_active_at, last_requested_at }: Beside): string {
  const asked = askedOf(request)
  if (!unconfirmed) return `${asked}; Clerk has not confirmed it yet.`
  const lived = still_active_at !== null && still_active_at >= (last_requested_at ?? Infinity)
  return lived
    ? `${asked}, but when Clerk was asked later the session was still active.`
    : `${asked}, but Clerk has not confirmed it: the session may still be active.`
}

function ended(record: Told, request: Request | null): string {
  const asked = request || wasAskedBefore(record) ? askedOf(request) : null
  switch (record.reason) {
    case 'signed-out':
      return `Signed out${signedOutBy(record, request)}; confirmed by Clerk.`
    case 'revoked':
      return asked === null
        ? 'Revoked by the application, an administrator or the user on another device; confirmed by Clerk.'
        : `${asked}, and the session was revoked; confirmed by Clerk.`
    case 'expired':
      return `Expired at the end of its longest time${despite(record)}; confirmed by Clerk.`
    case 'abandoned':
      return `Ended because it was not used for too long${despite(record)}; confirmed by Clerk.`
    case 'replaced':
      return asked === null
        ? 'Replaced by another session in the same browser; confirmed by Clerk.'
        : `${asked}, and the session was replaced by another in the same browser; confirmed by Clerk.`
    case 'account-deleted':
      return withAccount('deleted', wasAskedBefore(record) ? asked : null)
    case 'account-banned':
      return withAccount('banned', wasAskedBefore(record) ? asked : null)
    case 'unknown':
    case null:
      return asked === null
        ? 'Clerk no longer has this session: it is probably over, and nobody knows how.'
        : `${asked}, and Clerk no longer has this session: it is probably over.`
  }
}

function withAccount(what: string, asked: string | null): string {
  return asked === null
    ? `Ended when the account was ${what}; Clerk did not say so of this session.`
    : `${asked}, and then the account was ${what}; Clerk did not say which of them ended this session.`
}

function signedOutBy({ requested_at, initiator }: Told, request: Request | null): string {
  if (requested_at === null) return '; our button did not report it'
  if (request === null) return '; our button reported a logout at another time'
  if (initiator === 'admin') return ' by somebody who acted for the user'
  switch (request.intent) {
    case 'idle':
      return ' because the user was idle'
    case 'switch-account':
      return ' by the user, to use another account'
    case 'security':
      return ' by the user, for security'
    case 'user':
    case null:
      return ' by the user'
  }
}

/** Null: no request is near the end, so nothing is said of who asked. */
function askedOf(request: Request | null): string {
  if (request === null) return 'A logout was asked for'
  if (request.actor_id !== null) return 'Somebody who acted for the user asked to log out'
  return request.intent === 'idle'
    ? 'The app asked to log out because the user was idle'
    : 'The user asked to log out'
}

function despite(record: Told): string {
  return wasAskedBefore(record) ? ', although a logout was asked for' : ''
}

/** Of an end of which only the bounds are known: perhaps before. */
function wasAskedBefore({ requested_at, ended_at_latest }: Told): boolean {
  return requested_at !== null && ended_at_latest !== null && requested_at <= ended_at_latest
}
