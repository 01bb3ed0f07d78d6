import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openTestApp, type TestAppOptions } from '../../test/app.ts'
import type { DashboardFile, DashboardFiles } from '../dashboard-files.ts'
import { pages } from './dashboard.ts'

function file(text: string, contentType: string): DashboardFile {
  const bytes = new TextEncoder().encode(text)
  return { contentType, body: bytes, gzipped: new Uint8Array([31, 139]) }
}

const files: DashboardFiles = {
  page: file('<!doctype html>', 'text/html; charset=utf-8'),
  assets: new Map([['index-Ab1.js', file('run()', 'text/javascript; charset=utf-8')]]),
}

const clerk = { publishableKey: 'pk_test_eA==', frontendApi: 'a.clerk.accounts.dev' }

function open(options: TestAppOptions = {}) {
  return openTestApp({ dashboard: { files, clerk: null }, ...options })
}

describe('GET /dashboard', () => {
  it('is a page of its own service: no cache keeps it, and it loads nothing from elsewhere', async () => {
    await using service = await open()

    for (const path of pages) {
      const response = await service.app.request(path)
      assert.equal(await response.text(), '<!doctype html>')
      assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8')
      assert.equal(response.headers.get('cache-control'), 'no-store')
      assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
      assert.equal(response.headers.get('referrer-policy'), 'no-referrer')
      assert.equal(
        response.headers.get('content-security-policy'),
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
          "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      )
    }
  })

  it('may talk to Clerk’s host, and to no other, where people sign in with Clerk', async () => {
    await using service = await open({ dashboard: { files, clerk } })

    const policy = (await service.app.request('/dashboard')).headers.get('content-security-policy') ?? ''

    assert.match(policy, /script-src 'self' https:\/\/a\.clerk\.accounts\.dev;/)
    assert.match(policy, /connect-src 'self' https:\/\/a\.clerk\.accounts\.dev;/)
    assert.deepEqual(new Set(policy.match(/https:\S+?(?=;| )/g)), new Set(['https://a.clerk.accounts.dev']))
  })

  it('leads there with a slash at the end too', async () => {
    await using service = await open()

    const response = await service.app.request('/dashboard/')

    assert.equal(response.status, 308)
    assert.equal(
      new URL(response.headers.get('location') ?? '', 'http://x/dashboard/').pathname,
      '/dashboard',
    )
  })

  it('says how to build it when it is missing', async () => {
    await using service = await open({ dashboard: { files: null, clerk: null } })

    const response = await service.app.request('/dashboard')

    assert.equal(response.status, 503)
    assert.match(await response.text(), /npm run build/)
  })

  it('is no other path', async () => {
    await using service = await open()

    assert.equal((await service.app.request('/dashboard/nowhere')).status, 404)
    assert.equal((await service.app.request('/dashboard', { method: 'POST' })).status, 405)
  })
})

describe('GET /dashboard/assets', () => {
  it('may be kept for ever: a name says what is in it', async () => {
    await using service = await open()

    const response = await service.app.request('/dashboard/assets/index-Ab1.js')

    assert.equal(await response.text(), 'run()')
    assert.equal(response.headers.get('cache-control'), 'public, max-age=31536000, immutable')
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
  })

  it('is packed for who takes that', async () => {
    await using service = await open()
    const headers = { 'Accept-Encoding': 'br, gzip' }

    const response = await service.app.request('/dashboard/assets/index-Ab1.js', { headers })

    assert.equal(response.headers.get('content-encoding'), 'gzip')
    assert.equal(response.headers.get('vary'), 'Accept-Encoding')
    assert.equal((await response.arrayBuffer()).byteLength, 2)
  })

  it('has no file but its own', async () => {
    await using service = await open()

    for (const name of ['index-old.js', '..%2f..%2fpackage.json', 'constructor']) {
      assert.equal((await service.app.request(`/dashboard/assets/${name}`)).status, 404, name)
    }
  })
})

describe('GET /dashboard/config.json', () => {
  const told = async (options: TestAppOptions) => {
    await using service = await open(options)
    const response = await service.app.request('/dashboard/config.json', { headers: { Host: 'localhost' } })
    assert.equal(response.headers.get('cache-control'), 'no-store')
    return response.json()
  }

  it('says how the service is set up, and nothing secret', async () => {
    assert.partialDeepStrictEqual(await told({ readerKeys: [{ name: 'a', secret: 's'.repeat(32) }] }), {
      clerk: null,
      development: false,
      logout_endpoint: true,
      webhooks: false,
    })
  })

  it('names Clerk’s host, development mode, and an endpoint that is off', async () => {
    assert.partialDeepStrictEqual(
      await told({
        dashboard: { files, clerk },
        developmentToken: async () => 'a.b.c',
        settings: { logoutEndpoint: false },
      }),
      {
        clerk: { publishable_key: 'pk_test_eA==', frontend_api: 'a.clerk.accounts.dev' },
        development: true,
        logout_endpoint: false,
      },
    )
  })
})
