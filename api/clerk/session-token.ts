/**
 * Clerk's session token, version 1 and 2: from the text of a token to the caller that it proves.
 *
 * The verdict follows @clerk/backend's `verifyToken` (same claims, same leeway), and is stricter in what a record
 * needs: `iss`, `sid`, the types of claims and the characters of ids. All that can be checked without a key is checked
 * before one is looked for, so that a forged token never causes a fetch.
 * @see https://clerk.com/docs/guides/sessions/session-tokens
 */
import { base64url, type CryptoKey } from 'jose'
import { ID, type OrgId, type SessionId, type UserId } from '../../trail/entry.ts'
import type { Caller, Refusal, VerifiedCaller } from '../caller.ts'
import type { KeySource } from './keys.ts'
import { verifyWithWebCrypto, type Signed, type VerifySignature } from './signature.ts'

export interface SessionTokenRules {
  /** What `iss` must be, exactly. */
  issuer: string
  /** What `azp` may be; empty: anything. */
  authorizedParties: readonly string[]
  /** An expired token still says who it was, for this long after `exp`. */
  expiredTokenMaxAgeMs: number
  keys: KeySource
  /** Default: by Web Crypto. */
  verifySignature?: VerifySignature | undefined
  /** ms since 1970. */
  now: () => number
}

/** Clerk's leeway between its clock and ours. */
const CLOCK_SKEW_MS = 5000

/** Clerk's marks in the header's `cat`: a session token, and one that says to ignore the mark. */
const SESSION_CATEGORIES: readonly unknown[] = [undefined, 'cl_B7d4PD111AAA', 'cl_I7d4PD111III']

type Json = Record<string, unknown>
type Refused = Exclude<Refusal, 'key-unavailable'>

/** Never throws for what a token says; whatever it is, there is a verdict. */
export async function verifySessionToken(token: string, rules: SessionTokenRules): Promise<Caller> {
  const parsed = parseToken(token)
  if (!parsed) return refused('malformed-token')
  const claims = checkHeader(parsed.header) ?? checkClaims(parsed.payload, rules)
  if (typeof claims === 'string') return refused(claims)

  const { kid } = parsed.header
  const keys = await rules.keys.keysFor(typeof kid === 'string' ? kid : undefined)
  if (keys === 'unavailable') return { is: 'undecided', refused: 'key-unavailable' }
  if (keys === 'unknown') return refused('unknown-key')
  const { verifySignature = verifyWithWebCrypto } = rules
  return (await isSignedByOneOf(keys, parsed.signed, verifySignature)) ? claims : refused('bad-signature')
}

function refused(cause: Refused): Caller {
  return { is: 'anonymous', refused: cause }
}

interface ParsedToken {
  header: Json
  payload: Json
  signed: Signed
}

function parseToken(token: string): ParsedToken | null {
  const [header, payload, signature, ...more] = token.split('.')
  if (header === undefined || payload === undefined || signature === undefined || more.length > 0) return null
  const signatureBytes = decodePart(signature)
  const headerJson = parseHeader(header)
  const payloadJson = parseJson(payload)
  if (!signatureBytes || !headerJson || !payloadJson) return null
  return {
    header: headerJson,
    payload: payloadJson,
    signed: { text: `${header}.${payload}`, signature: signatureBytes },
  }
}

/** One Clerk instance writes the same header in front of each token, so it is read once. */
let lastHeader: { text: string; json: Json | null } = { text: '', json: null }

function parseHeader(text: string): Json | null {
  if (text !== lastHeader.text) lastHeader = { text, json: parseJson(text) }
  return lastHeader.json
}

const decoder = new TextDecoder()

function parseJson(part: string): Json | null {
  const bytes = decodePart(part)
  if (!bytes) return null
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes))
    return isObject(value) ? value : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** Base64url, with or without the padding that some encoders add. */
function decodePart(part: string): Uint8Array<ArrayBuffer> | null {
  // A loop, because /=+$/ takes quadratic time on a long "====x", and anybody can send one.
  let end = part.length
  while (part[end - 1] === '=') end -= 1
  const unpadded = part.slice(0, end)
  return isCanonical(unpadded) ? (base64url.decode(unpadded) as Uint8Array<ArrayBuffer>) : null
}

/** The last character of a part carries 2 or 4 bits that mean nothing; RFC 4648 §3.5 lets us insist on zeros. */
const CANONICAL = /^[A-Za-z0-9_-]*$/
const LAST_OF_TWO = 'AQgw'
const LAST_OF_THREE = 'AEIMQUYcgkosw048'

function isCanonical(part: string): boolean {
  if (!CANONICAL.test(part)) return false
  const last = part.slice(-1)
  switch (part.length % 4) {
    case 0:
      return true
    case 2:
      return LAST_OF_TWO.includes(last)
    case 3:
      return LAST_OF_THREE.includes(last)
    default:
      return false
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function checkHeader({ typ, alg, kid, cat, crit }: Json): Refused | null {
  if (typ !== undefined && typ !== 'JWT') return 'malformed-token'
  if (alg !== 'RS256') return 'wrong-algorithm'
  // RFC 7515 §4.1.4: a string. Clerk's own code throws for an object that cannot be written as one.
  if (kid !== undefined && typeof kid !== 'string') return 'malformed-token'
  // RFC 7515 §4.1.11: extensions that must be understood and are not.
  if (crit !== undefined) return 'malformed-token'
  return SESSION_CATEGORIES.includes(cat) ? null : 'not-a-session-token'
}

function checkClaims(payload: Json, rules: SessionTokenRules): VerifiedCaller | Refused {
  if (payload['sid'] === undefined) return 'not-a-session-token'
  const sessionId = id<SessionId>(payload['sid'])
  const userId = id<UserId>(payload['sub'])
  const orgId = organisationOf(payload)
  const actorId = actorOf(payload)
  const times = timesOf(payload)
  const { azp = null, iss } = payload
  if (!sessionId || !userId || orgId === undefined || actorId === undefined || !times) return 'invalid-claims'
  if (azp !== null && (typeof azp !== 'string' || azp.length > 512)) return 'invalid-claims'
  if (iss !== rules.issuer) return 'wrong-issuer'
  if (rules.authorizedParties.length > 0 && (!azp || !rules.authorizedParties.includes(azp))) {
    return 'wrong-authorized-party'
  }
  const tokenState = stateOf(times, rules)
  if (tokenState !== 'valid' && tokenState !== 'expired') return tokenState
  return {
    is: 'verified',
    sessionId,
    userId,
    orgId,
    actorId,
    azp: azp || null,
    tokenIat: times.iat,
    tokenExp: times.exp,
    pending: payload['sts'] === 'pending',
    tokenState,
  }
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- names the brand at the call
function id<Id extends string>(value: unknown): Id | null {
  return typeof value === 'string' && ID.test(value) ? (value as Id) : null
}

/**
 * Null when no organisation is active; undefined when the claim is not understood. `org_id` is Clerk's in version 1
 * only: in version 2 it may be a custom claim of the app.
 */
function organisationOf({ v, o, org_id }: Json): OrgId | null | undefined {
  if (isObject(o)) return id<OrgId>(o['id']) ?? undefined
  if (o !== undefined && o !== null) return undefined
  if (v === 2 || org_id === undefined || org_id === null) return null
  return id<OrgId>(org_id) ?? undefined
}

/** Null when nobody impersonates; undefined when the claim is not understood. */
function actorOf({ act }: Json): string | null | undefined {
  if (act === undefined || act === null) return null
  return isObject(act) ? (id(act['sub']) ?? undefined) : undefined
}

/** Seconds since 1970, all of them. */
interface Times {
  iat: number
  exp: number
  nbf: number
}

function timesOf({ iat, exp, nbf = 0 }: Json): Times | null {
  return isTime(iat) && isTime(exp) && isTime(nbf) ? { iat, exp, nbf } : null
}

const YEAR_9999 = 253_402_300_799

function isTime(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= YEAR_9999
}

function stateOf(
  { iat, exp, nbf }: Times,
  { now, expiredTokenMaxAgeMs }: SessionTokenRules,
): 'valid' | 'expired' | Refused {
  const at = now()
  if (nbf * 1000 > at + CLOCK_SKEW_MS || iat * 1000 > at + CLOCK_SKEW_MS) return 'not-yet-valid'
  if (exp * 1000 > at - CLOCK_SKEW_MS) return 'valid'
  if (at - exp * 1000 > expiredTokenMaxAgeMs) return 'too-old'
  // Expired now, but was it ever valid? It must have been at the moment it was issued.
  const wasValid = nbf * 1000 <= iat * 1000 + CLOCK_SKEW_MS && exp * 1000 > iat * 1000 - CLOCK_SKEW_MS
  return wasValid ? 'expired' : 'invalid-claims'
}

async function isSignedByOneOf(
  keys: readonly CryptoKey[],
  signed: Signed,
  verify: VerifySignature,
): Promise<boolean> {
  for (const key of keys) {
    if (await verify(key, signed)) return true
  }
  return false
}
