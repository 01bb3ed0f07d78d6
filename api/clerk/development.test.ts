import { verifyToken } from '@clerk/backend'
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Caller } from '../caller.ts'
import { developmentClerk, type DevelopmentClerk } from './development.ts'
import { pemKeys } from './keys.ts'
import { verifySessionToken } from './session-token.ts'

/** 2026-11-23T12:00:00.500Z: half a second into the second of `iat`. */
const NOW = Date.UTC(2026, 10, 23, 12) + 500
const HOUR_MS = 3_600_000

function verify(token: string, { issuer, jwtKey }: DevelopmentClerk, now = NOW): Promise<Caller> {
  return verifySessionToken(token, {
    issuer,
    authorizedParties: [],
    expiredTokenMaxAgeMs: 24 * HOUR_MS,
    keys: pemKeys([jwtKey]),
    now: () => now,
  })
}

function claimsOf(token: string): Record<string, unknown> {
  const [, payload = ''] = token.split('.')
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
}

describe('the Clerk of development mode', () => {
  it('makes tokens that verify with its own key', async () => {
    const clerk = await developmentClerk(() => NOW)
    const caller = await verify(await clerk.token(), clerk)

    assert.ok(caller.is === 'verified')
    const { sessionId, ...rest } = caller
    assert.match(sessionId, /^sess_[0-9a-f]{32}$/)
    assert.deepEqual(rest, {
      is: 'verified',
      userId: 'user_development',
      orgId: null,
      actorId: null,
      azp: null,
      tokenIat: 1_795_435_200,
      tokenExp: 1_795_438_800,
      pending: false,
      tokenState: 'valid',
    })
  })

  it('makes tokens that Clerk’s own verifyToken accepts', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: NOW })
    const clerk = await developmentClerk(Date.now)
    const { sub } = await verifyToken(await clerk.token(), { jwtKey: clerk.jwtKey })
    assert.equal(sub, 'user_development')
  })

  it('makes tokens of version 2 that live for an hour', async () => {
    const clerk = await developmentClerk(() => NOW)
    const token = await clerk.token()

    const { sid, ...claims } = claimsOf(token)
    assert.equal(typeof sid, 'string')
    assert.deepEqual(claims, {
      iss: 'https://development.logout-trail.invalid',
      sub: 'user_development',
      sts: 'active',
      v: 2,
      iat: 1_795_435_200,
      nbf: 1_795_435_190,
      exp: 1_795_438_800,
    })
    const stateAt = async (now: number) => {
      const caller = await verify(token, clerk, now)
      return caller.is === 'verified' && caller.tokenState
    }
    assert.equal(await stateAt(1_795_438_800_000 + 4999), 'valid')
    assert.equal(await stateAt(1_795_438_800_000 + 5000), 'expired')
  })

  it('names a new session in each token', async () => {
    const clerk = await developmentClerk(() => NOW)
    const tokens = await Promise.all([clerk.token(), clerk.token(), clerk.token()])
    assert.equal(new Set(tokens.map((token) => claimsOf(token)['sid'])).size, 3)
  })

  it('has another key at each start, so that yesterday’s token is refused', async () => {
    const yesterday = await developmentClerk(() => NOW)
    const today = await developmentClerk(() => NOW)
    assert.deepEqual(await verify(await yesterday.token(), today), {
      is: 'anonymous',
      refused: 'bad-signature',
    })
  })

  it('has an issuer that can be nobody’s: .invalid is reserved by RFC 2606', async () => {
    const { issuer } = await developmentClerk(() => NOW)
    assert.ok(new URL(issuer).hostname.endsWith('.invalid'))
  })
})
