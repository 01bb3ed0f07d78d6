/** Where the public keys of session tokens come from: PEMs given beforehand, or Clerk's JWKS. */
import { importJWK, importSPKI, type CryptoKey, type JWK } from 'jose'

/** `unknown`: Clerk has no such key. `unavailable`: it could not be asked, so nobody knows. */
export type KeyLookup = readonly CryptoKey[] | 'unknown' | 'unavailable'

export interface KeySource {
  /** The keys that may have signed a token with this `kid`. Never rejects. */
  keysFor: (kid: string | undefined) => KeyLookup | Promise<KeyLookup>
  /** Whether there are keys to verify with. */
  ready: () => boolean
  /** Fetches, in the background, what is missing or older than ten minutes. Call it often; it limits itself. */
  keepFresh: () => void
}

/** Told of each failure to get keys. */
type OnFailure = ((error: unknown) => void) | undefined

/** The keys in PEM form; which of them signed a token is found by trying. */
export function pemKeys(pems: readonly string[], onFailure?: OnFailure): KeySource {
  let keys: KeyLookup | null = null
  const imported: Promise<KeyLookup> = Promise.all(pems.map(importPem)).then(
    (done) => (keys = done),
    (error: unknown) => {
      onFailure?.(error)
      return (keys = 'unavailable')
    },
  )
  return {
    keysFor: () => keys ?? imported,
    ready: () => keys !== null && keys !== 'unavailable',
    keepFresh: () => undefined,
  }
}

export interface JwksOptions {
  url: string
  onFailure?: OnFailure
  /** ms on a clock that never jumps. */
  elapsedMs?: () => number
}

export const FETCH_TIMEOUT_MS = 1500
const FETCH_INTERVAL_MS = 30_000
const REFRESH_AFTER_MS = 600_000

/**
 * Keys of a JWKS (RFC 7517), fetched when first needed.
 *
 * Keys once had stay good while Clerk is down; they are replaced only by a fetch that succeeded. Fetches, failed
 * ones too, begin at least 30 s apart and end after 1.5 s, so a flood of unknown `kid`s costs Clerk nothing.
 */
export function jwksKeys({ url, onFailure, elapsedMs = () => performance.now() }: JwksOptions): KeySource {
  let keys = new Map<string, CryptoKey>()
  let attemptedAt = -Infinity
  let refreshedAt = -Infinity
  let lastFailed = false
  let inFlight: Promise<void> | null = null

  async function fetchOnce(): Promise<void> {
    try {
      keys = await fetchKeys(url, onFailure)
      refreshedAt = elapsedMs()
      lastFailed = false
    } catch (error) {
      lastFailed = true
      onFailure?.(error)
    }
    inFlight = null
  }

  /** Starts a fetch, unless the last was started too recently; a fetch takes far less than that. */
  function refresh(): void {
    if (elapsedMs() - attemptedAt < FETCH_INTERVAL_MS) return
    attemptedAt = elapsedMs()
    inFlight = fetchOnce()
  }

  function keepFresh(): void {
    if (elapsedMs() - refreshedAt >= REFRESH_AFTER_MS) refresh()
  }

  async function fetchedKeysFor(kid: string): Promise<KeyLookup> {
    refresh()
    if (inFlight) await Promise.race([inFlight, sleep(FETCH_TIMEOUT_MS)])
    const key = keys.get(kid)
    if (key) return [key]
    return lastFailed || inFlight ? 'unavailable' : 'unknown'
  }

  return {
    keysFor: (kid) => {
      if (kid === undefined) return 'unknown'
      const key = keys.get(kid)
      if (!key) return fetchedKeysFor(kid)
      keepFresh()
      return [key]
    },
    ready: () => keys.size > 0,
    keepFresh,
  }
}

async function fetchKeys(url: string, onUnusable: OnFailure): Promise<Map<string, CryptoKey>> {
  const response = await fetch(url, {
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
    headers: { Accept: 'application/json' },
    // Not followed: below it is an answer other than 200. Workers have no `redirect: 'error'`.
    redirect: 'manual',
  })
  if (!response.ok) {
    await response.body?.cancel()
    throw new Error(`${url} answered ${response.status}`)
  }
  const keys = await importedKeys(await response.json(), onUnusable)
  if (keys.size === 0) throw new Error(`${url} holds no RSA key for RS256`)
  return keys
}

/** By `kid`. A key that cannot be used is told of and left out (RFC 7517 §5); it does not cost us the others. */
export async function importedKeys(jwks: unknown, onUnusable?: OnFailure): Promise<Map<string, CryptoKey>> {
  const listed = typeof jwks === 'object' && jwks !== null && 'keys' in jwks ? jwks.keys : null
  const keys = new Map<string, CryptoKey>()
  for (const jwk of Array.isArray(listed) ? (listed as (JWK | null)[]) : []) {
    if (jwk?.kty !== 'RSA' || typeof jwk.kid !== 'string') continue
    if ((jwk.alg ?? 'RS256') !== 'RS256' || (jwk.use ?? 'sig') !== 'sig') continue
    try {
      keys.set(jwk.kid, await importRsaJwk(jwk))
    } catch (error) {
      onUnusable?.(error)
    }
  }
  return keys
}

export async function importPem(pem: string): Promise<CryptoKey> {
  return strongEnough(await importSPKI(pem, 'RS256'))
}

async function importRsaJwk({ kty, n, e }: JWK): Promise<CryptoKey> {
  return strongEnough((await importJWK({ kty, n, e } as JWK, 'RS256')) as CryptoKey)
}

/** RFC 7518 §3.3: RS256 must not be used with a shorter key. */
function strongEnough(key: CryptoKey): CryptoKey {
  const { modulusLength } = key.algorithm as { modulusLength?: number }
  if (modulusLength !== undefined && modulusLength >= 2048) return key
  throw new TypeError(`A public key for RS256 has at least 2048 bits; this one has ${modulusLength}.`)
}

/** So that nobody waits for a fetch that another request began and that its runtime forgot. */
function sleep(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs))
}
