/**
 * Who may read: the holders of a key of `READER_API_KEYS`, and the Clerk users of `READER_USER_IDS` with a session token.
 * Either is sent as `Authorization: Bearer …`; a cookie is never looked at, so no page elsewhere can read with one.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { UserId } from '../trail/entry.ts'
import { bearerToken } from './bearer.ts'
import type { Caller, VerifiedCaller } from './caller.ts'
import type { FailedAttempts } from './failed-attempts.ts'

export interface ReaderKey {
  /** Says who it is in logs and in the trail; not secret. */
  name: string
  /** At least 32 characters. */
  secret: string
}

export interface Reader {
  /** `key:<name>`, or the id of a Clerk user, which never has a colon: one is never taken for the other. */
  name: string
  /** ms since 1970, when the session token expires; null for a key, which does not. */
  until: number | null
}

export interface RefusedReader {
  code: 'unauthorized' | 'forbidden' | 'rate-limited' | 'not-ready'
  /** One sentence that says what to do. */
  detail: string
  retryAfterSeconds?: number
}

export type ReaderVerdict = ({ is: 'reader' } & Reader) | ({ is: 'refused' } & RefusedReader)

/** `address` is whom wrong credentials are counted for; see `clientNetwork`. */
export type ReaderOf = (request: Request, address: string) => Promise<ReaderVerdict>

export interface ReaderRules {
  keys: readonly ReaderKey[]
  userIds: readonly UserId[]
  /** What a session token proves, however old it is. */
  verify: (token: string) => Promise<Caller>
  failures: FailedAttempts
}

/** Each way not to be a reader. */
export const readRefusals = {
  nothingSent: {
    code: 'unauthorized',
    detail:
      'Send a key of READER_API_KEYS, or the session token of a user in READER_USER_IDS, as “Authorization: Bearer …”.',
  },
  wrong: {
    code: 'unauthorized',
    detail:
      'This is neither a key of READER_API_KEYS nor a session token of this Clerk instance; send one of them.',
  },
  expired: {
    code: 'unauthorized',
    detail: 'The session token has expired; send a new one, which getToken() of Clerk gives.',
  },
  unlisted: {
    code: 'forbidden',
    detail: 'This user may not read; whoever runs the service can add the user’s id to READER_USER_IDS.',
  },
  impersonated: {
    code: 'forbidden',
    detail: 'An impersonated session may not read; sign in as yourself.',
  },
  pending: {
    code: 'forbidden',
    detail: 'The session is pending; finish signing in with Clerk, then send a new token.',
  },
  limited: {
    code: 'rate-limited',
    detail: 'Too many wrong credentials came from this address; wait as long as Retry-After says.',
  },
  undecided: {
    code: 'not-ready',
    detail:
      'Clerk’s keys cannot be had now, so no session token can be verified; send it again in half a minute.',
  },
} as const satisfies Record<string, RefusedReader>

/**
 * Counts as a guess what was sent and is neither a key nor a genuine token. Once there were too many, nothing from that
 * address is looked at, not even what is right: else guessing would go on. A token is counted once it is judged, so a
 * burst of forged ones may be judged together; a signature cannot be guessed.
 */
export function readersOf({ keys, userIds, verify, failures }: ReaderRules): ReaderOf {
  const nameOf = keyNames(keys)
  const listed: ReadonlySet<string> = new Set(userIds)
  return async function readerOf(request, address) {
    // What is not one Bearer token is nobody's key, so it is no guess either.
    const credential = bearerToken(request.headers.get('authorization'))
    if (credential === undefined) return refused('nothingSent')
    const refusedForMs = failures.refusedForMs(address)
    if (refusedForMs > 0) return { ...refused('limited'), retryAfterSeconds: Math.ceil(refusedForMs / 1000) }
    const key = nameOf(credential)
    if (key !== undefined) return { is: 'reader', name: `key:${key}`, until: null }
    const caller = isTokenLike(credential) ? await verify(credential) : NOBODY
    if (caller.is === 'verified') return verdictOf(caller, listed)
    if (caller.is === 'undecided') return refused('undecided')
    failures.add(address)
    return refused('wrong')
  }
}

const NOBODY: Caller = { is: 'anonymous' }

/** A key may look like this too, so keys are tried first. */
function isTokenLike(credential: string): boolean {
  return credential.split('.', 4).length === 3
}

function verdictOf(session: VerifiedCaller, listed: ReadonlySet<string>): ReaderVerdict {
  if (session.tokenState !== 'valid') return refused('expired')
  if (!listed.has(session.userId)) return refused('unlisted')
  if (session.actorId !== null) return refused('impersonated')
  if (session.pending) return refused('pending')
  return { is: 'reader', name: session.userId, until: session.tokenExp * 1000 }
}

function refused(why: keyof typeof readRefusals): ReaderVerdict {
  return { is: 'refused', ...readRefusals[why] }
}

/** Compares with every key in constant time. */
function keyNames(keys: readonly ReaderKey[]): (secret: string) => string | undefined {
  const known = keys.map(({ name, secret }) => ({ name, digest: sha256(secret) }))
  return (secret) => {
    const digest = sha256(secret)
    return known.filter((key) => timingSafeEqual(key.digest, digest))[0]?.name
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
