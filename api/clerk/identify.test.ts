import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sessionClaims, signedToken, strangerKey, testClerk, TOKEN_TIME } from '../../test/clerk-instance.ts'
import { clerkFrom, pemsOf, type ClerkOptions } from './identify.ts'

const clerk = testClerk()
const token = clerk.token()

const VERIFIED = {
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
}

const OPTIONS: ClerkOptions = {
  publishableKey: clerk.publishableKey,
  jwtKey: clerk.publicPem,
  allowedOrigins: ['https://app.example.com', 'https://admin.example.com'],
  now: () => TOKEN_TIME,
}

function identify(headers: Headers | Record<string, string>, options: ClerkOptions = OPTIONS) {
  const request = new Request('https://api.example.com/v1/auth/session', { method: 'DELETE', headers })
  return clerkFrom(options).identify(request)
}

/** So long after the token expired. */
function after(hours: number): ClerkOptions {
  return { ...OPTIONS, now: () => TOKEN_TIME + 60_000 + hours * 3_600_000 }
}

function refused(cause: string) {
  return { is: 'anonymous', refused: cause }
}

describe('identify, with an Authorization header', () => {
  it('verifies a Bearer token, whatever the case of the scheme', async () => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEaReR']) {
      assert.deepEqual(await identify({ authorization: `${scheme} ${token}` }), VERIFIED, scheme)
    }
  })

  it('verifies it with several spaces behind the scheme, and space around the header', async () => {
    assert.deepEqual(await identify({ authorization: `\t Bearer   ${token} \t` }), VERIFIED)
  })

  for (const [what, value] of Object.entries({
    'no scheme': token,
    'a scheme alone': 'Bearer',
    'a scheme and a space': 'Bearer ',
    'another scheme': 'Basic dXNlcjpwYXNzd29yZA==',
    'a longer scheme': `Bearers ${token}`,
    'a tab behind the scheme': `Bearer\t${token}`,
    'a colon behind the scheme': `Bearer: ${token}`,
    'no space behind the scheme': `Bearer${token}`,
    'two tokens': `Bearer ${token} ${token}`,
    'two tokens with a comma': `Bearer ${token},${token}`,
    'something in front': `x Bearer ${token}`,
    'nothing in it': '',
  })) {
    it(`refuses a header with ${what} as malformed-header`, async () => {
      assert.deepEqual(await identify({ authorization: value }), refused('malformed-header'))
    })
  }

  it('refuses two Authorization headers, which arrive as one with a comma', async () => {
    const headers = new Headers({ authorization: `Bearer ${token}` })
    headers.append('authorization', `Bearer ${token}`)
    assert.equal(headers.get('authorization'), `Bearer ${token}, Bearer ${token}`)
    assert.deepEqual(await identify(headers), refused('malformed-header'))
  })

  it('refuses what front ends send when they have no token, as malformed-token', async () => {
    for (const text of ['null', 'undefined', '[object', 'Promise']) {
      assert.deepEqual(await identify({ authorization: `Bearer ${text}` }), refused('malformed-token'), text)
    }
  })

  it('goes by the header alone, even when it is bad and the cookie is good', async () => {
    const cookie = { cookie: `__session=${token}`, origin: 'https://app.example.com' }
    assert.deepEqual(await identify({ ...cookie, authorization: 'Bearer junk' }), refused('malformed-token'))
    assert.deepEqual(await identify({ ...cookie, authorization: '' }), refused('malformed-header'))
    assert.deepEqual(await identify({ authorization: `Bearer ${token}`, cookie: '__session=x' }), VERIFIED)
  })

  it('asks nothing of the Origin', async () => {
    assert.deepEqual(
      await identify({ authorization: `Bearer ${token}`, origin: 'https://evil.example' }),
      VERIFIED,
    )
  })
})

describe('identify, with a cookie', () => {
  it('verifies the token in __session, when the Origin is one of the allowed', async () => {
    for (const origin of ['https://app.example.com', 'https://admin.example.com']) {
      assert.deepEqual(await identify({ cookie: `__session=${token}`, origin }), VERIFIED, origin)
    }
  })

  it('finds __session among 100 cookies', async () => {
    const cookies = Array.from({ length: 100 }, (_, index) => `cookie_${index}=value%20${index}`)
    const cookie = cookies.with(57, `__session=${token}`).join('; ')
    assert.deepEqual(await identify({ cookie, origin: 'https://app.example.com' }), VERIFIED)
  })

  it('refuses it as origin-not-allowed, when the Origin is another or missing', async () => {
    const cookie = `__session=${token}`
    for (const origin of [
      'https://evil.example',
      'https://app.example.com.evil.example',
      'http://app.example.com',
      'https://app.example.com:8443',
      'null',
      '',
    ]) {
      assert.deepEqual(await identify({ cookie, origin }), refused('origin-not-allowed'), origin)
    }
    assert.deepEqual(await identify({ cookie }), refused('origin-not-allowed'))
  })

  it('refuses it as origin-not-allowed, when no origin is allowed', async () => {
    const headers = { cookie: `__session=${token}`, origin: 'https://app.example.com' }
    const { publishableKey, jwtKey } = OPTIONS
    assert.deepEqual(await identify(headers, { publishableKey, jwtKey }), refused('origin-not-allowed'))
  })

  it('refuses a bad token in it for what is wrong with the token', async () => {
    const headers = { cookie: '__session=junk', origin: 'https://app.example.com' }
    assert.deepEqual(await identify(headers), refused('malformed-token'))
  })
})

describe('identify, with nothing', () => {
  it('says anonymous, and refuses nothing', async () => {
    assert.deepEqual(await identify({}), { is: 'anonymous' })
    assert.deepEqual(await identify({ origin: 'https://evil.example' }), { is: 'anonymous' })
  })

  it('takes other cookies, and an empty __session, for nothing', async () => {
    for (const cookie of [
      'theme=dark',
      '__session=',
      '__session',
      'x__session=1',
      '__session_1=x',
      ';;',
      '',
    ]) {
      assert.deepEqual(
        await identify({ cookie, origin: 'https://app.example.com' }),
        { is: 'anonymous' },
        cookie,
      )
    }
  })
})

describe('verify, of a token alone', () => {
  it('gives the verdict that identify gives', async () => {
    assert.deepEqual(await clerkFrom(OPTIONS).verify(token), VERIFIED)
    assert.deepEqual(await clerkFrom(OPTIONS).verify('not.a.token'), refused('malformed-token'))
    const elsewhere = { ...OPTIONS, authorizedParties: ['https://elsewhere.example.com'] }
    assert.deepEqual(await clerkFrom(elsewhere).verify(token), refused('wrong-authorized-party'))
  })

  it('tells a genuine token from a forged one a year after both have expired', async () => {
    const { verify } = clerkFrom(after(365 * 24))
    const forged = signedToken(sessionClaims(clerk.issuer), { header: {}, key: strangerKey() })

    assert.deepEqual(await verify(token), { ...VERIFIED, tokenState: 'expired' })
    assert.deepEqual(await verify(forged), refused('bad-signature'))
  })
})

describe('clerkFrom', () => {
  it('takes the issuer from the publishable key', () => {
    assert.equal(clerkFrom({ publishableKey: clerk.publishableKey }).issuer, 'https://clerk.example.com')
  })

  it('takes the issuer given before that of the key, without a final slash', async () => {
    const options = { ...OPTIONS, issuer: 'https://example.com/__clerk/' }
    assert.equal(clerkFrom(options).issuer, 'https://example.com/__clerk')
    const proxied = clerk.token({ iss: 'https://example.com/__clerk' })
    assert.deepEqual(await identify({ authorization: `Bearer ${proxied}` }, options), VERIFIED)
  })

  it('says that publishableKey is missing', () => {
    assert.throws(() => clerkFrom({}), { name: 'TypeError', message: /^publishableKey is missing/ })
    assert.throws(
      () => clerkFrom({ publishableKey: '', issuer: '' }),
      /^TypeError: publishableKey is missing/,
    )
  })

  it('says that publishableKey is not one of Clerk’s', () => {
    assert.throws(() => clerkFrom({ publishableKey: 'sk_test_abc' }), {
      name: 'TypeError',
      message: /^publishableKey is not one of Clerk’s/,
    })
  })

  it('says that jwtKey holds no key', () => {
    assert.throws(() => clerkFrom({ ...OPTIONS, jwtKey: 'sk_test_abc' }), {
      name: 'TypeError',
      message: /^jwtKey holds no “-----BEGIN PUBLIC KEY-----” block/,
    })
  })

  it('fetches the keys of the issuer, from where Clerk publishes them', async (t) => {
    const fetched = t.mock.method(globalThis, 'fetch', () =>
      Promise.resolve(Response.json({ keys: [clerk.jwk] })),
    )
    const { identify } = clerkFrom({ publishableKey: clerk.publishableKey, now: () => TOKEN_TIME })
    const headers = { authorization: `Bearer ${token}` }

    assert.deepEqual(await identify(new Request('https://api.example.com/', { headers })), VERIFIED)
    assert.deepEqual(
      fetched.mock.calls.map(({ arguments: [url] }) => url),
      ['https://clerk.example.com/.well-known/jwks.json'],
    )
  })

  it('fetches the keys from jwksUrl, when that is given', async (t) => {
    const fetched = t.mock.method(globalThis, 'fetch', () =>
      Promise.resolve(Response.json({ keys: [clerk.jwk] })),
    )
    const jwksUrl = 'https://keys.example.com/jwks'
    const { identify } = clerkFrom({ publishableKey: clerk.publishableKey, jwksUrl, now: () => TOKEN_TIME })

    await identify(new Request('https://api.example.com/', { headers: { authorization: `Bearer ${token}` } }))
    assert.deepEqual(
      fetched.mock.calls.map(({ arguments: [url] }) => url),
      [jwksUrl],
    )
  })

  it('fetches nothing when it has jwtKey', async (t) => {
    const fetched = t.mock.method(globalThis, 'fetch', () => Promise.reject(new Error('no network here')))
    await identify({ authorization: `Bearer ${clerk.token({}, { kid: 'ins_other' })}` })
    assert.equal(fetched.mock.callCount(), 0)
  })

  it('tells of keys that cannot be had, and is undecided', async (t) => {
    t.mock.method(globalThis, 'fetch', () => Promise.reject(new TypeError('fetch failed')))
    const failures: unknown[] = []
    const options = { publishableKey: clerk.publishableKey, now: () => TOKEN_TIME }
    const { identify } = clerkFrom(options, { onKeyFailure: (error) => failures.push(error) })
    const headers = { authorization: `Bearer ${token}` }

    const caller = await identify(new Request('https://api.example.com/', { headers }))
    assert.deepEqual(caller, { is: 'undecided', refused: 'key-unavailable' })
    assert.deepEqual(failures.map(String), ['TypeError: fetch failed'])
  })

  it('keeps to authorizedParties', async () => {
    const options = { ...OPTIONS, authorizedParties: ['https://other.example.com'] }
    assert.deepEqual(
      await identify({ authorization: `Bearer ${token}` }, options),
      refused('wrong-authorized-party'),
    )
  })

  it('knows an expired token for 24 hours, or for as long as expiredTokenMaxAgeHours says', async () => {
    const headers = { authorization: `Bearer ${token}` }
    const expired = { ...VERIFIED, tokenState: 'expired' }

    assert.deepEqual(await identify(headers, after(24)), expired)
    assert.deepEqual(await identify(headers, after(25)), refused('too-old'))
    assert.deepEqual(await identify(headers, { ...after(1), expiredTokenMaxAgeHours: 1 }), expired)
    assert.deepEqual(await identify(headers, { ...after(2), expiredTokenMaxAgeHours: 1 }), refused('too-old'))
  })

  it('goes by the clock of the machine when it is given none', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: TOKEN_TIME })
    const { publishableKey, jwtKey } = OPTIONS
    assert.deepEqual(
      await identify({ authorization: `Bearer ${token}` }, { publishableKey, jwtKey }),
      VERIFIED,
    )
  })
})

describe('clerkFrom, given what is wrong', () => {
  const wrong = {
    issuer: ['nonsense', 'http://clerk.example.com', 'https://clerk.example.com/?q=1'],
    jwksUrl: ['x', 'ftp://clerk.example.com/jwks.json'],
    authorizedParties: ['https://app.example.com', ['app.example.com'], [7]],
    allowedOrigins: ['https://app.example.com', ['https://app.example.com/']],
    expiredTokenMaxAgeHours: [Number.NaN, -1, Infinity],
  }
  for (const [name, values] of Object.entries(wrong)) {
    it(`names ${name}`, () => {
      for (const value of values) {
        const options = { publishableKey: testClerk().publishableKey, [name]: value }
        assert.throws(() => clerkFrom(options), { name: 'TypeError', message: new RegExp(`^${name} is not`) })
      }
    })
  }
})

describe('pemsOf', () => {
  const pem = clerk.publicPem.trim()

  it('finds the one key of a text', () => {
    assert.deepEqual(pemsOf(clerk.publicPem), [pem])
  })

  it('finds two keys, whatever is around them', () => {
    const other = testClerk('clerk.other.example').publicPem.trim()
    assert.deepEqual(pemsOf(`# old\n${pem}\n\n# new\r\n${other}\r\n`), [pem, other])
  })

  it('finds a key whose line breaks were written as \\n', () => {
    assert.deepEqual(pemsOf(clerk.publicPem.replaceAll('\n', String.raw`\n`)), [pem])
  })

  it('finds a key on one line, which verifies', async () => {
    const jwtKey = clerk.publicPem.replaceAll('\n', ' ')
    assert.deepEqual(await identify({ authorization: `Bearer ${token}` }, { ...OPTIONS, jwtKey }), VERIFIED)
  })

  it('gives keys of which either may have signed', async () => {
    const other = testClerk('clerk.other.example')
    const jwtKey = other.publicPem + clerk.publicPem
    assert.deepEqual(await identify({ authorization: `Bearer ${token}` }, { ...OPTIONS, jwtKey }), VERIFIED)
    const forged = signedToken(sessionClaims(clerk.issuer), { header: {}, key: strangerKey() })
    assert.deepEqual(
      await identify({ authorization: `Bearer ${forged}` }, { ...OPTIONS, jwtKey }),
      refused('bad-signature'),
    )
  })

  it('finds none in other text, or in the block of a private key', () => {
    const privatePem = clerk.privateKey.export({ type: 'pkcs8', format: 'pem' })
    for (const text of ['', 'pk_test_abc', pem.slice(0, -5), privatePem]) assert.deepEqual(pemsOf(text), [])
  })
})
