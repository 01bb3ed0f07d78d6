/** From a request to the caller that its Clerk session token proves. */
import { parse as parseCookie } from 'hono/utils/cookie'
import { bearerToken } from '../bearer.ts'
import type { Caller } from '../caller.ts'
import { jwksKeys, pemKeys, type KeySource } from './keys.ts'
import { isHttpsOrLoopback, isOrigin } from '../urls.ts'
import { frontendApiOf } from './publishable-key.ts'
import type { VerifySignature } from './signature.ts'
import { verifySessionToken, type SessionTokenRules } from './session-token.ts'

export interface ClerkOptions {
  /** `pk_test_…` or `pk_live_…`: names the issuer and where its keys are. */
  publishableKey?: string | undefined
  /** One or two public keys as PEM; with them nothing is fetched. */
  jwtKey?: string | undefined
  /** Default: `<issuer>/.well-known/jwks.json`. */
  jwksUrl?: string | undefined
  /** Default: the Frontend API that the publishable key names. */
  issuer?: string | undefined
  /** The origins for which a token may have been made (`azp`). Default: any. */
  authorizedParties?: readonly string[] | undefined
  /** The origins from which a token may come in the `__session` cookie, and that CORS lets in. Default: none. */
  allowedOrigins?: readonly string[] | undefined
  /** How long after its expiry a token still says who it was. Default: 24. */
  expiredTokenMaxAgeHours?: number | undefined
  /** ms since 1970. Default: `Date.now`. */
  now?: (() => number) | undefined
}

export interface Clerk {
  issuer: string
  keys: KeySource
  /** Never rejects for what a request says. */
  identify: (request: Request) => Promise<Caller>
  /** The same for a token alone. However old it is, it is looked at whole: none is `too-old`. */
  verify: (token: string) => Promise<Caller>
}

export interface ClerkParts {
  /** Told of each failure to get keys. */
  onKeyFailure?: (error: unknown) => void
  /** Default: by Web Crypto. */
  verifySignature?: VerifySignature
}

/** @throws {TypeError} naming the option that is missing or wrong. */
export function clerkFrom(options: ClerkOptions, { onKeyFailure, verifySignature }: ClerkParts = {}): Clerk {
  refuseBadOptions(options)
  const issuer = issuerFrom(options)
  const keys = keysFrom(options, issuer, onKeyFailure)
  const rules: SessionTokenRules = {
    issuer,
    keys,
    verifySignature,
    authorizedParties: options.authorizedParties ?? [],
    expiredTokenMaxAgeMs: (options.expiredTokenMaxAgeHours ?? 24) * 3_600_000,
    now: options.now ?? Date.now,
  }
  const ofAnyAge = { ...rules, expiredTokenMaxAgeMs: Infinity }
  return {
    issuer,
    keys,
    identify: identifyWith(rules, options.allowedOrigins ?? []),
    verify: (token) => verifySessionToken(token, ofAnyAge),
  }
}

function refuseBadOptions(options: ClerkOptions): void {
  for (const name of ['issuer', 'jwksUrl'] as const) {
    const url = options[name]
    if (url && !isHttpsOrLoopback(url)) throw new TypeError(`${name} is not an https:// address.`)
  }
  for (const name of ['authorizedParties', 'allowedOrigins'] as const) {
    const origins: unknown = options[name] ?? []
    if (
      !Array.isArray(origins) ||
      !origins.every((origin) => typeof origin === 'string' && isOrigin(origin))
    ) {
      throw new TypeError(`${name} is not a list of origins such as https://app.example.com.`)
    }
  }
  const hours = options.expiredTokenMaxAgeHours ?? 0
  if (!(hours >= 0 && hours < Infinity))
    throw new TypeError('expiredTokenMaxAgeHours is not a number of hours.')
}

/** The PEM blocks of a text; also of one whose line breaks were written as `\n`, as environments often need. */
export function pemsOf(text: string): string[] {
  const blocks = /-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g
  return text.replaceAll(String.raw`\n`, '\n').match(blocks) ?? []
}

function issuerFrom({ issuer, publishableKey }: ClerkOptions): string {
  if (issuer) return issuer.replace(/\/$/, '')
  if (!publishableKey)
    throw new TypeError('publishableKey is missing (or issuer, for an instance without one).')
  const frontendApi = frontendApiOf(publishableKey)
  if (!frontendApi)
    throw new TypeError('publishableKey is not one of Clerk’s: copy it again, from pk_ to the end.')
  return `https://${frontendApi}`
}

export function jwksUrlOf({ jwksUrl }: ClerkOptions, issuer: string): string {
  return jwksUrl ?? `${issuer}/.well-known/jwks.json`
}

function keysFrom(options: ClerkOptions, issuer: string, onFailure?: (error: unknown) => void): KeySource {
  if (!options.jwtKey) return jwksKeys({ url: jwksUrlOf(options, issuer), onFailure })
  const pems = pemsOf(options.jwtKey)
  if (pems.length === 0) throw new TypeError('jwtKey holds no “-----BEGIN PUBLIC KEY-----” block.')
  return pemKeys(pems, onFailure)
}

function identifyWith(rules: SessionTokenRules, allowedOrigins: readonly string[]) {
  return async function identify(request: Request): Promise<Caller> {
    const authorization = request.headers.get('authorization')
    if (authorization !== null) {
      const token = bearerToken(authorization)
      return token ? verifySessionToken(token, rules) : { is: 'anonymous', refused: 'malformed-header' }
    }
    const cookie = sessionCookieOf(request)
    if (!cookie) return { is: 'anonymous' }
    // A cookie is sent whether or not the page meant it, so the page must be one of ours.
    const origin = request.headers.get('origin')
    if (!origin || !allowedOrigins.includes(origin)) return { is: 'anonymous', refused: 'origin-not-allowed' }
    return verifySessionToken(cookie, rules)
  }
}

function sessionCookieOf(request: Request): string | undefined {
  const header = request.headers.get('cookie')
  return header ? parseCookie(header, '__session')['__session'] : undefined
}
