/**
 * Our verdicts beside those of Clerk's own `verifyToken`, on the corpus and on what fast-check makes.
 *
 * What we may say follows from what Clerk says: `valid` ⇒ Clerk accepts; `expired` ⇒ Clerk says so, and accepts with
 * the clock set to `iat`; what we refuse and Clerk accepts ⇒ one of the causes of `whyStricter`, which are found here
 * without the code under test. The other way round too: what Clerk accepts, and has no such cause, is `valid`.
 */
import { verifyToken } from '@clerk/backend'
import * as fc from 'fast-check'
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { testClerk, TOKEN_TIME } from '../../test/clerk-instance.ts'
import { arbitraryTokens, clocks } from '../../test/token-arbitraries.ts'
import { AZP, tokenCorpus } from '../../test/token-corpus.ts'
import type { CorpusToken } from '../../test/token-texts.ts'
import { refusals, type Caller, type Refusal } from '../caller.ts'
import { pemKeys } from './keys.ts'
import { verifyWithNode } from './node-signature.ts'
import { verifySessionToken } from './session-token.ts'

const HOUR_MS = 3_600_000
const clerk = testClerk()
const keys = pemKeys([clerk.publicPem])
const corpus = tokenCorpus(clerk)

/** A token, and how it is looked at. */
interface Sight {
  token: string
  now: number
  authorizedParties: string[]
}

type Json = Record<string, unknown>
type Verdict = 'valid' | 'expired' | Refusal

interface Comparison {
  ours: Verdict | undefined
  allowed: readonly Verdict[]
  /** `sid` and `sub`, as we and as Clerk read them; empty when nobody is verified. */
  read: { ours: unknown[]; clerks: unknown[] }
}

/** The claims that Clerk accepts, or its reason to refuse them. */
async function clerksVerdict({ token, authorizedParties }: Sight): Promise<Json | string> {
  try {
    const claims: object = await verifyToken(token, { jwtKey: clerk.publicPem, authorizedParties })
    return { ...claims }
  } catch (error) {
    const { reason, message } = error as { reason?: string; message: string }
    return reason ?? message
  }
}

/** By Web Crypto, as rung 1 does it, and by Node, as the service does it: there is one verdict. */
async function ourCaller({ token, now, authorizedParties }: Sight): Promise<Caller> {
  const rules = {
    issuer: 'https://clerk.example.com',
    authorizedParties,
    expiredTokenMaxAgeMs: 24 * HOUR_MS,
    keys,
    now: () => now,
  }
  const caller = await verifySessionToken(token, rules)
  assert.deepEqual(await verifySessionToken(token, { ...rules, verifySignature: verifyWithNode }), caller)
  return caller
}

function verdictOf(caller: Caller): Verdict | undefined {
  return caller.is === 'verified' ? caller.tokenState : caller.refused
}

async function compare(t: TestContext, sight: Sight): Promise<Comparison> {
  t.mock.timers.setTime(sight.now)
  const caller = await ourCaller(sight)
  const ours = verdictOf(caller)
  const atNow = await clerksVerdict(sight)
  if (typeof atNow === 'object') return { ours, allowed: dueFor(sight, 'valid'), read: read(caller, atNow) }
  if (atNow !== 'token-expired') return { ours, allowed: refusals, read: read(caller, {}) }

  const { iat, exp } = decodedPart(sight.token.split('.')[1])
  const iatMs = typeof iat === 'number' ? iat * 1000 : 0
  t.mock.timers.setTime(Math.min(Math.max(iatMs, 0), 8.64e15))
  const atIat = await clerksVerdict(sight)
  if (typeof atIat === 'string') return { ours, allowed: refusals, read: read(caller, {}) }
  const due = sight.now - Number(exp) * 1000 > 24 * HOUR_MS ? 'too-old' : 'expired'
  return { ours, allowed: dueFor(sight, due), read: read(caller, atIat) }
}

function read(caller: Caller, { sid, sub }: Json): Comparison['read'] {
  if (caller.is !== 'verified') return { ours: [], clerks: [] }
  return { ours: [caller.sessionId, caller.userId], clerks: [sid, sub] }
}

function agree({ ours, allowed, read }: Comparison): boolean {
  return ours !== undefined && allowed.includes(ours) && isDeepStrictEqual(read.ours, read.clerks)
}

/** The verdict that is due; when there is cause to be stricter, a refusal for one of the causes. */
function dueFor(sight: Sight, due: Verdict): Verdict[] {
  const why = whyStricter(sight)
  if (why.length === 0) return [due]
  return due === 'too-old' ? [...why, due] : why
}

/** Why we may refuse what Clerk would accept. */
function whyStricter({ token }: Sight): Refusal[] {
  const [header = {}, claims = {}] = token.split('.').map(decodedPart)
  const { alg, kid, cat, crit } = header
  const why: Refusal[] = []
  if (alg !== 'RS256') why.push('wrong-algorithm')
  if (kid !== undefined && typeof kid !== 'string') why.push('malformed-token')
  if (crit !== undefined) why.push('malformed-token')
  if (cat !== undefined && cat !== 'cl_B7d4PD111AAA' && cat !== 'cl_I7d4PD111III') {
    why.push('not-a-session-token')
  }
  if (claims['sid'] === undefined) why.push('not-a-session-token')
  if (claims['iss'] !== 'https://clerk.example.com') why.push('wrong-issuer')
  if (!hasOurTypes(claims)) why.push('invalid-claims')
  return why
}

/** The JSON object that a part holds; empty when it holds none. */
function decodedPart(part = ''): Json {
  try {
    const text = Buffer.from(part, 'base64url')
      .toString()
      .replace(/^\uFEFF/, '')
    return Object(JSON.parse(text)) as Json
  } catch (error) {
    assert.ok(error instanceof SyntaxError)
    return {}
  }
}

function hasOurTypes({ sub, sid, iat, exp, nbf, azp = null, v, o = null, org_id = null, act = null }: Json) {
  const organisation = o === null ? v === 2 || org_id === null || isId(org_id) : isId(memberOf(o, 'id'))
  return (
    [sub, sid].every(isId) &&
    [iat, exp, nbf ?? iat].every(isTime) &&
    nbf !== null &&
    (azp === null || (typeof azp === 'string' && azp.length <= 512)) &&
    organisation &&
    (act === null || isId(memberOf(act, 'sub')))
  )
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && !Array.isArray(value) ? (value as Json)[name] : undefined
}

function isId(value: unknown): boolean {
  return typeof value === 'string' && value.length <= 128 && /^[\w-]+$/.test(value)
}

/** Whole seconds until the year 9999. */
function isTime(value: unknown): boolean {
  return typeof value === 'number' && value % 1 === 0 && value >= 0 && value < 253_402_300_800
}

const usualClocks = [TOKEN_TIME, TOKEN_TIME + HOUR_MS / 2, TOKEN_TIME + 25 * HOUR_MS]

/** Every way to look at a token: at its clocks, made for any party and for one. */
function sightsOf({ token, clocks = usualClocks }: CorpusToken): Sight[] {
  return clocks.flatMap((now) => [[], [AZP]].map((authorizedParties) => ({ token, now, authorizedParties })))
}

describe('verifySessionToken beside verifyToken of @clerk/backend', () => {
  for (const [group, tokens] of Object.entries(corpus)) {
    it(`gives a verdict that follows from Clerk’s: ${group}`, async (t) => {
      t.mock.timers.enable({ apis: ['Date'] })
      const disagreements = []
      for (const { what, ...entry } of tokens) {
        for (const sight of sightsOf({ what, ...entry })) {
          const comparison = await compare(t, sight)
          if (!agree(comparison)) disagreements.push({ what, ...sight, ...comparison })
        }
      }
      assert.deepEqual(disagreements, [])
    })
  }

  it('has hundreds of tokens to look at, and comes to each verdict that there is for a key known beforehand', async () => {
    const sights = Object.values(corpus).flat().flatMap(sightsOf)
    const verdicts = new Set(
      await Promise.all(sights.map(async (sight) => verdictOf(await ourCaller(sight)))),
    )

    assert.ok(sights.length > 4000, `${sights.length} ways to look`)
    assert.deepEqual(
      verdicts,
      new Set<Verdict>([
        'valid',
        'expired',
        'malformed-token',
        'wrong-algorithm',
        'not-a-session-token',
        'wrong-issuer',
        'wrong-authorized-party',
        'invalid-claims',
        'not-yet-valid',
        'too-old',
        'bad-signature',
      ]),
    )
  })
})

describe('verifySessionToken beside verifyToken, on what fast-check makes', () => {
  for (const [what, tokens] of Object.entries(arbitraryTokens(clerk))) {
    it(`gives a verdict that follows from Clerk’s: ${what}`, async (t) => {
      t.mock.timers.enable({ apis: ['Date'] })
      const sights = fc.record({
        token: tokens,
        now: clocks,
        authorizedParties: fc.subarray([AZP, 'https://other.example.com']),
      })
      const holds = fc.asyncProperty(sights, async (sight) => {
        const comparison = await compare(t, sight)
        assert.ok(agree(comparison), JSON.stringify(comparison))
      })
      await fc.assert(holds, { numRuns: 250 })
    })
  }
})
