/** The ways in which a record can stand: a closed list, so that rows can be found and counted by one small number. */
import type { Confidence, Initiator, Reason, SessionRecord, State } from './record.ts'

export interface Outcome {
  state: State
  reason: Reason | null
  initiator: Initiator | null
  confidence: Confidence | null
}

/** What session ends are told apart by. */
export const dimensions = ['reason', 'initiator', 'confidence', 'device'] as const
export type Dimension = (typeof dimensions)[number]

/** The place in this list is what the views store: new ones come last. */
export const outcomes = [
  { state: 'open', reason: null, initiator: null, confidence: null },
  { state: 'requested', reason: null, initiator: null, confidence: null },
  { state: 'ended', reason: 'revoked', initiator: null, confidence: 'confirmed' },
  { state: 'ended', reason: 'signed-out', initiator: 'user', confidence: 'confirmed' },
  { state: 'ended', reason: 'signed-out', initiator: 'policy', confidence: 'confirmed' },
  { state: 'ended', reason: 'signed-out', initiator: 'admin', confidence: 'confirmed' },
  { state: 'ended', reason: 'expired', initiator: 'policy', confidence: 'confirmed' },
  { state: 'ended', reason: 'abandoned', initiator: 'policy', confidence: 'confirmed' },
  { state: 'ended', reason: 'replaced', initiator: 'system', confidence: 'confirmed' },
  { state: 'ended', reason: 'account-deleted', initiator: null, confidence: 'inferred' },
  { state: 'ended', reason: 'account-banned', initiator: null, confidence: 'inferred' },
  { state: 'ended', reason: 'unknown', initiator: null, confidence: 'inferred' },
] as const satisfies readonly Outcome[]

export const REQUESTED = 1
/** From here on all are session ends. */
export const ENDED = 2
/** Clerk only says that it no longer has the session. */
export const UNKNOWN = outcomes.findIndex(({ reason }) => reason === 'unknown')

/** The number of the outcome of a record. */
export function outcomeOf({ state, reason, initiator }: Omit<SessionRecord, 'sentence'>): number {
  const at = outcomes.findIndex(
    (one) => one.state === state && one.reason === reason && one.initiator === initiator,
  )
  if (at < 0) throw new Error(`No outcome is ${state}, ${reason}, by ${initiator}.`)
  return at
}

/** The numbers of those that are all of this. */
export function outcomesThatAre(wanted: Partial<Outcome>): number[] {
  return outcomes.flatMap((one, at) => (fits(one, wanted) ? at : []))
}

function fits(one: Outcome, { state, reason, initiator, confidence }: Partial<Outcome>): boolean {
  return (
    (state === undefined || one.state === state) &&
    (reason === undefined || one.reason === reason) &&
    (initiator === undefined || one.initiator === initiator) &&
    (confidence === undefined || one.confidence === confidence)
  )
}
