import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, it, type TestContext } from 'node:test'
import { testClerk, TOKEN_TIME } from '../../test/clerk-instance.ts'
import { held, jwksServer, serving } from '../../test/jwks-server.ts'
import { jwksKeys, type KeyLookup, type KeySource } from './keys.ts'
import { verifySessionToken } from './session-token.ts'

const MINUTE_MS = 60_000
/** How long to wait for what happens in the background. */
const PATIENCE = { interval: 5, timeout: 5000 }
const clerk = testClerk()
const newKey = { ...testClerk().jwk, kid: 'ins_new' }

/** What a look-up came to: how many keys, or why none. */
async function lookup(source: KeySource, kid: string | undefined): Promise<string> {
  const found = await source.keysFor(kid)
  return typeof found === 'string' ? found : `${found.length} key`
}

/** Keys from a server, with a clock that the test sets. */
async function openJwks(t: TestContext, keys: unknown[] = [clerk.jwk]) {
  const server = await jwksServer(t, keys)
  const clock = { ms: 0 }
  const failures: unknown[] = []
  const source = jwksKeys({
    url: server.url,
    onFailure: (error) => failures.push(error),
    elapsedMs: () => clock.ms,
  })
  return { server, clock, failures, source, lookup: (kid: string | undefined) => lookup(source, kid) }
}

async function verdict(keys: KeySource, token: string) {
  const rules = { issuer: clerk.issuer, authorizedParties: [], expiredTokenMaxAgeMs: 24 * 60 * MINUTE_MS }
  const caller = await verifySessionToken(token, { ...rules, keys, now: () => TOKEN_TIME })
  return caller.is === 'verified' ? caller.tokenState : caller.refused
}

describe('jwksKeys', () => {
  it('fetches nothing before it is needed', async (t) => {
    const { server, source } = await openJwks(t)
    await nextTurn()
    assert.equal(server.requests, 0)
    assert.equal(source.ready(), false)
  })

  it('fetches the keys when the first is needed, and then has them at hand', async (t) => {
    const { server, source, lookup } = await openJwks(t, [clerk.jwk, newKey])
    assert.equal(await lookup(clerk.kid), '1 key')
    assert.equal(source.ready(), true)
    assert.ok(Array.isArray(source.keysFor(clerk.kid)))
    assert.equal(await lookup('ins_new'), '1 key')
    assert.equal(server.requests, 1)
  })

  it('asks for JSON', async (t) => {
    const { server, lookup } = await openJwks(t)
    const accepted: unknown[] = []
    server.answer = (request, response) => {
      accepted.push(request.headers.accept)
      serving([clerk.jwk])(request, response)
    }
    assert.equal(await lookup(clerk.kid), '1 key')
    assert.deepEqual(accepted, ['application/json'])
  })

  it('verifies a token with the key of its kid', async (t) => {
    const { source } = await openJwks(t, [newKey, clerk.jwk])
    assert.equal(await verdict(source, clerk.token()), 'valid')
    assert.equal(await verdict(source, clerk.token({}, { kid: 'ins_new' })), 'bad-signature')
  })

  it('finds a new key by one fetch, beside the old one', async (t) => {
    const { server, clock, lookup } = await openJwks(t)
    assert.equal(await lookup(clerk.kid), '1 key')

    server.answer = serving([clerk.jwk, newKey])
    clock.ms = 30_000
    assert.equal(await lookup('ins_new'), '1 key')
    assert.equal(await lookup(clerk.kid), '1 key')
    assert.equal(server.requests, 2)
  })

  it('drops a key that Clerk no longer lists, at the next fetch that succeeds and not before', async (t) => {
    const { server, clock, lookup } = await openJwks(t)
    assert.equal(await lookup(clerk.kid), '1 key')

    server.answer = (_request, response) => response.writeHead(500).end()
    clock.ms = 30_000
    assert.equal(await lookup('ins_new'), 'unavailable')
    assert.equal(await lookup(clerk.kid), '1 key')

    server.answer = serving([newKey])
    clock.ms = 60_000
    assert.equal(await lookup('ins_new'), '1 key')
    assert.equal(await lookup(clerk.kid), 'unknown')
  })

  it('says unknown when Clerk answers and has no such key, or the token names none', async (t) => {
    const { lookup } = await openJwks(t)
    assert.equal(await lookup('ins_other'), 'unknown')
    assert.equal(await lookup(undefined), 'unknown')
  })

  it('fetches once in 30 s, whoever asks for 10,000 unknown keys', async (t) => {
    const { server, clock, source } = await openJwks(t)
    const flood = async () => {
      const kids = Array.from({ length: 10_000 }, (_, index) => `ins_flood_${clock.ms}_${index}`)
      return new Set(await Promise.all(kids.map(async (kid) => source.keysFor(kid))))
    }
    for (const [ms, requests] of [
      [0, 1],
      [29_999, 1],
      [30_000, 2],
      [59_999, 2],
      [60_000, 3],
    ] as const) {
      clock.ms = ms
      assert.deepEqual(await flood(), new Set<KeyLookup>(['unknown']))
      assert.equal(server.requests, requests)
    }
  })

  it('counts the fetches that failed, too', async (t) => {
    const { server, clock, lookup } = await openJwks(t)
    server.answer = (_request, response) => response.writeHead(503).end()
    assert.equal(await lookup(clerk.kid), 'unavailable')
    clock.ms = 29_999
    assert.equal(await lookup(clerk.kid), 'unavailable')
    assert.equal(server.requests, 1)
  })

  it('has never two fetches under way: who asks meanwhile waits for the one', async (t) => {
    const { server, clock, lookup } = await openJwks(t)
    const { answer, release } = held(serving([clerk.jwk]))
    server.answer = answer
    const first = lookup(clerk.kid)
    await t.waitFor(() => assert.equal(server.requests, 1), PATIENCE)

    clock.ms = 700
    const second = lookup('ins_other')
    clock.ms = 1400
    const third = lookup(clerk.kid)
    release()
    assert.deepEqual(await Promise.all([first, second, third]), ['1 key', 'unknown', '1 key'])
    assert.equal(server.requests, 1)
  })

  it('never fetches for a token that is refused without a key', async (t) => {
    const { server, source } = await openJwks(t)
    const iat = TOKEN_TIME / 1000
    assert.equal(await verdict(source, 'junk'), 'malformed-token')
    assert.equal(await verdict(source, clerk.token({}, { alg: 'none' })), 'wrong-algorithm')
    assert.equal(await verdict(source, clerk.token({ iss: 'https://evil.example' })), 'wrong-issuer')
    assert.equal(await verdict(source, clerk.token({ sid: undefined })), 'not-a-session-token')
    assert.equal(await verdict(source, clerk.token({ sub: 7 })), 'invalid-claims')
    assert.equal(await verdict(source, clerk.token({ exp: iat - 86_401 })), 'too-old')
    assert.equal(await verdict(source, clerk.token({ nbf: iat + 6 })), 'not-yet-valid')
    assert.equal(await verdict(source, clerk.token({}, { kid: undefined })), 'unknown-key')
    assert.equal(server.requests, 0)

    assert.equal(await verdict(source, clerk.token({}, { kid: 'ins_other' })), 'unknown-key')
    assert.equal(server.requests, 1)
  })
})

describe('jwksKeys, when the answer is no good', () => {
  const { publicKey: elliptic } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { publicKey: short } = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const es256 = { ...elliptic.export({ format: 'jwk' }), kid: 'ins_ec', alg: 'ES256' }
  const tooShort = { ...short.export({ format: 'jwk' }), kid: 'ins_short' }

  const bad: Record<string, [answer: Parameters<typeof jwksServer>[1] | number | string, told: RegExp]> = {
    'is 500': [500, /jwks\.json answered 500$/],
    'is 404': [404, /answered 404$/],
    'is a redirect': [302, /answered 302$/],
    'is no JSON': ['<!doctype html>', /JSON/],
    'is empty': ['', /JSON/],
    'is null': ['null', /holds no RSA key for RS256$/],
    'is an array': ['[]', /holds no RSA key for RS256$/],
    'is an object without keys': ['{}', /holds no RSA key for RS256$/],
    'has keys that are no array': ['{"keys":{}}', /holds no RSA key for RS256$/],
    'has no keys': [[], /holds no RSA key for RS256$/],
    'has keys for ES256 only': [[es256], /holds no RSA key for RS256$/],
    'has keys without kid only': [[{ ...clerk.jwk, kid: undefined }], /holds no RSA key for RS256$/],
    'has keys for RS512 only': [[{ ...clerk.jwk, alg: 'RS512' }], /holds no RSA key for RS256$/],
    'has keys for encryption only': [[{ ...clerk.jwk, use: 'enc' }], /holds no RSA key for RS256$/],
    'has keys of 1024 bits only': [[tooShort], /holds no RSA key for RS256$/],
  }
  for (const [what, [answer, told]] of Object.entries(bad)) {
    it(`keeps the keys it had, and tells: it ${what}`, async (t) => {
      const { server, clock, failures, lookup } = await openJwks(t)
      assert.equal(await lookup(clerk.kid), '1 key')

      const elsewhere = await jwksServer(t, [newKey])
      server.answer = Array.isArray(answer)
        ? serving(answer)
        : (_request, response) => {
            if (typeof answer === 'number') response.writeHead(answer, { location: elsewhere.url }).end()
            else response.end(answer)
          }
      clock.ms = 30_000
      assert.equal(await lookup('ins_new'), 'unavailable')
      assert.equal(await lookup(clerk.kid), '1 key')
      assert.match(String(failures.at(-1)), told)
      assert.equal(elsewhere.requests, 0)
    })
  }

  it('leaves out a key that cannot be used, tells of it, and takes the others', async (t) => {
    const broken = { ...clerk.jwk, kid: 'ins_broken', n: '!' }
    const keys = [null, 7, es256, tooShort, broken, { ...clerk.jwk, key_ops: ['encrypt'] }]
    const { failures, lookup, source } = await openJwks(t, keys)

    assert.equal(await lookup(clerk.kid), '1 key')
    assert.equal(await verdict(source, clerk.token()), 'valid')
    assert.equal(await lookup('ins_short'), 'unknown')
    assert.equal(await lookup('ins_broken'), 'unknown')
    assert.equal(failures.length, 2)
    assert.match(String(failures[0]), /at least 2048 bits; this one has 1024/)
  })

  it('takes a key that says neither alg nor use', async (t) => {
    const { lookup } = await openJwks(t, [{ ...clerk.jwk, alg: undefined, use: undefined }])
    assert.equal(await lookup(clerk.kid), '1 key')
  })
})

describe('jwksKeys, while Clerk is down', () => {
  it('says unavailable when it was down from the start, and has the keys 30 s after it is up', async (t) => {
    const { server, clock, failures, lookup, source } = await openJwks(t)
    await server.stop()
    assert.equal(await lookup(clerk.kid), 'unavailable')
    assert.equal(await verdict(source, clerk.token()), 'key-unavailable')
    assert.equal(source.ready(), false)
    assert.match(String(failures), /fetch failed/)

    await server.start()
    clock.ms = 29_999
    assert.equal(await lookup(clerk.kid), 'unavailable')
    clock.ms = 30_000
    assert.equal(await lookup(clerk.kid), '1 key')
    assert.equal(await verdict(source, clerk.token()), 'valid')
    assert.equal(source.ready(), true)
  })

  it('knows the keys it had for as long as it takes, and says of others that they are unavailable', async (t) => {
    const { server, clock, lookup, source } = await openJwks(t)
    assert.equal(await lookup(clerk.kid), '1 key')
    assert.equal(await lookup('ins_new'), 'unknown')

    await server.stop()
    clock.ms = 24 * 60 * MINUTE_MS
    assert.equal(await verdict(source, clerk.token()), 'valid')
    assert.equal(await lookup('ins_new'), 'unavailable')
    assert.equal(await lookup(clerk.kid), '1 key')
    assert.equal(source.ready(), true)
  })

  it('waits 1.5 s for an answer that does not come, or does not end', async (t) => {
    const silent = await openJwks(t)
    silent.server.answer = () => undefined
    const endless = await openJwks(t)
    endless.server.answer = (_request, response) => response.write('{"keys":[')

    const started = performance.now()
    const found = await Promise.all([silent.lookup(clerk.kid), endless.lookup(clerk.kid)])
    const waitedMs = performance.now() - started

    assert.deepEqual(found, ['unavailable', 'unavailable'])
    assert.ok(waitedMs > 1400 && waitedMs < 5000, `${waitedMs} ms`)
    assert.deepEqual([...silent.failures, ...endless.failures].map(nameOf), ['TimeoutError', 'TimeoutError'])
  })
})

function nameOf(error: unknown): string {
  return error instanceof Error || error instanceof DOMException ? error.name : String(error)
}

describe('jwksKeys, when a fetch is never heard of again', () => {
  it('is unavailable to each request in bounded time, and fetches anew half a minute later', async (t) => {
    const { clock, source, server, lookup } = await openJwks(t)
    t.mock.method(globalThis, 'fetch', () => Promise.withResolvers<never>().promise, { times: 1 })
    assert.equal(await lookup(clerk.kid), 'unavailable')
    assert.equal(server.requests, 0)
    clock.ms = 30_000
    assert.equal(await lookup(clerk.kid), '1 key')
    assert.equal(source.ready(), true)
  })
})

describe('jwksKeys, after ten minutes', () => {
  it('fetches in the background, and meanwhile answers at once with the key it has', async (t) => {
    const fetched = t.mock.method(globalThis, 'fetch')
    const { server, clock, lookup, source } = await openJwks(t)
    assert.equal(await lookup(clerk.kid), '1 key')
    const { answer, release } = held(serving([newKey]))
    server.answer = answer

    clock.ms = 10 * MINUTE_MS - 1
    assert.ok(Array.isArray(source.keysFor(clerk.kid)))
    assert.equal(fetched.mock.callCount(), 1)

    clock.ms = 10 * MINUTE_MS
    assert.ok(Array.isArray(source.keysFor(clerk.kid)))
    await t.waitFor(() => assert.equal(server.requests, 2), PATIENCE)
    assert.ok(Array.isArray(source.keysFor(clerk.kid)))
    release()
    assert.equal(await lookup('ins_new'), '1 key')
    assert.equal(server.requests, 2)
  })

  it('tries again every 30 s until a fetch succeeds', async (t) => {
    const fetched = t.mock.method(globalThis, 'fetch')
    const { server, clock, failures, lookup, source } = await openJwks(t)
    assert.equal(await lookup(clerk.kid), '1 key')

    server.answer = (_request, response) => response.writeHead(500).end()
    for (const [ms, failed] of [
      [600_000, 1],
      [629_999, 1],
      [630_000, 2],
      [660_000, 3],
    ] as const) {
      clock.ms = ms
      source.keepFresh()
      await t.waitFor(() => assert.equal(failures.length, failed), PATIENCE)
    }
    assert.equal(fetched.mock.callCount(), 4)

    server.answer = serving([clerk.jwk])
    clock.ms = 690_000
    source.keepFresh()
    assert.equal(await lookup('ins_new'), 'unknown')
    clock.ms = 690_000 + 599_999
    source.keepFresh()
    assert.equal(fetched.mock.callCount(), 5)
  })

  it('fetches for keepFresh alone, so that the keys are there before the first token', async (t) => {
    const { server, source } = await openJwks(t)
    source.keepFresh()
    source.keepFresh()
    await t.waitFor(() => assert.equal(source.ready(), true), PATIENCE)
    assert.ok(Array.isArray(source.keysFor(clerk.kid)))
    assert.equal(server.requests, 1)
  })
})
