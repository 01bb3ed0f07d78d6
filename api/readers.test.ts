import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sessionClaims, signedToken, strangerKey, testClerk, TOKEN_TIME } from '../test/clerk-instance.ts'
import type { UserId } from '../trail/entry.ts'
import type { Caller } from './caller.ts'
import { clerkFrom } from './clerk/identify.ts'
import { FailedAttempts } from './failed-attempts.ts'
import { readersOf, type ReaderKey, type ReaderVerdict } from './readers.ts'

const ALICE = 'a'.repeat(32)
const BOB = 'b'.repeat(40)
const USER = 'user_support'
const ACT = { iss: 'https://dashboard.clerk.com', sid: 'sess_8', sub: 'user_8' }
const HOME = '203.0.113.7'

const clerk = testClerk()
const forged = signedToken({ ...sessionClaims(clerk.issuer), sub: USER }, { header: {}, key: strangerKey() })

interface Options {
  keys?: ReaderKey[]
  verify?: (token: string) => Promise<Caller>
}

/** Readers with a clock of their own, asked by what they send in `Authorization`. */
function readers({ keys, verify }: Options = {}) {
  const clock = { ms: TOKEN_TIME }
  const { verify: byClerk } = clerkFrom({
    issuer: clerk.issuer,
    jwtKey: clerk.publicPem,
    now: () => clock.ms,
  })
  const readerOf = readersOf({
    keys: keys ?? [
      { name: 'alice', secret: ALICE },
      { name: 'bob', secret: BOB },
    ],
    userIds: [USER as UserId],
    verify: verify ?? byClerk,
    failures: new FailedAttempts(() => clock.ms),
  })
  const ask = (headers: Record<string, string>, address = HOME) =>
    readerOf(new Request('https://trail.example.com/v1/sessions/sess_1', { headers }), address)
  return {
    clock,
    ask,
    sent: (credential: string, address?: string) => ask({ Authorization: `Bearer ${credential}` }, address),
  }
}

function codeOf(verdict: ReaderVerdict): string {
  return verdict.is === 'reader' ? 'reader' : verdict.code
}

function detailOf(verdict: ReaderVerdict): string {
  return verdict.is === 'reader' ? '' : verdict.detail
}

const times = (count: number) => Array.from({ length: count }, (_, at) => at)

describe('a reader by key', () => {
  it('is named by its key, for as long as there is one', async () => {
    const { ask, sent } = readers()

    assert.deepEqual(await sent(ALICE), { is: 'reader', name: 'key:alice', until: null })
    assert.deepEqual(await ask({ Authorization: `bearer ${BOB}` }), {
      is: 'reader',
      name: 'key:bob',
      until: null,
    })
  })

  it('may have a key that looks like a session token', async () => {
    const { sent } = readers({ keys: [{ name: 'odd', secret: forged }] })

    assert.deepEqual(await sent(forged), { is: 'reader', name: 'key:odd', until: null })
  })

  it('is nobody with a wrong key, with half of one, or when there are no keys', async () => {
    for (const wrong of [`${ALICE}x`, ALICE.slice(1), 'null', `${ALICE}.${BOB}`, `${ALICE}.${BOB}.${BOB}`]) {
      assert.equal(codeOf(await readers().sent(wrong)), 'unauthorized')
    }
    assert.equal(codeOf(await readers({ keys: [] }).sent(ALICE)), 'unauthorized')
  })

  it('is nobody without the header Authorization, or when that is not one Bearer token', async () => {
    const { ask } = readers()

    for (const headers of [
      {},
      { Cookie: `__session=${clerk.token({ sub: USER })}; key=${ALICE}` },
      { Authorization: '' },
      { Authorization: 'Bearer ' },
      { Authorization: ALICE },
      { Authorization: `Basic ${ALICE}` },
      { Authorization: `Bearer ${ALICE}, Bearer ${BOB}` },
    ] as Record<string, string>[]) {
      const verdict = await ask(headers)
      assert.equal(codeOf(verdict), 'unauthorized')
      assert.match(detailOf(verdict), /^Send a key of READER_API_KEYS, or the session token/)
    }
  })
})

describe('a reader by Clerk session', () => {
  it('is named by its user, until its token expires', async () => {
    const { sent } = readers()

    assert.deepEqual(await sent(clerk.token({ sub: USER })), {
      is: 'reader',
      name: 'user_support',
      until: TOKEN_TIME + 60_000,
    })
  })

  it('is refused with a token that is forged, of another instance, or not of a session', async () => {
    const { sent } = readers()

    for (const token of [
      forged,
      testClerk().token({ sub: USER }),
      clerk.token({ sub: USER, iss: 'https://clerk.elsewhere.example' }),
      clerk.token({ sub: USER, sid: undefined }),
    ]) {
      const verdict = await sent(token)
      assert.equal(codeOf(verdict), 'unauthorized')
      assert.match(detailOf(verdict), /^This is neither a key/)
    }
  })

  it('is asked for a new token when the old one has expired, by Clerk’s 5 s of leeway', async () => {
    const { clock, sent } = readers()
    const token = clerk.token({ sub: USER })
    clock.ms = TOKEN_TIME + 64_999
    assert.equal(codeOf(await sent(token)), 'reader')

    clock.ms = TOKEN_TIME + 65_000
    assert.equal(codeOf(await sent(clerk.token({ sub: 'user_other' }))), 'unauthorized')
    const verdict = await sent(token)
    assert.equal(codeOf(verdict), 'unauthorized')
    assert.match(detailOf(verdict), /has expired/)
  })

  it('is told why a genuine session may not read', async () => {
    const { sent } = readers()
    const refused = async (claims: Record<string, unknown>) => {
      const verdict = await sent(clerk.token(claims))
      assert.equal(codeOf(verdict), 'forbidden')
      return detailOf(verdict)
    }

    assert.match(await refused({ sub: 'user_other' }), /READER_USER_IDS/)
    assert.match(await refused({ sub: USER, sts: 'pending' }), /pending/)
    assert.match(await refused({ sub: USER, act: ACT }), /impersonated/)
    assert.match(await refused({ sub: 'user_other', sts: 'pending', act: ACT }), /READER_USER_IDS/)
  })

  it('waits when Clerk’s keys cannot be had, and no key of ours does', async () => {
    const { sent } = readers({ verify: async () => ({ is: 'undecided', refused: 'key-unavailable' }) })

    assert.equal(codeOf(await sent(clerk.token({ sub: USER }))), 'not-ready')
    assert.equal(codeOf(await sent(ALICE)), 'reader')
  })

  it('is no matter for Clerk’s keys unless what was sent has the three parts of a token', async () => {
    const asked: string[] = []
    const { sent } = readers({
      verify: async (token) => {
        asked.push(token)
        return { is: 'anonymous', refused: 'malformed-token' }
      },
    })

    for (const credential of [ALICE, 'wrong', 'a.b', 'a.b.c.d', 'a.b.c']) await sent(credential)
    assert.deepEqual(asked, ['a.b.c'])
  })
})

describe('wrong credentials', () => {
  it('close an address after the tenth, to what is right too, and for a minute', async () => {
    const { clock, ask, sent } = readers()
    for (const guess of times(10)) assert.equal(codeOf(await sent(`guess-${guess}`)), 'unauthorized')

    clock.ms += 1500
    for (const credential of [ALICE, clerk.token({ sub: USER }), 'wrong']) {
      const { detail, ...verdict } = (await sent(credential)) as ReaderVerdict & { is: 'refused' }
      assert.deepEqual(verdict, { is: 'refused', code: 'rate-limited', retryAfterSeconds: 59 })
      assert.match(detail, /Retry-After/)
    }
    assert.equal(codeOf(await ask({})), 'unauthorized')
    clock.ms += 58_500
    assert.equal(codeOf(await sent(ALICE)), 'reader')
  })

  it('close no other address', async () => {
    const { sent } = readers()
    for (const guess of times(10)) await sent(`guess-${guess}`)

    assert.equal(codeOf(await sent(ALICE, '203.0.113.8')), 'reader')
  })

  it('are forged and malformed tokens too', async () => {
    const { sent } = readers()
    for (const at of times(10)) await sent(at % 2 === 0 ? forged : 'not.a.token')

    assert.equal(codeOf(await sent(ALICE)), 'rate-limited')
  })

  it('are not looked at while the address is closed', async () => {
    let looks = 0
    const { sent } = readers({
      verify: async () => {
        looks += 1
        return { is: 'anonymous', refused: 'bad-signature' }
      },
    })
    for (const guess of times(12)) await sent(`guess.number.${guess}`)

    assert.equal(looks, 10)
  })

  it('are not: nothing, what cannot be a key, what is genuine and may not read, and what nobody can judge', async () => {
    const { clock, ask, sent } = readers()
    const undecided = readers({ verify: async () => ({ is: 'undecided', refused: 'key-unavailable' }) })
    const expired = clerk.token({ sub: USER })
    clock.ms += 365 * 86_400_000
    const iat = clock.ms / 1000
    const now = { iat, nbf: iat, exp: iat + 60 }
    for (const _ of times(12)) {
      await ask({})
      await ask({ Authorization: 'Basic dXNlcjpwYXNz' })
      await sent(expired)
      await sent(clerk.token({ ...now, sub: 'user_other' }))
      await sent(clerk.token({ ...now, sub: USER, sts: 'pending' }))
      await sent(clerk.token({ ...now, sub: USER, act: ACT }))
      await undecided.sent(expired)
    }

    assert.equal(codeOf(await sent(ALICE)), 'reader')
    assert.equal(codeOf(await undecided.sent(ALICE)), 'reader')
  })
})
