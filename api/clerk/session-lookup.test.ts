/** What is made of answers that Clerk's stand-in never gives: the real @clerk/backend, and a server that says what it is told to. */
import assert from 'node:assert/strict'
import { createServer, type OutgoingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { testClerk } from '../../test/clerk-instance.ts'
import type { SessionId } from '../../trail/entry.ts'
import { backendClient } from './backend.ts'
import { jwksKeys, pemKeys } from './keys.ts'
import { instanceOf } from './same-instance.ts'
import { sessionLookUp } from './session-lookup.ts'

const ASKED = 'sess_1' as SessionId

interface Told {
  status?: number
  body?: object | string
  headers?: OutgoingHttpHeaders
}

/** A client of a server that gives this answer to everything. */
async function clientOf(t: TestContext, { status = 200, body = '', headers = {} }: Told) {
  const server = createServer((_request, response) => {
    const type = typeof body === 'string' ? 'text/html' : 'application/json'
    response.writeHead(status, { 'content-type': type, ...headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return backendClient({ secretKey: 'sk_test_1', apiUrl: `http://127.0.0.1:${port}` })
}

async function answerTo(t: TestContext, told: Told) {
  return sessionLookUp(await clientOf(t, told), 'truncate')(ASKED)
}

const session = { object: 'session', id: ASKED, user_id: 'user_1', client_id: 'client_1', status: 'expired' }
const clerkError = (code: string) => ({ errors: [{ code, message: 'No.', long_message: 'No, it is not.' }] })

describe('the look-up of a session', () => {
  it('gives what Clerk says of it', async (t) => {
    const answer = await answerTo(t, { body: session })
    assert.equal(answer.is === 'session' && answer.status, 'expired')
  })

  it('takes a 404 for a session that Clerk does not have only when it is Clerk’s', async (t) => {
    const clerks = await answerTo(t, { status: 404, body: clerkError('resource_not_found') })
    assert.deepEqual(clerks, { is: 'unknown' })
    for (const body of ['<h1>404 Not Found</h1>', '', { message: 'no Route matched' }, { errors: [] }]) {
      const answer = await answerTo(t, { status: 404, body })
      assert.equal(answer.is, 'failed')
      assert.match(
        String(answer.is === 'failed' && answer.error),
        /404 is not Clerk’s Backend API: see CLERK_API_URL/,
      )
    }
  })

  it('does not take an answer about another session', async (t) => {
    const answer = await answerTo(t, { body: { ...session, id: 'sess_2' } })
    assert.equal(answer.is, 'unusable')
    assert.match(String(answer.is === 'unusable' && answer.error), /about sess_2/)
  })

  it('takes what it cannot read for an answer about that session alone', async (t) => {
    for (const body of [{ ...session, user_id: 7 }, {}, '<h1>Hello</h1>']) {
      assert.equal((await answerTo(t, { body })).is, 'unusable', JSON.stringify(body))
    }
    assert.equal((await answerTo(t, { status: 400, body: clerkError('form_invalid') })).is, 'unusable')
  })

  it('takes an error of the server, a refused key and half an answer for a Clerk that cannot be asked', async (t) => {
    for (const told of [
      { status: 500, body: clerkError('internal_clerk_error') },
      { status: 502, body: '<h1>Bad Gateway</h1>' },
      { status: 401, body: clerkError('clerk_key_invalid') },
      { status: 403, body: 'Forbidden' },
      { status: 451, body: 'Not here' },
      { status: 200, body: '{"object":', headers: { 'content-type': 'application/json' } },
    ]) {
      assert.equal((await answerTo(t, told)).is, 'failed', JSON.stringify(told))
    }
  })

  for (const [retryAfter, seconds] of [
    ['7', 7],
    ['0', 1],
    ['-5', 1],
    ['86400', 3600],
    ['99999999999999999999', 3600],
    ['Wed, 25 Nov 2026 07:28:00 GMT', 10],
    [undefined, 10],
  ] as const) {
    it(`waits ${seconds} s when Clerk is busy with Retry-After ${retryAfter ?? 'left out'}`, async (t) => {
      const headers = retryAfter === undefined ? {} : { 'retry-after': retryAfter }
      const answer = await answerTo(t, { status: 429, body: clerkError('too_many_requests'), headers })
      assert.deepEqual(answer, { is: 'busy', retryAfterMs: seconds * 1000 })
    })
  }
})

describe('the instance of the secret key', () => {
  const ours = testClerk()
  const another = testClerk()
  const keys = pemKeys([another.publicPem, ours.publicPem])

  it('is ours when it has a key in common with the session tokens', async (t) => {
    const client = await clientOf(t, { body: { keys: [testClerk().jwk, ours.jwk] } })
    assert.deepEqual(await instanceOf(client, keys)(), { is: 'ours' })
  })

  it('is another when it has none, also with the same kid', async (t) => {
    const client = await clientOf(t, { body: { keys: [{ ...testClerk().jwk, kid: ours.kid }] } })
    assert.deepEqual(await instanceOf(client, keys)(), { is: 'another' })
  })

  it('is not known while Clerk cannot be asked, or gives no key', async (t) => {
    for (const told of [
      { status: 500, body: 'no' },
      { status: 404, body: clerkError('resource_not_found') },
      { body: '<h1>Hello</h1>' },
      { body: { keys: [] } },
    ]) {
      assert.equal((await instanceOf(await clientOf(t, told), keys)()).is, 'failed', JSON.stringify(told))
    }
  })

  it('is not known while the keys of the session tokens cannot be had', async (t) => {
    const client = await clientOf(t, { body: { keys: [ours.jwk] } })
    const none = jwksKeys({ url: 'http://127.0.0.1:1/jwks.json' })
    assert.equal((await instanceOf(client, none)()).is, 'failed')
  })
})
