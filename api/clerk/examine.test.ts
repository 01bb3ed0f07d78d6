import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { testClerk } from '../../test/clerk-instance.ts'
import { jwksServer } from '../../test/jwks-server.ts'
import { fetchedKeys, givenKeys, trySecretKey } from './examine.ts'

const clerk = testClerk()

describe('fetchedKeys', () => {
  it('names the same key as the PEM does', async (t) => {
    const { url } = await jwksServer(t, [clerk.jwk])
    const { keys } = await fetchedKeys(url)
    const given = await givenKeys([clerk.publicPem])
    assert.ok(keys.is === 'fetched' && given.is === 'given')
    assert.equal(keys.keys[0]?.kid, clerk.kid)
    assert.equal(keys.keys[0]?.thumbprint, given.keys[0]?.thumbprint)
  })

  for (const [what, status, body, why] of [
    ['a redirect', 302, '', 'it answered 302'],
    ['a page of something else', 200, '<html>', 'it answered something that is not JSON'],
    ['no usable key', 200, '{"keys":[null,{"kty":"EC","kid":"a"}]}', 'it holds no RSA key for RS256'],
  ] as const) {
    it(`says of ${what}: ${why}`, async (t) => {
      const server = await jwksServer(t)
      server.answer = (_request, response) => response.writeHead(status, { location: '/' }).end(body)
      assert.deepEqual((await fetchedKeys(server.url)).keys, { is: 'failed', url: server.url, why })
      assert.equal(server.requests, 1)
    })
  }

  it('says why nobody answered', async (t) => {
    const server = await jwksServer(t)
    await server.stop()
    const { keys, clock } = await fetchedKeys(server.url)
    assert.deepEqual(keys, { is: 'failed', url: server.url, why: 'ECONNREFUSED' })
    assert.equal(clock, null)
  })

  it('compares the clock with when the answer was written, also when a cache kept it', async (t) => {
    const server = await jwksServer(t)
    for (const [date, age, isAhead] of [
      [10_000, 0, true],
      [10_000, 10, false],
      [0, 0, false],
    ] as const) {
      server.answer = (_request, response) =>
        response
          .writeHead(200, { date: new Date(Date.now() - date).toUTCString(), age: String(age) })
          .end('{}')
      const { clock } = await fetchedKeys(server.url)
      assert.ok(clock)
      assert.equal(clock.aheadMs > 5000, isAhead)
      if (!isAhead) assert.equal(clock.aheadMs, 0)
    }
  })
})

describe('trySecretKey', () => {
  it('says of an address that is not Clerk’s what it answered', async (t) => {
    const server = await jwksServer(t)
    const { origin } = new URL(server.url)
    server.answer = (_request, response) => response.writeHead(404).end('nothing here')
    assert.deepEqual(await trySecretKey('sk_test_a', origin), { is: 'answered', apiUrl: origin, status: 404 })
    server.answer = (_request, response) => response.writeHead(200).end('<html>')
    assert.deepEqual(await trySecretKey('sk_test_a', origin), {
      is: 'failed',
      apiUrl: origin,
      why: 'it holds no RSA key for RS256',
    })
  })
})
