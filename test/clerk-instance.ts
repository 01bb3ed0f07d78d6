/** A Clerk instance for tests: a key pair of its own, and tokens in the shape of Clerk's session token version 2. */
import { createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

export interface TestClerk {
  issuer: string
  publishableKey: string
  kid: string
  publicPem: string
  /** The public key as Clerk's JWKS lists it. */
  jwk: Record<string, unknown>
  /** For tokens that `token` cannot make. */
  privateKey: KeyObject
  /** A token that is valid at `TOKEN_TIME`; claims and header fields given here replace those, `undefined` removes. */
  token: (claims?: Record<string, unknown>, header?: Record<string, unknown>) => string
}

/** The clock of the tests: 2026-11-23T12:00:00.000Z, in ms. Tokens are issued at it and live for 60 s. */
export const TOKEN_TIME = Date.UTC(2026, 10, 23, 12)

let made = 0

export function testClerk(frontendApi = 'clerk.example.com'): TestClerk {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const issuer = `https://${frontendApi}`
  const kid = `ins_${(made += 1)}`
  return {
    issuer,
    publishableKey: `pk_test_${Buffer.from(`${frontendApi}$`).toString('base64')}`,
    kid,
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }),
    jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' },
    privateKey,
    token: (claims = {}, header = {}) =>
      signedToken({ ...sessionClaims(issuer), ...claims }, { header: { kid, ...header }, key: privateKey }),
  }
}

/** The claims of a session token at `at`, ms since 1970. */
export function sessionClaims(issuer: string, at = TOKEN_TIME): Record<string, unknown> {
  const iat = Math.floor(at / 1000)
  return {
    iss: issuer,
    sub: 'user_2aBcDeFgHiJkLmNoPqRsTuVwXyZ',
    sid: 'sess_2aBcDeFgHiJkLmNoPqRsTuVwXyZ',
    azp: 'https://app.example.com',
    iat,
    nbf: iat - 10,
    exp: iat + 60,
    sts: 'active',
    v: 2,
    fva: [0, -1],
  }
}

export function signedToken(
  claims: object,
  { header, key, digest = 'RSA-SHA256' }: { header: object; key: KeyObject; digest?: string },
): string {
  const head = encodePart({ alg: 'RS256', typ: 'JWT', ...header })
  const signed = `${head}.${encodePart(claims)}`
  return `${signed}.${sign(digest, Buffer.from(signed), key).toString('base64url')}`
}

export function encodePart(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** The key of somebody else. */
export function strangerKey(): KeyObject {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return privateKey
}

export function publicPemOf(key: KeyObject): string {
  return createPublicKey(key).export({ type: 'spki', format: 'pem' })
}
