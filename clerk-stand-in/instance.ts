/** The Clerk instance that the stand-in plays: one key pair, its keys and names, and what it signs. */
import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

export interface Instance {
  publishableKey: string
  /** The Frontend API's address, which is the `iss` of session tokens. */
  issuer: string
  /** Clerk's instance id, which is also the `kid` of the key. */
  id: string
  /** For `CLERK_JWT_KEY`. */
  publicPem: string
  /** The public key, as Clerk's JWKS lists it. */
  jwk: Record<string, unknown>
  privateKey: KeyObject
}

/**
 * Ends as Clerk's development hosts do: only then do clerk-js and Clerk's middleware treat it as a development
 * instance. While a proxy URL is set, nobody asks this host.
 */
const DEVELOPMENT_HOST = 'local-demo-1.clerk.accounts.dev'

/** A new key pair, for this host of a Frontend API. */
export function newInstance(host = DEVELOPMENT_HOST): Instance {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const id = 'ins_localstandin'
  return {
    publishableKey: `pk_test_${Buffer.from(`${host}$`).toString('base64')}`,
    issuer: `https://${host}`,
    id,
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }),
    jwk: { ...publicKey.export({ format: 'jwk' }), kid: id, alg: 'RS256', use: 'sig' },
    privateKey,
  }
}

/** What Clerk's SDKs append to cookie names, so that two instances on one host do not meet. */
export function cookieSuffix(publishableKey: string): string {
  return createHash('sha1').update(publishableKey).digest('base64url').slice(0, 8)
}

/** RS256. */
export function signJwt(claims: object, { privateKey, id }: Instance): string {
  const signed = `${part({ alg: 'RS256', kid: id, typ: 'JWT' })}.${part(claims)}`
  return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), privateKey).toString('base64url')}`
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
