/** What the API's words mean, as a person says it. “Asked for”, “recorded” and “confirmed by Clerk” are three things. */
import type { Entry, SessionRecord } from '../api/contract.ts'

export type State = SessionRecord['state']
export type Reason = NonNullable<SessionRecord['reason']>
export type Initiator = NonNullable<SessionRecord['initiator']>
export type Confidence = NonNullable<SessionRecord['confidence']>
export type Source = Entry['source']
export type Kind = Entry['kind']

/** In the order in which charts stack them. */
export const reasonLabels: Record<Reason, string> = {
  'signed-out': 'Signed out',
  expired: 'Expired',
  abandoned: 'Not used for too long',
  revoked: 'Revoked',
  replaced: 'Replaced',
  'account-deleted': 'Account deleted',
  'account-banned': 'Account banned',
  unknown: 'Unknown',
}

export const stateLabels: Record<State, string> = {
  open: 'Open',
  requested: 'Asked for, not confirmed',
  ended: 'Ended',
}

export const initiatorLabels: Record<Initiator, string> = {
  user: 'The user',
  policy: 'A rule',
  admin: 'An administrator',
  system: 'Clerk itself',
}

export const confidenceLabels: Record<Confidence, string> = {
  confirmed: 'Confirmed by Clerk',
  inferred: 'Inferred',
}

export const sourceLabels: Record<Source, string> = {
  api: 'The app',
  webhook: 'Clerk’s webhook',
  sweep: 'Clerk, when asked',
  trail: 'This service',
}

/** How we learned of it. */
export const sourceMeanings: Record<Source, string> = {
  api: 'The app told us, with the person’s own session token.',
  webhook: 'Clerk told us by a signed webhook.',
  sweep: 'We asked Clerk’s Backend API.',
  trail: 'Something this service did itself.',
}

export const kindLabels: Record<Kind, string> = {
  'logout.requested': 'Logout asked for',
  'session.created': 'Session began',
  'session.pending': 'Session is pending',
  'session.ended': 'Session ended',
  'session.removed': 'Signed out, session removed',
  'session.revoked': 'Session revoked',
  'session.expired': 'Session expired',
  'session.abandoned': 'Session not used for too long',
  'session.replaced': 'Session replaced by another',
  'session.still-active': 'Session is still active',
  'session.unknown': 'Clerk no longer has this session',
  'user.deleted': 'Account deleted',
  'user.banned': 'Account banned',
  'trail.exported': 'Records exported',
  'trail.erased': 'Entries erased',
  'trail.pruned': 'Entries pruned',
}

/** The groups of the live page. */
export const kindGroups: Record<string, { label: string; has: (kind: Kind) => boolean }> = {
  asked: { label: 'Logouts asked for', has: (kind) => kind === 'logout.requested' },
  ends: {
    label: 'Ends',
    has: (kind) => /^session\.(ended|removed|revoked|expired|abandoned|replaced|unknown)$|^user\./.test(kind),
  },
  begins: { label: 'Begins', has: (kind) => /^session\.(created|pending)$/.test(kind) },
  others: { label: 'Others', has: (kind) => /^trail\.|still-active$/.test(kind) },
}

export const intentLabels: Record<string, string> = {
  user: 'The user’s click',
  idle: 'Idle too long',
  'switch-account': 'Switching account',
  security: 'For security',
}

/** How one stands, in two or three words. */
export function standing({ state, reason, unconfirmed }: SessionRecord): string {
  switch (state) {
    case 'open':
      return 'Open'
    case 'requested':
      return unconfirmed ? 'Not confirmed' : 'Asked for'
    case 'ended':
      return reasonLabels[reason ?? 'unknown']
  }
}
