/**
 * What can be asked of Clerk without changing anything, for people who want to know whether it would work: `logout-trail doctor`.
 * Each question ends after 5 s, and its failure is an answer.
 */
import { createClerkClient } from '@clerk/backend'
import { isClerkAPIResponseError } from '@clerk/backend/errors'
import { calculateJwkThumbprint, exportJWK, type CryptoKey } from 'jose'
import { messageOf } from '../../trail/error.ts'
import { FETCH_TIMEOUT_MS, importedKeys, importPem } from './keys.ts'

export interface FoundKey {
  /** Null: a PEM has none. */
  kid: string | null
  /** RFC 7638: the same key has the same, wherever it comes from. */
  thumbprint: string
}

export type KeysFound =
  /** By `CLERK_JWT_KEY`. */
  | { is: 'given'; keys: FoundKey[] }
  | { is: 'fetched'; url: string; keys: FoundKey[]; tookMs: number }
  | { is: 'failed'; url: string; why: string }

export type SecretKeyFound =
  /** With the keys of the instance that it belongs to. */
  | { is: 'accepted'; apiUrl: string; keys: FoundKey[] }
  /** Clerk answered something else than 200. */
  | { is: 'answered'; apiUrl: string; status: number }
  | { is: 'failed'; apiUrl: string; why: string }

export interface ClockFound {
  /** Whose clock ours was compared with. */
  host: string
  /** By how much ours is ahead at least; negative: behind. `Date` knows whole seconds, and an answer takes its time. */
  aheadMs: number
}

export const ASK_TIMEOUT_MS = 5000
/** The service itself is not as patient. */
export const SERVICE_TIMEOUT_MS = FETCH_TIMEOUT_MS

/** The one call that is made with the secret key: it reads public keys. */
export const SECRET_KEY_CALL = 'GET /v1/jwks'

const API_URL = 'https://api.clerk.com'

export async function givenKeys(pems: readonly string[]): Promise<KeysFound> {
  const keys = await Promise.all(
    pems.map(async (pem) => ({ kid: null, ...(await named(await importPem(pem))) })),
  )
  return { is: 'given', keys }
}

/** Clerk's keys, and our clock beside Clerk's, when it answered at all. */
export async function fetchedKeys(url: string): Promise<{ keys: KeysFound; clock: ClockFound | null }> {
  const startedAt = performance.now()
  const failed = (why: string): KeysFound => ({ is: 'failed', url, why })
  try {
    const { response, clock } = await ask(url)
    if (!response.ok) return { keys: failed(`it answered ${response.status}`), clock }
    const keys = await foundKeys(JSON.parse(await response.text()))
    const tookMs = performance.now() - startedAt
    return { keys: keys.length > 0 ? { is: 'fetched', url, keys, tookMs } : failed(NO_KEY), clock }
  } catch (error) {
    return { keys: failed(reasonOf(error)), clock: null }
  }
}

const NO_KEY = 'it holds no RSA key for RS256'

/** Our clock beside the Backend API's. Sent without a key: the answer is 401, with a `Date`. */
export async function backendClock(apiUrl = API_URL): Promise<ClockFound | null> {
  try {
    const { response, clock } = await ask(`${apiUrl}/v1/jwks`)
    await response.body?.cancel()
    return clock
  } catch {
    // Why it cannot be reached is told of with the secret key.
    return null
  }
}

/** Reads the public keys of the instance that the secret key belongs to. */
export async function trySecretKey(secretKey: string, apiUrl = API_URL): Promise<SecretKeyFound> {
  const client = createClerkClient({ secretKey, apiUrl, telemetry: { disabled: true } })
  try {
    const jwks: unknown = await inTime(client.jwks.getJwks())
    const keys = await foundKeys(jwks)
    return keys.length > 0 ? { is: 'accepted', apiUrl, keys } : { is: 'failed', apiUrl, why: NO_KEY }
  } catch (error) {
    if (!isClerkAPIResponseError(error)) return { is: 'failed', apiUrl, why: reasonOf(error) }
    // Clerk's package answers so too when nothing came.
    const { status } = error as { status: number | undefined }
    if (status !== undefined) return { is: 'answered', apiUrl, status }
    return { is: 'failed', apiUrl, why: error.errors[0]?.message ?? error.message }
  }
}

/** Clerk's package takes no signal: its request may go on behind this. */
async function inTime<T>(answer: Promise<T>): Promise<T> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(NO_ANSWER)), ASK_TIMEOUT_MS)
  return Promise.race([answer, tooLate]).finally(() => clearTimeout(timer))
}

const NO_ANSWER = `no answer within ${ASK_TIMEOUT_MS / 1000} s`

async function ask(url: string): Promise<{ response: Response; clock: ClockFound | null }> {
  const sentAt = Date.now()
  const response = await fetch(url, {
    signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
    headers: { Accept: 'application/json' },
    // As the service does.
    redirect: 'manual',
  })
  const aheadMs = aheadOf(response.headers, { sentAt, receivedAt: Date.now() })
  return { response, clock: aheadMs === null ? null : { host: new URL(url).host, aheadMs } }
}

/** 0 while the answer may have been written at that time by our clock. */
function aheadOf(headers: Headers, { sentAt, receivedAt }: { sentAt: number; receivedAt: number }) {
  const date = Date.parse(headers.get('date') ?? '')
  if (Number.isNaN(date)) return null
  // What a cache kept was written earlier (RFC 9111 §5.1).
  const from = date + Number(headers.get('age') ?? 0) * 1000
  const to = from + 1000
  return sentAt > to ? sentAt - to : Math.min(0, receivedAt - from)
}

async function foundKeys(jwks: unknown): Promise<FoundKey[]> {
  const keys = await importedKeys(jwks)
  return Promise.all([...keys].map(async ([kid, key]) => ({ kid, ...(await named(key)) })))
}

async function named(key: CryptoKey): Promise<{ thumbprint: string }> {
  return { thumbprint: await calculateJwkThumbprint(await exportJWK(key)) }
}

/** `fetch` hides the reason behind “fetch failed”. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return NO_ANSWER
  if (error instanceof SyntaxError) return 'it answered something that is not JSON'
  const { cause } = error
  if (!(cause instanceof Error)) return error.message
  return 'code' in cause ? String(cause.code) : messageOf(cause)
}
