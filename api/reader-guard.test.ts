/**
 * Every route of the app is walked, so that one that is added later without the guard is found: what is not on the list
 * of open routes must refuse who is no reader.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Hono } from 'hono'
import { openTestApp, type TestApp, type TestAppOptions } from '../test/app.ts'
import { sessionClaims, signedToken, strangerKey, TOKEN_TIME } from '../test/clerk-instance.ts'
import { parseRange, type AddressRange } from './client-address.ts'

/** Whoever comes may call these. `/metrics` is not among them: it is open to a peer on loopback alone. */
const openRoutes = [
  'DELETE /v1/auth/session',
  'OPTIONS /v1/auth/session',
  'ALL /v1/auth/session',
  'POST /v1/webhooks/clerk',
  'GET /livez',
  'GET /readyz',
  'GET /openapi.json',
  'GET /docs',
  'GET /dashboard',
  'GET /dashboard/',
  'GET /dashboard/sessions',
  'GET /dashboard/live',
  'GET /dashboard/config.json',
  'GET /dashboard/assets/:file',
]

const KEY = 'k'.repeat(32)
const USER = 'user_support'
const ORIGIN = 'https://app.example.com'

function open(options: TestAppOptions = {}): Promise<TestApp> {
  return openTestApp({
    readerKeys: [{ name: 'support', secret: KEY }],
    readerUserIds: [USER],
    settings: { allowedOrigins: [ORIGIN] },
    ...options,
  })
}

interface Attempt {
  who: string
  headers: Record<string, string>
  code: 'unauthorized' | 'forbidden'
}

/** Everybody who is no reader, with what is due to them. */
function strangers({ clerk }: TestApp): Attempt[] {
  const bearer = (credential: string) => ({ Authorization: `Bearer ${credential}` })
  const cookie = (value: string) => ({ Cookie: `__session=${value}`, Origin: ORIGIN })
  const iat = TOKEN_TIME / 1000 - 3600
  const expired = clerk.token({ sub: USER, iat, nbf: iat, exp: iat + 60 })
  const forged = signedToken(
    { ...sessionClaims(clerk.issuer), sub: USER },
    { header: {}, key: strangerKey() },
  )
  const act = { iss: 'https://dashboard.clerk.com', sid: 'sess_8', sub: 'user_8' }
  return [
    { who: 'nobody', headers: {}, code: 'unauthorized' },
    { who: 'a wrong key', headers: bearer('w'.repeat(32)), code: 'unauthorized' },
    { who: 'a session in a cookie', headers: cookie(clerk.token({ sub: USER })), code: 'unauthorized' },
    { who: 'a key in a cookie', headers: cookie(KEY), code: 'unauthorized' },
    { who: 'a forged token', headers: bearer(forged), code: 'unauthorized' },
    { who: 'an expired token', headers: bearer(expired), code: 'unauthorized' },
    {
      who: 'a pending session',
      headers: bearer(clerk.token({ sub: USER, sts: 'pending' })),
      code: 'forbidden',
    },
    { who: 'an impersonated session', headers: bearer(clerk.token({ sub: USER, act })), code: 'forbidden' },
    { who: 'a user who is not listed', headers: bearer(clerk.token()), code: 'forbidden' },
  ]
}

function readers({ clerk }: TestApp): Pick<Attempt, 'who' | 'headers'>[] {
  return [
    { who: 'a key', headers: { Authorization: `Bearer ${KEY}` } },
    { who: 'a session', headers: { Authorization: `Bearer ${clerk.token({ sub: USER })}` } },
  ]
}

interface Route {
  method: string
  path: string
}

function named({ method, path }: Route): string {
  return `${method} ${path}`
}

function guardedRoutes(app: Hono): Route[] {
  return app.routes.filter((route) => !openRoutes.includes(named(route)))
}

let callers = 0

/** Each call comes from an address of its own, so that none is refused for what others sent. */
async function call(app: Hono, { method, path }: Route, headers: Record<string, string>): Promise<Response> {
  callers += 1
  const remoteAddress = `10.${callers >> 16}.${(callers >> 8) & 255}.${callers & 255}`
  const filled = path.replaceAll(/:\w+(\{[^}]*\})?\??/g, 'sess_1').replaceAll('*', 'any')
  const verb = method === 'ALL' ? 'GET' : method
  const response = await app.request(
    filled,
    { method: verb, headers },
    { incoming: { socket: { remoteAddress } } },
  )
  // A stream that nobody reads would go on.
  if (response.status < 300) await response.body?.cancel()
  return response
}

async function codeOf(response: Response): Promise<string> {
  if (response.headers.get('content-type') !== 'application/problem+json') return `${response.status}`
  return ((await response.json()) as { code: string }).code
}

/** Where somebody who is no reader is not refused as they should be. */
async function holesIn(service: TestApp): Promise<string[]> {
  const holes = []
  for (const route of guardedRoutes(service.app)) {
    for (const { who, headers, code } of strangers(service)) {
      const response = await call(service.app, route, headers)
      const { status } = response
      const answered = await codeOf(response)
      if (status < 400 || answered !== code) holes.push(`${named(route)} for ${who}: ${status} ${answered}`)
    }
  }
  return holes
}

describe('every route that is not open', () => {
  it('refuses whoever is no reader', async () => {
    await using service = await open()

    assert.deepEqual(await holesIn(service), [])
  })

  it('lets in a key and a session of a listed user', async () => {
    await using service = await open()

    for (const route of guardedRoutes(service.app)) {
      for (const { who, headers } of readers(service)) {
        const { status } = await call(service.app, route, headers)
        assert.ok(![401, 403, 429].includes(status), `${named(route)} for ${who}: ${status}`)
      }
    }
  })

  it('says that no cache may keep its answer, whatever it is', async () => {
    await using service = await open()

    for (const route of guardedRoutes(service.app)) {
      for (const { who, headers } of [...strangers(service), ...readers(service)]) {
        const response = await call(service.app, route, headers)
        assert.equal(response.headers.get('cache-control'), 'no-store', `${named(route)} for ${who}`)
      }
    }
  })

  it('names both credentials and every refusal in the OpenAPI document', async () => {
    await using service = await open()
    const { paths } = (await (await service.app.request('/openapi.json')).json()) as {
      paths: Record<string, Record<string, { security?: object[]; responses: Record<string, unknown> }>>
    }

    for (const { method, path } of guardedRoutes(service.app)) {
      const operation = paths[path.replaceAll(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()]
      const schemes = operation?.security?.flatMap((requirement) => Object.keys(requirement))
      assert.deepEqual(schemes, ['readerKey', 'clerkSession'], path)
      for (const status of ['401', '403', '429', '503'])
        assert.ok(status in (operation?.responses ?? {}), `${path} ${status}`)
    }
  })

  it('is found by this walk when somebody forgets the guard', async () => {
    await using service = await open()
    service.app.get('/v1/forgotten/:id', (c) => c.json([]))
    service.app.post('/v1/forgotten', (c) => c.json([]))

    const found = new Set((await holesIn(service)).map((hole) => hole.replace(/ for .*/, '')))

    assert.deepEqual([...found], ['GET /v1/forgotten/:id', 'POST /v1/forgotten'])
  })

  it('is every route but those of the list, which are all there', async () => {
    await using service = await open()
    const routes = service.app.routes.map(named)

    assert.deepEqual(
      openRoutes.filter((route) => !routes.includes(route)),
      [],
    )
    assert.ok(guardedRoutes(service.app).length >= 2)
  })

  it('is the same in development mode, which adds /dev/token and nothing else', async () => {
    await using service = await open()
    await using development = await open({ developmentToken: async () => 'a.b.c' })
    const usual = service.app.routes.map(named)

    assert.deepEqual(
      development.app.routes.map(named).filter((route) => !usual.includes(route)),
      ['ALL /*', 'GET /dev/token'],
    )
  })
})

/** Calls a read route from this peer, with a wrong key or the right one. */
function asker({ app }: TestApp) {
  return (credential: string, remoteAddress: string, forwardedFor?: string) =>
    app.request(
      '/v1/sessions/sess_1',
      {
        headers: {
          Authorization: `Bearer ${credential}`,
          ...(forwardedFor !== undefined && { 'X-Forwarded-For': forwardedFor }),
        },
      },
      { incoming: { socket: { remoteAddress } } },
    )
}

async function guessTen(ask: ReturnType<typeof asker>, ...from: [string, string?]): Promise<void> {
  for (let guess = 0; guess < 10; guess += 1) assert.equal((await ask('wrong', ...from)).status, 401)
}

describe('a reader who is refused', () => {
  it('is told with 401 how to come back', async () => {
    await using service = await open()

    const response = await service.app.request('/v1/sessions/sess_1')

    assert.equal(response.headers.get('www-authenticate'), 'Bearer')
    assert.equal(response.headers.get('retry-after'), null)
  })

  it('is answered 429 after ten guesses, with Retry-After, until the minute is over', async () => {
    const clock = { ms: TOKEN_TIME }
    await using service = await open({ now: () => clock.ms })
    const ask = asker(service)
    await guessTen(ask, '203.0.113.7')

    const response = await ask(KEY, '203.0.113.7')
    assert.equal(response.status, 429)
    assert.equal(response.headers.get('retry-after'), '60')
    assert.equal(response.headers.get('www-authenticate'), null)
    assert.equal(await codeOf(response), 'rate-limited')
    assert.equal((await ask(KEY, '203.0.113.8')).status, 404)

    clock.ms += 60_000
    assert.equal((await ask(KEY, '203.0.113.7')).status, 404)
  })

  it('is one with all of its /64', async () => {
    await using service = await open()
    const ask = asker(service)
    await guessTen(ask, '2001:db8:1:2::1')

    assert.equal((await ask(KEY, '2001:db8:1:2:ffff::2')).status, 429)
    assert.equal((await ask(KEY, '2001:db8:1:3::1')).status, 404)
  })

  it('is the client behind a trusted proxy, whatever IP_POLICY keeps of addresses', async () => {
    const trustedProxies = [parseRange('10.0.0.0/8') as AddressRange]
    await using service = await open({
      settings: { addresses: { trustedProxies, policy: 'drop' } },
    })
    const ask = asker(service)
    await guessTen(ask, '10.0.0.1', '203.0.113.7')

    assert.equal((await ask(KEY, '10.0.0.2', '198.51.100.1, 203.0.113.7')).status, 429)
    assert.equal((await ask(KEY, '10.0.0.1', '203.0.113.8')).status, 404)
  })

  it('cannot change its address with a header that nobody vouches for', async () => {
    await using service = await open()
    const ask = asker(service)
    await guessTen(ask, '203.0.113.7', '198.51.100.1')

    assert.equal((await ask(KEY, '203.0.113.7', '198.51.100.2')).status, 429)
  })

  it('is refused at /metrics too, and a peer on loopback is not', async () => {
    await using service = await open()
    await guessTen(asker(service), '203.0.113.7')
    const metrics = (remoteAddress: string) =>
      service.app.request(
        '/metrics',
        { headers: { Authorization: `Bearer ${KEY}` } },
        {
          incoming: { socket: { remoteAddress } },
        },
      )

    assert.equal((await metrics('203.0.113.7')).status, 429)
    assert.equal((await metrics('127.0.0.1')).status, 200)
  })

  it('is counted by what it was told', async () => {
    await using service = await open()
    const ask = asker(service)
    await guessTen(ask, '203.0.113.7')
    await ask(KEY, '203.0.113.7')
    await ask(service.clerk.token(), '203.0.113.8')
    await ask(KEY, '203.0.113.8')

    const text = await (
      await service.app.request('/metrics', { headers: { Authorization: `Bearer ${KEY}` } })
    ).text()

    const counted = [...text.matchAll(/^logout_trail_read_refusals_total\{code="(.*)"\} (\d+)$/gm)]
    assert.deepEqual(
      counted.map(([, code, count]) => `${code} ${count}`),
      ['unauthorized 10', 'rate-limited 1', 'forbidden 1'],
    )
  })
})
