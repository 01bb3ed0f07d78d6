import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openTestApp, type TestApp } from '../test/app.ts'
import { problemStatus } from './problem.ts'

const LOOPBACK = { incoming: { socket: { remoteAddress: '127.0.0.1' } } }
const ELSEWHERE = { incoming: { socket: { remoteAddress: '203.0.113.7' } } }
const KEY = { name: 'prometheus', secret: 'p'.repeat(32) }

interface Described {
  responses: Record<string, { content?: Record<string, { example?: unknown; schema?: unknown }> }>
  operationId: string
}

interface DocumentOfTest {
  openapi: string
  paths: Record<string, Record<string, Described>>
}

async function documentOf({ app }: TestApp): Promise<DocumentOfTest> {
  return (await (await app.request('/openapi.json')).json()) as DocumentOfTest
}

async function codeOf(response: Response): Promise<string> {
  assert.equal(response.headers.get('content-type'), 'application/problem+json')
  return ((await response.json()) as { code: string }).code
}

describe('/livez', () => {
  it('answers as long as the process does', async () => {
    await using service = await openTestApp({ notReady: async () => 'trail: gone' })

    const response = await service.app.request('/livez')

    assert.equal(response.status, 200)
    assert.deepEqual(await response.json(), { status: 'alive' })
  })
})

describe('/readyz', () => {
  it('answers 200 when logouts can be verified and recorded', async () => {
    await using service = await openTestApp()

    const response = await service.app.request('/readyz')

    assert.equal(response.status, 200)
    assert.deepEqual(await response.json(), { status: 'ready' })
  })

  it('answers 503 and says what is missing', async () => {
    await using service = await openTestApp({
      notReady: async () => 'keys: no key of Clerk could be fetched yet.',
    })

    const response = await service.app.request('/readyz')

    assert.equal(response.status, 503)
    assert.deepEqual(await response.json(), {
      type: 'about:blank',
      title: 'Not ready',
      status: 503,
      detail: 'keys: no key of Clerk could be fetched yet.',
      code: 'not-ready',
    })
  })
})

describe('/metrics', () => {
  it('answers a peer on loopback', async () => {
    await using service = await openTestApp()
    await service.logout(service.clerk.token())
    await service.logout('not.a.token')

    const response = await service.app.request('/metrics', {}, LOOPBACK)

    assert.equal(response.status, 200)
    const text = await response.text()
    assert.match(text, /^logout_trail_logouts_total\{record="durable"\} 1$/m)
    assert.match(text, /^logout_trail_logouts_total\{record="anonymous"\} 1$/m)
    assert.match(text, /^logout_trail_refusals_total\{cause="malformed-token"\} 1$/m)
    assert.match(text, /^logout_trail_pending_reports 0$/m)
  })

  it('answers a reader from anywhere, by Authorization only', async () => {
    await using service = await openTestApp({ readerKeys: [KEY] })
    const get = (headers: Record<string, string>) => service.app.request('/metrics', { headers }, ELSEWHERE)

    assert.equal((await get({ Authorization: `Bearer ${KEY.secret}` })).status, 200)
    assert.equal(await codeOf(await get({ Authorization: 'Bearer wrong' })), 'unauthorized')
    assert.equal(await codeOf(await get({ Cookie: `key=${KEY.secret}` })), 'unauthorized')
    assert.equal(await codeOf(await get({})), 'unauthorized')
  })

  it('takes a proxy on loopback for whoever it speaks for', async () => {
    await using service = await openTestApp()

    const response = await service.app.request(
      '/metrics',
      { headers: { 'X-Forwarded-For': '203.0.113.7' } },
      LOOPBACK,
    )

    assert.equal(response.status, 401)
  })

  it('answers anyone with METRICS=open', async () => {
    await using service = await openTestApp({ settings: { metricsOpen: true } })

    assert.equal((await service.app.request('/metrics', {}, ELSEWHERE)).status, 200)
  })
})

describe('/openapi.json', () => {
  it('is OpenAPI 3.1 with every route of the service', async () => {
    await using service = await openTestApp()

    const document = await documentOf(service)

    assert.equal(document.openapi, '3.1.0')
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    // The parts of the dashboard's page are its own affair.
    const routes = service.app.routes.filter(
      ({ method, path }) => method !== 'ALL' && method !== 'OPTIONS' && !path.startsWith('/dashboard/'),
    )
    assert.deepEqual(described, [
      ...new Set(routes.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/, '{$1}')}`)),
    ])
  })

  it('has an example for each status of each operation', async () => {
    await using service = await openTestApp()

    const { paths } = await documentOf(service)

    for (const operation of Object.values(paths).flatMap((methods) => Object.values(methods))) {
      for (const [status, { content }] of Object.entries(operation.responses)) {
        if (status === '204') continue
        const examples = Object.values(content ?? {}).map((media) => media.example)
        assert.ok(examples.length > 0 && examples.every(Boolean), `${operation.operationId} ${status}`)
      }
    }
  })

  it('gives as examples of logout what is really answered', async () => {
    await using service = await openTestApp()
    const { paths } = await documentOf(service)

    const answer: unknown = await (await service.logout(service.clerk.token())).json()

    const example =
      paths['/v1/auth/session']?.['delete']?.responses['200']?.content?.['application/json']?.example
    assert.deepEqual(example, answer)
  })

  it('lists the codes of problems, and no others', async () => {
    await using service = await openTestApp()

    const document = (await (await service.app.request('/openapi.json')).json()) as {
      components: { schemas: { Problem: { properties: { code: { enum: string[] } } } } }
    }

    assert.deepEqual(document.components.schemas.Problem.properties.code.enum, Object.keys(problemStatus))
  })
})

describe('/docs', () => {
  it('is a page that loads nothing from elsewhere', async () => {
    await using service = await openTestApp()

    const response = await service.app.request('/docs')
    const page = await response.text()

    assert.match(response.headers.get('content-type') ?? '', /^text\/html/)
    assert.match(response.headers.get('content-security-policy') ?? '', /default-src 'none'/)
    assert.match(page, /DELETE \/v1\/auth\/session/)
    assert.doesNotMatch(page, /<script|<link|<img|@import|url\(|src=|https?:\/\//)
  })
})

describe('a call that nobody answers', () => {
  it('is 404 where there is nothing', async () => {
    await using service = await openTestApp()

    assert.equal(await codeOf(await service.app.request('/v1/nothing')), 'not-found')
  })

  it('is 405 with Allow where there are other methods', async () => {
    await using service = await openTestApp()

    const response = await service.app.request('/livez', { method: 'POST' })

    assert.equal(response.headers.get('allow'), 'GET, HEAD')
    assert.equal(await codeOf(response), 'method-not-allowed')
  })

  it('is 405 too where a part of the path is a parameter, and 404 where it is missing', async () => {
    await using service = await openTestApp({ developmentToken: async () => 'a.b.c' })
    const headers = { Host: 'localhost' }

    const response = await service.app.request('/v1/sessions/sess_1', { method: 'DELETE', headers })

    assert.equal(response.headers.get('allow'), 'GET, HEAD')
    assert.equal(await codeOf(response), 'method-not-allowed')
    for (const path of ['/v1/sessions/', '/v1/sessions/sess_1/more', '/v1/other/sess_1']) {
      const nothing = await service.app.request(path, { method: 'DELETE', headers })
      assert.equal(await codeOf(nothing), 'not-found', path)
    }
  })

  it('is 500 without details when something of ours breaks, and the operator is told', async () => {
    await using service = await openTestApp({ notReady: () => Promise.reject(new Error('a secret detail')) })

    const response = await service.app.request('/readyz')

    assert.equal(response.status, 500)
    assert.doesNotMatch(await response.text(), /a secret detail/)
    assert.deepEqual(
      service.errors.map((error) => error.message),
      ['a secret detail'],
    )
  })
})

describe('development mode', () => {
  const developmentToken = async () => 'a.b.c'

  it('gives a token as plain text to this machine', async () => {
    await using service = await openTestApp({ developmentToken })

    for (const host of ['localhost:8787', '127.0.0.1:8787', '[::1]:8787', 'localhost']) {
      const response = await service.app.request('/dev/token', { headers: { Host: host } })
      assert.equal(response.status, 200)
      assert.match(response.headers.get('content-type') ?? '', /^text\/plain/)
      assert.equal(await response.text(), 'a.b.c')
    }
  })

  it('answers nothing under another name', async () => {
    await using service = await openTestApp({ developmentToken })

    for (const path of ['/dev/token', '/livez', '/v1/auth/session']) {
      const response = await service.app.request(path, { headers: { Host: 'rebound.example:8787' } })
      assert.equal(await codeOf(response), 'forbidden')
    }
  })

  it('does not exist with a Clerk instance', async () => {
    await using service = await openTestApp()

    assert.equal((await service.app.request('/dev/token')).status, 404)
    assert.equal('/dev/token' in (await documentOf(service)).paths, false)
  })
})
