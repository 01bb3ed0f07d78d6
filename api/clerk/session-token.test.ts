import assert from 'node:assert/strict'
import { sign } from 'node:crypto'
import { describe, it } from 'node:test'
import {
  encodePart,
  sessionClaims,
  signedToken,
  strangerKey,
  testClerk,
  TOKEN_TIME,
} from '../../test/clerk-instance.ts'
import { signedParts } from '../../test/token-texts.ts'
import type { Caller } from '../caller.ts'
import { pemKeys, type KeyLookup } from './keys.ts'
import { verifySessionToken, type SessionTokenRules } from './session-token.ts'

const HOUR_MS = 3_600_000
const IAT = 1_795_435_200
const EXPIRES = TOKEN_TIME + 60_000

const clerk = testClerk()
const keys = pemKeys([clerk.publicPem])

/** At 2026-11-23T12:00:00Z, for any authorized party, unless `rules` say otherwise. */
function verify(token: string, rules: Partial<SessionTokenRules> = {}): Promise<Caller> {
  return verifySessionToken(token, {
    issuer: 'https://clerk.example.com',
    authorizedParties: [],
    expiredTokenMaxAgeMs: 24 * HOUR_MS,
    keys,
    now: () => TOKEN_TIME,
    ...rules,
  })
}

function at(ms: number): Partial<SessionTokenRules> {
  return { now: () => ms }
}

/** What the token says when it is verified; the refusal when it is not. */
async function verdict(token: string, rules: Partial<SessionTokenRules> = {}) {
  const caller = await verify(token, rules)
  return caller.is === 'verified' ? caller.tokenState : caller.refused
}

async function factsOf(claims: Record<string, unknown>) {
  const caller = await verify(clerk.token(claims))
  assert.ok(caller.is === 'verified', JSON.stringify(caller))
  return caller
}

describe('a valid session token', () => {
  it('says which session of which user it is, and that it is valid', async () => {
    assert.deepEqual(await verify(clerk.token()), {
      is: 'verified',
      sessionId: 'sess_2aBcDeFgHiJkLmNoPqRsTuVwXyZ',
      userId: 'user_2aBcDeFgHiJkLmNoPqRsTuVwXyZ',
      orgId: null,
      actorId: null,
      azp: 'https://app.example.com',
      tokenIat: 1_795_435_200,
      tokenExp: 1_795_435_260,
      pending: false,
      tokenState: 'valid',
    })
  })

  it('names the session by sid', async () => {
    assert.equal((await factsOf({ sid: 'sess_9' })).sessionId, 'sess_9')
  })

  it('names the user by sub', async () => {
    assert.equal((await factsOf({ sub: 'user_9' })).userId, 'user_9')
  })

  it('names the organisation by o.id, as version 2 does', async () => {
    const o = { id: 'org_2', slg: 'acme', rol: 'admin', per: 'read', fpm: '1' }
    assert.equal((await factsOf({ o })).orgId, 'org_2')
  })

  it('names the organisation by org_id, as version 1 does', async () => {
    assert.equal((await factsOf({ v: undefined, org_id: 'org_1', org_role: 'admin' })).orgId, 'org_1')
  })

  it('names the organisation of version 2 when both are there', async () => {
    assert.equal((await factsOf({ o: { id: 'org_2' }, org_id: 'org_1' })).orgId, 'org_2')
  })

  it('takes org_id for a custom claim in version 2', async () => {
    assert.equal((await factsOf({ v: 2, org_id: 'Acme & Sons' })).orgId, null)
  })

  it('names no organisation when org_id is null', async () => {
    assert.equal((await factsOf({ org_id: null })).orgId, null)
  })

  it('names who is acting by act.sub, when somebody impersonates the user', async () => {
    const act = { iss: 'https://dashboard.clerk.com', sid: 'sess_8', sub: 'user_8' }
    const { actorId, userId } = await factsOf({ act, sub: 'user_9' })
    assert.deepEqual({ actorId, userId }, { actorId: 'user_8', userId: 'user_9' })
  })

  it('names the origin that it was made for by azp', async () => {
    assert.equal((await factsOf({ azp: 'https://admin.example.com' })).azp, 'https://admin.example.com')
  })

  it('may be without azp, as Clerk’s are when the browser sends no Origin', async () => {
    assert.equal((await factsOf({ azp: undefined })).azp, null)
    assert.equal((await factsOf({ azp: '' })).azp, null)
  })

  it('says in seconds when it was issued', async () => {
    assert.equal((await factsOf({ iat: 1_795_435_197 })).tokenIat, 1_795_435_197)
  })

  it('may be without nbf', async () => {
    assert.equal((await factsOf({ nbf: undefined })).tokenState, 'valid')
  })

  it('may be of a pending session, which is a session like any other', async () => {
    assert.equal((await factsOf({ sts: 'pending' })).tokenState, 'valid')
  })

  it('says whether its session is pending, and until when in seconds it is valid', async () => {
    assert.equal((await factsOf({ sts: 'pending' })).pending, true)
    assert.equal((await factsOf({ sts: 'active' })).pending, false)
    assert.equal((await factsOf({ v: undefined, sts: undefined })).pending, false)
    assert.equal((await factsOf({ exp: 1_795_435_297 })).tokenExp, 1_795_435_297)
  })

  it('may carry a custom claim of 10 kB', async () => {
    assert.equal((await factsOf({ metadata: 'x'.repeat(10_240) })).tokenState, 'valid')
  })

  it('may be without typ', async () => {
    assert.equal(await verdict(clerk.token({}, { typ: undefined })), 'valid')
  })

  it('may bear Clerk’s mark of a session token, or the one that says to ignore the mark', async () => {
    assert.equal(await verdict(clerk.token({}, { cat: 'cl_B7d4PD111AAA' })), 'valid')
    assert.equal(await verdict(clerk.token({}, { cat: 'cl_I7d4PD111III' })), 'valid')
  })

  it('may have padding on its signature', async () => {
    assert.equal(await verdict(`${clerk.token()}==`), 'valid')
  })
})

describe('a session token and the clock', () => {
  it('is valid until 5 s after exp, and expired from then on', async () => {
    assert.equal(await verdict(clerk.token(), at(EXPIRES + 4999)), 'valid')
    assert.equal(await verdict(clerk.token(), at(EXPIRES + 5000)), 'expired')
  })

  it('says who it was for 24 h after exp, and is too-old 1 ms later', async () => {
    assert.equal(await verdict(clerk.token(), at(EXPIRES + 24 * HOUR_MS)), 'expired')
    assert.equal(await verdict(clerk.token(), at(EXPIRES + 24 * HOUR_MS + 1)), 'too-old')
  })

  it('is too-old as soon as it is expired when that time is 0', async () => {
    const rules = { expiredTokenMaxAgeMs: 0 }
    assert.equal(await verdict(clerk.token(), { ...rules, ...at(EXPIRES + 4999) }), 'valid')
    assert.equal(await verdict(clerk.token(), { ...rules, ...at(EXPIRES + 5000) }), 'too-old')
  })

  it('keeps its facts when it is expired', async () => {
    const caller = await verify(clerk.token({ o: { id: 'org_1' } }), at(EXPIRES + HOUR_MS))
    assert.deepEqual(caller, {
      is: 'verified',
      sessionId: 'sess_2aBcDeFgHiJkLmNoPqRsTuVwXyZ',
      userId: 'user_2aBcDeFgHiJkLmNoPqRsTuVwXyZ',
      orgId: 'org_1',
      actorId: null,
      azp: 'https://app.example.com',
      tokenIat: 1_795_435_200,
      tokenExp: 1_795_435_260,
      pending: false,
      tokenState: 'expired',
    })
  })

  it('is not-yet-valid until 5 s before nbf', async () => {
    const token = clerk.token({ nbf: IAT + 30 })
    assert.equal(await verdict(token, at(TOKEN_TIME + 24_999)), 'not-yet-valid')
    assert.equal(await verdict(token, at(TOKEN_TIME + 25_000)), 'valid')
  })

  it('is not-yet-valid until 5 s before iat', async () => {
    const token = clerk.token({ nbf: undefined })
    assert.equal(await verdict(token, at(TOKEN_TIME - 5001)), 'not-yet-valid')
    assert.equal(await verdict(token, at(TOKEN_TIME - 5000)), 'valid')
  })

  it('is not expired but refused when it was never valid, not even when it was issued', async () => {
    const anHourLater = at(TOKEN_TIME + HOUR_MS)
    assert.equal(await verdict(clerk.token({ exp: IAT - 4 }), anHourLater), 'expired')
    assert.equal(await verdict(clerk.token({ exp: IAT - 5 }), anHourLater), 'invalid-claims')
    assert.equal(await verdict(clerk.token({ nbf: IAT + 5 }), anHourLater), 'expired')
    assert.equal(await verdict(clerk.token({ nbf: IAT + 6 }), anHourLater), 'invalid-claims')
  })
})

describe('a session token is refused', () => {
  it('as malformed-token, unless it is three parts of base64url', async () => {
    const [header, payload, signature] = clerk.token().split('.')
    for (const token of [
      '',
      'null',
      `${header}.${payload}`,
      `${header}.${payload}.${signature}.`,
      `${header}.${payload}.${signature}\n`,
      `${header}.${payload}.${signature?.slice(0, -1)}+`,
      `${header}.${payload}.${signature?.slice(0, 4)}=${signature?.slice(4)}`,
    ]) {
      assert.equal(await verdict(token), 'malformed-token', JSON.stringify(token))
    }
  })

  it('as malformed-token, when the last character of a part has bits that mean nothing and are not zero', async () => {
    const signed = `${encodePart({ alg: 'RS256' })}.${encodePart(sessionClaims(clerk.issuer))}`
    const signature = sign('RSA-SHA256', Buffer.from(signed), clerk.privateKey).toString('base64url')
    const sameBytes = signature.slice(0, -1) + { A: 'B', Q: 'R', g: 'h', w: 'x' }[signature.slice(-1)]

    assert.deepEqual(Buffer.from(sameBytes, 'base64url'), Buffer.from(signature, 'base64url'))
    assert.equal(await verdict(`${signed}.${signature}`), 'valid')
    assert.equal(await verdict(`${signed}.${sameBytes}`), 'malformed-token')
  })

  it('as malformed-token, unless header and payload are JSON objects', async () => {
    for (const json of ['no JSON', '[]', '"RS256"', '1', 'null', '']) {
      const part = Buffer.from(json).toString('base64url')
      const claims = encodePart(sessionClaims(clerk.issuer))
      assert.equal(await verdict(signedParts(part, claims, clerk.privateKey)), 'malformed-token', json)
      const header = encodePart({ alg: 'RS256' })
      assert.equal(await verdict(signedParts(header, part, clerk.privateKey)), 'malformed-token', json)
    }
  })

  it('as malformed-token, when typ is not JWT', async () => {
    assert.equal(await verdict(clerk.token({}, { typ: 'at+jwt' })), 'malformed-token')
    assert.equal(await verdict(clerk.token({}, { typ: null })), 'malformed-token')
  })

  it('as malformed-token, when crit names an extension', async () => {
    assert.equal(await verdict(clerk.token({}, { crit: ['b64'], b64: false })), 'malformed-token')
  })

  it('as malformed-token at once, however long its padding is', async () => {
    const parts = `${'='.repeat(32_000)}x`
    const started = performance.now()
    assert.equal(await verdict(`${parts}.${parts}.${parts}`), 'malformed-token')
    assert.ok(performance.now() - started < 500, `${performance.now() - started} ms`)
  })

  it('as wrong-algorithm, when alg is none, HS256 or anything but RS256', async () => {
    for (const alg of ['none', 'HS256', 'RS384', 'RS512', 'PS256', 'ES256', 'rs256', undefined]) {
      assert.equal(await verdict(clerk.token({}, { alg })), 'wrong-algorithm', String(alg))
    }
  })

  it('as not-a-session-token, when it has no sid, like the token of a template', async () => {
    assert.equal(await verdict(clerk.token({ sid: undefined, azp: undefined })), 'not-a-session-token')
  })

  it('as not-a-session-token, when it bears the mark of a machine or an unknown one', async () => {
    assert.equal(await verdict(clerk.token({}, { cat: 'cl_B7d4PD333AAA' })), 'not-a-session-token')
    assert.equal(await verdict(clerk.token({}, { cat: 'other' })), 'not-a-session-token')
  })

  it('as wrong-issuer, when iss is not exactly ours', async () => {
    for (const iss of ['https://clerk.other.example', 'https://clerk.example.com/', undefined, null]) {
      assert.equal(await verdict(clerk.token({ iss })), 'wrong-issuer', String(iss))
    }
  })

  it('as wrong-authorized-party, when azp is not one of those listed', async () => {
    const rules = { authorizedParties: ['https://app.example.com', 'https://admin.example.com'] }
    assert.equal(await verdict(clerk.token({ azp: 'https://admin.example.com' }), rules), 'valid')
    for (const azp of ['https://evil.example', 'https://app.example.com/', '', undefined]) {
      assert.equal(await verdict(clerk.token({ azp }), rules), 'wrong-authorized-party', String(azp))
    }
  })

  for (const [claim, values] of Object.entries({
    iat: [undefined, null, '1795435200', 1_795_435_200.5, -1, 1e300, [], {}],
    exp: [undefined, null, '1795435260', 1_795_435_260.5, -1, 1e300, [], {}],
    nbf: [null, '1795435190', 1_795_435_190.5, -1, 1e300, [], {}],
    sub: [undefined, null, '', 7, ['user_1'], {}],
    sid: [null, '', 7, ['sess_1'], {}],
    azp: [7, true, ['https://app.example.com'], {}, `https://${'a'.repeat(505)}`],
    o: ['org_1', 7, [], {}, { id: 7 }, { id: '' }],
    org_id: ['', 7, ['org_1'], {}],
    act: ['user_8', 7, [], {}, { sub: 7 }, { sub: '' }],
  })) {
    it(`as invalid-claims, when ${claim} is missing or not of its type`, async () => {
      for (const value of values) {
        // `org_id` means something in version 1 only.
        const v = claim === 'org_id' ? 1 : 2
        assert.equal(
          await verdict(clerk.token({ v, [claim]: value })),
          'invalid-claims',
          JSON.stringify(value),
        )
      }
    })
  }

  it('as invalid-claims, when an id is over 128 characters or has others than A-Z a-z 0-9 _ -', async () => {
    const long = `x_${'a'.repeat(126)}`
    for (const claims of [{ sid: long }, { sub: long }, { o: { id: long } }, { act: { sub: long } }]) {
      assert.equal(await verdict(clerk.token(claims)), 'valid')
    }
    for (const bad of [`${long}a`, 'x_1\n', 'x 1', 'x.1', 'x_\0', 'x_é', 'x_\u202E']) {
      for (const claims of [{ sid: bad }, { sub: bad }, { o: { id: bad } }, { act: { sub: bad } }]) {
        assert.equal(await verdict(clerk.token(claims)), 'invalid-claims', JSON.stringify(claims))
      }
    }
  })

  it('as bad-signature, when somebody else signed it', async () => {
    const token = signedToken(sessionClaims(clerk.issuer), { header: { kid: clerk.kid }, key: strangerKey() })
    assert.equal(await verdict(token), 'bad-signature')
  })

  it('as bad-signature, when a claim was changed after it was signed', async () => {
    const [header, , signature] = clerk.token().split('.')
    const changed = encodePart({ ...sessionClaims(clerk.issuer), sub: 'user_evil' })
    assert.equal(await verdict(`${header}.${changed}.${signature}`), 'bad-signature')
  })

  it('as bad-signature, when it has none, or half of one', async () => {
    const [header, payload, signature] = clerk.token().split('.')
    assert.equal(await verdict(`${header}.${payload}.`), 'bad-signature')
    assert.equal(await verdict(`${header}.${payload}.${signature?.slice(0, 168)}`), 'bad-signature')
  })

  it('as bad-signature also when it is expired: expired means that Clerk signed it', async () => {
    const token = signedToken(sessionClaims(clerk.issuer), { header: {}, key: strangerKey() })
    assert.equal(await verdict(token, at(EXPIRES + HOUR_MS)), 'bad-signature')
  })
})

describe('the key of a session token', () => {
  const asked: unknown[] = []
  const answering = (answer: KeyLookup): Partial<SessionTokenRules> => ({
    keys: {
      keysFor: (kid) => {
        asked.push(kid)
        return answer
      },
      ready: () => true,
      keepFresh: () => undefined,
    },
  })

  it('is asked for by kid', async () => {
    asked.length = 0
    await verify(clerk.token({}, { kid: 'ins_7' }), answering('unknown'))
    await verify(clerk.token({}, { kid: undefined }), answering('unknown'))
    assert.deepEqual(asked, ['ins_7', undefined])
  })

  it('is not asked for when kid is not a string, as RFC 7515 wants it', async () => {
    asked.length = 0
    for (const kid of [null, 7, true, ['ins_7'], {}, { toString: {} }]) {
      const caller = await verify(clerk.token({}, { kid }), answering('unknown'))
      assert.deepEqual(caller, { is: 'anonymous', refused: 'malformed-token' }, JSON.stringify(kid))
    }
    assert.deepEqual(asked, [])
  })

  it('makes the token refused as unknown-key when Clerk has none of that kid', async () => {
    assert.deepEqual(await verify(clerk.token(), answering('unknown')), {
      is: 'anonymous',
      refused: 'unknown-key',
    })
  })

  it('leaves the token undecided when it cannot be had', async () => {
    assert.deepEqual(await verify(clerk.token(), answering('unavailable')), {
      is: 'undecided',
      refused: 'key-unavailable',
    })
  })
})
