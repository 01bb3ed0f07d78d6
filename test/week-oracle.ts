/**
 * What the record of a session must be, told from what really happened to it. Written from the documents (AUTH.md, "Which action
 * gives which record"; OPERATE.md, "The sweep") and without the merge: it knows the truth, and asks what of it can be known.
 */
import type { SessionStatus } from '../clerk-stand-in/world.ts'

export const LIFETIME_MS = 48 * 3_600_000
export const ABANDONED_AFTER_MS = 24 * 3_600_000

/** What really happened. Times are ms since 1970. */
export interface Truth {
  id: string
  userId: string
  createdAt: number
  /** When it was used again. */
  touches: number[]
  /** How it ended at Clerk, if something ended it before it ran out; `forgotten`: Clerk does not know it any more. */
  over: { at: number; status: SessionStatus | 'forgotten' } | null
  /** The webhooks about it that were not lost. */
  told: { type: string; at: number }[]
  /** `perhaps`: the service was killed before it answered. */
  request: { from: number; to: number; recorded: 'yes' | 'perhaps' | 'no' } | null
  /** The end of its account, if that webhook was not lost. */
  account: { kind: 'account-deleted' | 'account-banned'; at: number } | null
}

export interface Expected {
  state: 'open' | 'requested' | 'ended'
  reason: string | null
  confidence: 'confirmed' | 'inferred' | null
  /** Null: only bounds are known, or it has not ended. */
  ended_at: number | null
  started_at: number | null
  requested: boolean
  unconfirmed: boolean
}

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000

/** The records that would be right, at `now`; null stands for none at all. */
export function allowed(truth: Truth, now: number): (Expected | null)[] {
  const { request } = truth
  const requested = request?.recorded === 'perhaps' ? [true, false] : [request?.recorded === 'yes']
  return requested.map((one) => expected(truth, one, now))
}

/** What Clerk would say of it then. */
export function statusAt({ createdAt, touches, over }: Truth, at: number) {
  const used = Math.max(createdAt, ...touches.filter((touch) => touch <= at))
  const abandonAt = used + ABANDONED_AFTER_MS
  const expireAt = createdAt + LIFETIME_MS
  if (over && over.at <= at) return { status: over.status, abandonAt, expireAt }
  if (at < Math.min(abandonAt, expireAt)) return { status: 'active', abandonAt, expireAt } as const
  return { status: abandonAt < expireAt ? 'abandoned' : 'expired', abandonAt, expireAt } as const
}

function expected(truth: Truth, requested: boolean, now: number): Expected | null {
  const { createdAt, told, account } = truth
  if (told.length === 0 && !requested) return null
  const answers = answersOfClerk(truth, requested, now)
  const startKnown = told.length > 0 || answers.some(({ status }) => status !== 'forgotten')
  const base = { started_at: startKnown ? createdAt : null, requested, unconfirmed: false }
  const ended = (
    reason: string,
    confidence: 'confirmed' | 'inferred',
    ended_at: number | null,
  ): Expected => ({
    ...base,
    state: 'ended',
    reason,
    confidence,
    ended_at,
  })
  const webhook = (...types: string[]) =>
    told.filter(({ type }) => types.includes(type)).toSorted((a, b) => a.at - b.at)[0]

  const revoked = webhook('session.revoked')
  if (revoked) return ended('revoked', 'confirmed', revoked.at)
  const answer = answers.find(({ status }) => status !== 'active')
  // The sweep asks for nothing whose end is known, so a webhook that came in time leaves no answer.
  const signedOut = webhook('session.ended', 'session.removed')
  if (signedOut) return ended('signed-out', 'confirmed', signedOut.at)
  if (account && (!answer || answer.status === 'forgotten' || answer.at > account.at))
    return ended(account.kind, 'inferred', account.at)
  switch (answer?.status) {
    case 'revoked':
      return ended('revoked', 'confirmed', null)
    case 'ended':
    case 'removed':
      return ended('signed-out', 'confirmed', null)
    case 'expired':
      return ended('expired', 'confirmed', answer.expireAt)
    case 'abandoned':
      return ended('abandoned', 'confirmed', answer.abandonAt)
    case 'replaced':
      return ended('replaced', 'confirmed', null)
    case 'forgotten':
      return ended('unknown', 'inferred', null)
    case 'active':
    case 'pending':
    case undefined: {
      const state = requested ? 'requested' : 'open'
      const unconfirmed = requested && now - (truth.request?.from ?? now) > 10 * MINUTE_MS
      return { ...base, state, reason: null, confidence: null, ended_at: null, unconfirmed }
    }
  }
}

/** What the sweep is answered, as if no webhook of an end came: at the latest when it had to ask. */
function answersOfClerk(truth: Truth, requested: boolean, now: number) {
  const answers: ({ at: number } & ReturnType<typeof statusAt>)[] = []
  const ask = (at: number) => {
    const answer = { at, ...statusAt(truth, at) }
    answers.push(answer)
    return answer
  }
  let known = truth.told.some(({ type }) => /created|pending/.test(type))
    ? { abandonAt: truth.createdAt + ABANDONED_AFTER_MS, expireAt: truth.createdAt + LIFETIME_MS }
    : null
  const confirmBy = requested && truth.request ? truth.request.to + 10 * MINUTE_MS : Infinity
  let unconfirmed = confirmBy
  let notBefore = 0
  for (;;) {
    const overBy = known ? Math.min(known.abandonAt, known.expireAt) + MINUTE_MS : Infinity
    const at = Math.max(Math.min(overBy, unconfirmed), notBefore)
    if (at > now) return answers
    const answer = ask(at)
    if (answer.status !== 'active') return answers
    known = answer
    // Asked once for a request; and for a session that outlives what was known, an hour later at the earliest.
    unconfirmed = Infinity
    notBefore = at + HOUR_MS
  }
}
