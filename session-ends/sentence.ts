/** What a support person reads out: one plain sentence for each case. */
import type { SessionFacts } from './facts.ts'
import type { SessionRecord } from './record.ts'

type Told = Omit<SessionRecord, 'sentence'>

export function sentenceOf(record: Told, facts: SessionFacts): string {
  switch (record.state) {
    case 'open':
      return 'Nothing says that this session is over.'
    case 'requested':
      return requested(record, facts)
    case 'ended':
      return ended(record)
  }
}

function requested({ unconfirmed, intent, requested_at }: Told, { still_active_at }: SessionFacts): string {
  const asked = askedOf(intent)
  if (!unconfirmed) return `${asked}; Clerk has not confirmed it yet.`
  const lives = still_active_at !== null && requested_at !== null && still_active_at >= requested_at
  return lives
    ? `${asked}, but Clerk says that the session is still active.`
    : `${asked}, but Clerk has not confirmed it: the session may still be active.`
}

function ended(record: Told): string {
  const { requested_at } = record
  switch (record.reason) {
    case 'signed-out':
      return requested_at === null
        ? 'Signed out without our button; confirmed by Clerk.'
        : `Signed out ${signedOutBy(record)}; confirmed by Clerk.`
    case 'revoked':
      return requested_at === null
        ? 'Revoked by the application, an administrator or the user on another device; confirmed by Clerk.'
        : `${askedOf(record.intent)}, and the session was revoked; confirmed by Clerk.`
    case 'expired':
      return `Expired at the end of its longest time${despite(record)}; confirmed by Clerk.`
    case 'abandoned':
      return `Ended because it was not used for too long${despite(record)}; confirmed by Clerk.`
    case 'replaced':
      return 'Replaced by another session in the same browser; confirmed by Clerk.'
    case 'account-deleted':
      return 'Ended when the account was deleted; Clerk did not say so of this session.'
    case 'account-banned':
      return 'Ended when the account was banned; Clerk did not say so of this session.'
    case 'unknown':
    case null:
      return 'Over, but nobody knows how: Clerk no longer has this session.'
  }
}

function signedOutBy({ initiator, intent }: Told): string {
  if (initiator === 'admin') return 'by somebody who acted for the user'
  switch (intent) {
    case 'idle':
      return 'because the user was idle'
    case 'switch-account':
      return 'by the user, to use another account'
    case 'security':
      return 'by the user, for security'
    case 'user':
    case null:
      return 'by the user'
  }
}

function askedOf(intent: Told['intent']): string {
  return intent === 'idle'
    ? 'The app asked to log out because the user was idle'
    : 'The user asked to log out'
}

function despite({ requested_at }: Told): string {
  return requested_at === null ? '' : ', although a logout was asked for earlier'
}
