import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { openTestApp, type TestApp } from '../../test/app.ts'
import { encodePart, signedToken, sessionClaims, strangerKey, TOKEN_TIME } from '../../test/clerk-instance.ts'
import type { TrailStore } from '../../trail/store.ts'

const SUCCESS = '{"success":true,"message":"Logged out successfully"}'
const IAT = TOKEN_TIME / 1000
const HOUR = 3600

async function answerOf(response: Response): Promise<[number, string | null, string]> {
  return [response.status, response.headers.get('logout-record'), await response.text()]
}

/** A store whose disk hangs until it is told to go on. */
function hangingUntil(released: Promise<void>) {
  return (store: TrailStore): TrailStore => ({
    ...bound(store),
    append: async (batch, recordedAt) => {
      await released
      return store.append(batch, recordedAt)
    },
  })
}

/** A store whose disk is gone. */
const failing = (store: TrailStore): TrailStore => ({
  ...bound(store),
  append: () => Promise.reject(new Error('disk I/O error')),
})

function bound(store: TrailStore): TrailStore {
  return {
    append: (batch, recordedAt) => store.append(batch, recordedAt),
    read: (after, limit) => store.read(after, limit),
    head: () => store.head(),
    check: () => store.check(),
    close: () => store.close(),
  }
}

describe('DELETE /v1/auth/session', () => {
  it('records a valid session token as one durable entry, committed before the answer', async () => {
    await using service = await openTestApp()

    const response = await service.logout(service.clerk.token())

    assert.deepEqual(await answerOf(response), [200, 'durable', SUCCESS])
    const [entry, ...more] = await service.entries()
    assert.deepEqual(more, [])
    assert.equal(entry?.kind, 'logout.requested')
    assert.equal(entry.session_id, 'sess_2aBcDeFgHiJkLmNoPqRsTuVwXyZ')
    assert.equal(entry.user_id, 'user_2aBcDeFgHiJkLmNoPqRsTuVwXyZ')
    assert.equal(entry.token_state, 'valid')
  })

  it('answers as application/json that no cache keeps', async () => {
    await using service = await openTestApp()

    const { headers } = await service.logout(service.clerk.token())

    assert.equal(headers.get('content-type'), 'application/json')
    assert.equal(headers.get('cache-control'), 'no-store')
    assert.equal(headers.get('clear-site-data'), null)
  })

  it('records every fact that the request and its token state', async () => {
    await using service = await openTestApp({
      settings: { addresses: { trustedProxies: [], policy: 'truncate' } },
    })
    const token = service.clerk.token({ o: { id: 'org_1', slg: 'acme' }, act: { sub: 'user_admin' } })

    await service.app.request(
      '/v1/auth/session?intent=idle',
      {
        method: 'DELETE',
        headers: {
          Authorization: `Bearer ${token}`,
          'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64)',
          traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        },
      },
      { incoming: { socket: { remoteAddress: '203.0.113.77' } } },
    )

    const [entry] = await service.entries()
    assert.match(entry?.request_id ?? '', /^[0-9a-f]{32}$/)
    assert.deepEqual(entry, {
      index: 0,
      kind: 'logout.requested',
      source: 'api',
      occurred_at: TOKEN_TIME,
      recorded_at: TOKEN_TIME,
      session_id: 'sess_2aBcDeFgHiJkLmNoPqRsTuVwXyZ',
      user_id: 'user_2aBcDeFgHiJkLmNoPqRsTuVwXyZ',
      client_id: null,
      actor_id: 'user_admin',
      org_id: 'org_1',
      ip: '203.0.113.0',
      user_agent: 'Mozilla/5.0 (X11; Linux x86_64)',
      city: null,
      country: null,
      azp: 'https://app.example.com',
      token_iat: IAT,
      token_state: 'valid',
      request_id: entry?.request_id,
      trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
      clerk_status: null,
      intent: 'idle',
      device_type: null,
      session_created_at: null,
      session_last_active_at: null,
      session_expire_at: null,
      session_abandon_at: null,
    })
  })

  it('records one entry however often the same token is sent', async () => {
    await using service = await openTestApp()
    const token = service.clerk.token()

    const records = []
    for (let sent = 0; sent < 3; sent += 1)
      records.push((await service.logout(token)).headers.get('logout-record'))

    assert.deepEqual(records, ['durable', 'duplicate', 'duplicate'])
    assert.equal((await service.entries()).length, 1)
  })

  it('records one entry for the same token sent twenty times at once', async () => {
    await using service = await openTestApp()
    const token = service.clerk.token()

    const responses = await Promise.all(Array.from({ length: 20 }, () => service.logout(token)))

    const records = responses.map((response) => response.headers.get('logout-record'))
    assert.equal(records.filter((record) => record === 'durable').length, 1)
    assert.equal(records.filter((record) => record === 'duplicate').length, 19)
    assert.equal((await service.entries()).length, 1)
  })

  it('records tomorrow’s logout of a session that survived today’s', async () => {
    let now = TOKEN_TIME
    await using service = await openTestApp({ now: () => now })
    await service.logout(service.clerk.token())
    now += 24 * HOUR * 1000

    const response = await service.logout(
      service.clerk.token({ iat: now / 1000, nbf: now / 1000, exp: now / 1000 + 60 }),
    )

    assert.equal(response.headers.get('logout-record'), 'durable')
    assert.equal((await service.entries()).length, 2)
  })

  it('records an expired token for 24 hours, marked as expired', async () => {
    await using service = await openTestApp()
    const expired = { iat: IAT - 24 * HOUR - 60, nbf: IAT - 24 * HOUR - 70, exp: IAT - 24 * HOUR }

    const response = await service.logout(service.clerk.token(expired))

    assert.deepEqual(await answerOf(response), [200, 'durable', SUCCESS])
    assert.equal((await service.entries())[0]?.token_state, 'expired')
  })

  it('records a session token that is still pending', async () => {
    await using service = await openTestApp()

    const response = await service.logout(service.clerk.token({ sts: 'pending' }))

    assert.equal(response.headers.get('logout-record'), 'durable')
  })

  it('records an unknown intent as none', async () => {
    await using service = await openTestApp()

    const response = await service.logout(service.clerk.token(), {}, '?intent=teleport')

    assert.equal(response.headers.get('logout-record'), 'durable')
    assert.equal((await service.entries())[0]?.intent, null)
    const metrics = await service.app.request(
      '/metrics',
      {},
      { incoming: { socket: { remoteAddress: '::1' } } },
    )
    assert.match(await metrics.text(), /^logout_trail_unknown_intents_total 1$/m)
  })

  it('records the address and user agent as the policy says, and the rest as null', async () => {
    await using service = await openTestApp({
      settings: { addresses: { trustedProxies: [], policy: 'drop' } },
    })

    await service.app.request(
      '/v1/auth/session',
      { method: 'DELETE', headers: { Authorization: `Bearer ${service.clerk.token()}` } },
      { incoming: { socket: { remoteAddress: '203.0.113.77' } } },
    )

    const [entry] = await service.entries()
    assert.equal(entry?.ip, null)
    assert.equal(entry?.user_agent, null)
    assert.equal(entry?.actor_id, null)
    assert.equal(entry?.intent, null)
  })
})

describe('DELETE /v1/auth/session, from somebody who proves nothing', () => {
  const stranger = strangerKey()
  const refusedTokens: [string, string, (service: TestApp) => string][] = [
    ['a forged token', 'bad-signature', ({ clerk }) => forged(clerk.issuer, clerk.kid)],
    ['a malformed token', 'malformed-token', () => 'not.a.token'],
    [
      'a token too long expired',
      'too-old',
      ({ clerk }) => clerk.token({ iat: IAT - 25 * HOUR, nbf: IAT - 25 * HOUR, exp: IAT - 24 * HOUR - 1 }),
    ],
    ['a token that is not valid yet', 'not-yet-valid', ({ clerk }) => clerk.token({ nbf: IAT + 6 })],
    [
      'a token of another issuer',
      'wrong-issuer',
      ({ clerk }) => clerk.token({ iss: 'https://clerk.example.net' }),
    ],
    [
      'a token for another party',
      'wrong-authorized-party',
      ({ clerk }) => clerk.token({ azp: 'https://evil.example' }),
    ],
    ['a token of another algorithm', 'wrong-algorithm', ({ clerk }) => clerk.token({}, { alg: 'HS256' })],
    [
      'a token without an algorithm',
      'wrong-algorithm',
      ({ clerk }) => `${encodePart({ alg: 'none' })}.${encodePart(sessionClaims(clerk.issuer))}.`,
    ],
    [
      'a token of a JWT template',
      'not-a-session-token',
      ({ clerk }) => clerk.token({ sid: undefined, azp: undefined }),
    ],
    [
      'a token of a machine',
      'not-a-session-token',
      ({ clerk }) => clerk.token({}, { cat: 'cl_B7d4PD333AAA' }),
    ],
    [
      'a session id with control characters',
      'invalid-claims',
      ({ clerk }) => clerk.token({ sid: 'sess_1\n{"event":"user_logout"}' }),
    ],
    ['a user id of the wrong type', 'invalid-claims', ({ clerk }) => clerk.token({ sub: 42 })],
  ]
  const options = { clerk: { authorizedParties: ['https://app.example.com'] } }

  function forged(issuer: string, kid: string): string {
    return signedToken(sessionClaims(issuer), { header: { kid }, key: stranger })
  }

  for (const [name, cause, tokenOf] of refusedTokens) {
    it(`answers 200 and records nothing for ${name}`, async () => {
      await using service = await openTestApp(options)

      const response = await service.logout(tokenOf(service))

      assert.deepEqual(await answerOf(response), [200, 'anonymous', SUCCESS])
      assert.deepEqual(await service.entries(), [])
      const line = JSON.parse(service.lines[0] ?? '{}') as Record<string, unknown>
      assert.equal(line['refused'], cause)
      assert.equal(line['user_id'], undefined)
      assert.equal(line['session_id'], undefined)
    })
  }

  it('answers 200 and records nothing without a token', async () => {
    await using service = await openTestApp(options)

    const response = await service.logout(null)

    assert.deepEqual(await answerOf(response), [200, 'anonymous', SUCCESS])
    assert.deepEqual(await service.entries(), [])
    assert.equal(service.lines[0]?.includes('refused'), false)
  })

  it('answers 200 and records nothing for two Authorization headers', async () => {
    await using service = await openTestApp(options)
    const headers = new Headers()
    headers.append('Authorization', `Bearer ${service.clerk.token()}`)
    headers.append('Authorization', `Bearer ${service.clerk.token()}`)

    const response = await service.app.request('/v1/auth/session', { method: 'DELETE', headers })

    assert.equal(response.headers.get('logout-record'), 'anonymous')
    assert.match(service.lines[0] ?? '', /"refused":"malformed-header"/)
  })
})

describe('DELETE /v1/auth/session, when recording fails', () => {
  it('answers logged when the trail cannot confirm in time, and a retry finds it recorded', async () => {
    const disk = Promise.withResolvers<void>()
    await using service = await openTestApp({ wrapStore: hangingUntil(disk.promise), confirmWithinMs: 20 })
    const token = service.clerk.token()

    const response = await service.logout(token)
    disk.resolve()
    const retry = await service.logout(token)

    assert.deepEqual(await answerOf(response), [200, 'logged', SUCCESS])
    assert.match(service.lines[0] ?? '', /"record":"logged","user_id":"user_2aBcDeFgHiJkLmNoPqRsTuVwXyZ"/)
    assert.equal(retry.headers.get('logout-record'), 'duplicate')
    assert.equal((await service.entries()).length, 1)
  })

  it('answers logged when the trail is down', async () => {
    await using service = await openTestApp({ wrapStore: failing })

    const response = await service.logout(service.clerk.token())

    assert.deepEqual(await answerOf(response), [200, 'logged', SUCCESS])
  })

  it('answers logged, and names nobody, when the keys cannot be had', async () => {
    await using service = await openTestApp({
      clerk: { jwtKey: undefined, jwksUrl: 'http://127.0.0.1:1/jwks.json' },
    })

    const response = await service.logout(service.clerk.token())

    assert.deepEqual(await answerOf(response), [200, 'logged', SUCCESS])
    assert.match(service.lines[0] ?? '', /"record":"logged","refused":"key-unavailable","request_id"/)
    assert.deepEqual(await service.entries(), [])
  })

  it('answers 503 logout-not-recorded instead with AUDIT_REQUIRED=on, and still writes the line', async () => {
    await using service = await openTestApp({ wrapStore: failing, settings: { auditRequired: true } })

    const response = await service.logout(service.clerk.token())

    assert.equal(response.status, 503)
    assert.equal(response.headers.get('logout-record'), 'logged')
    assert.equal(response.headers.get('content-type'), 'application/problem+json')
    assert.deepEqual(await response.json(), {
      type: 'about:blank',
      title: 'The logout was not recorded',
      status: 503,
      detail: 'Clerk still ends the session. Send this request again to have it recorded.',
      code: 'logout-not-recorded',
    })
    assert.match(service.lines[0] ?? '', /"record":"logged"/)
  })

  it('answers 200 with AUDIT_REQUIRED=on to everybody else', async () => {
    await using service = await openTestApp({ settings: { auditRequired: true } })

    assert.equal((await service.logout(null)).status, 200)
    assert.equal((await service.logout(service.clerk.token())).status, 200)
  })
})

describe('DELETE /v1/auth/session, the log line', () => {
  it('is one JSON object with these keys in this order', async () => {
    await using service = await openTestApp()
    const token = service.clerk.token({ o: { id: 'org_1' } })

    await service.logout(
      token,
      { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' },
      '?intent=user',
    )

    const requestId = (await service.entries())[0]?.request_id
    assert.deepEqual(service.lines, [
      '{"event":"user_logout","timestamp":"2026-11-23T12:00:00.000Z","record":"durable",' +
        '"user_id":"user_2aBcDeFgHiJkLmNoPqRsTuVwXyZ","session_id":"sess_2aBcDeFgHiJkLmNoPqRsTuVwXyZ",' +
        `"org_id":"org_1","intent":"user","request_id":"${requestId}","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}`,
    ])
  })

  it('leaves out what is not known', async () => {
    await using service = await openTestApp()

    await service.logout('not.a.token')

    const line = service.lines[0]?.replace(/"request_id":"[0-9a-f]{32}"/, '"request_id":"…"')
    assert.equal(
      line,
      '{"event":"user_logout","timestamp":"2026-11-23T12:00:00.000Z","record":"anonymous",' +
        '"refused":"malformed-token","request_id":"…"}',
    )
  })

  it('holds no token, and neither does the trail, a metric or a problem', async () => {
    await using service = await openTestApp({
      wrapStore: (store) => store,
      settings: { auditRequired: true },
    })
    const valid = service.clerk.token({ secret_claim: 'claim-that-nobody-needs' })
    const expired = service.clerk.token({ iat: IAT - 120, nbf: IAT - 130, exp: IAT - 60 })
    const bad = signedToken(sessionClaims(service.clerk.issuer), { header: {}, key: strangerKey() })

    const answers = []
    for (const token of [valid, valid, expired, bad]) answers.push(await (await service.logout(token)).text())
    const metrics = await service.app.request(
      '/metrics',
      {},
      { incoming: { socket: { remoteAddress: '127.0.0.1' } } },
    )

    const files = readdirSync(service.folder).map((file) =>
      readFileSync(join(service.folder, file), 'latin1'),
    )
    const written = [...answers, ...service.lines, ...files, await metrics.text()].join('\n')
    for (const token of [valid, expired, bad]) {
      for (const part of token.split('.').slice(1)) assert.equal(written.includes(part.slice(0, 40)), false)
    }
    assert.equal(written.includes('claim-that-nobody-needs'), false)
  })
})

describe('DELETE /v1/auth/session, from a browser', () => {
  const app = 'https://app.example.com'

  it('reads the __session cookie when Authorization is absent and Origin is allowed', async () => {
    await using service = await openTestApp({ settings: { allowedOrigins: [app] } })

    const response = await service.logout(null, {
      Cookie: `a=b; __session=${service.clerk.token()}`,
      Origin: app,
    })

    assert.equal(response.headers.get('logout-record'), 'durable')
  })

  it('does not read the cookie for a page of another origin', async () => {
    await using service = await openTestApp({ settings: { allowedOrigins: [app] } })
    const cookie = { Cookie: `__session=${service.clerk.token()}` }

    const foreign = await service.logout(null, { ...cookie, Origin: 'https://evil.example' })
    const without = await service.logout(null, cookie)

    assert.equal(foreign.headers.get('logout-record'), 'anonymous')
    assert.equal(without.headers.get('logout-record'), 'anonymous')
    assert.deepEqual(await service.entries(), [])
  })

  it('does not read the cookie when Authorization is there, even a bad one', async () => {
    await using service = await openTestApp({ settings: { allowedOrigins: [app] } })

    const response = await service.logout('not.a.token', {
      Cookie: `__session=${service.clerk.token()}`,
      Origin: app,
    })

    assert.equal(response.headers.get('logout-record'), 'anonymous')
  })

  it('lets pages of allowed origins read the answer, without credentials', async () => {
    await using service = await openTestApp({ settings: { allowedOrigins: [app] } })

    const { headers } = await service.logout(null, { Origin: app })

    assert.equal(headers.get('access-control-allow-origin'), app)
    assert.equal(headers.get('access-control-expose-headers'), 'Logout-Record')
    assert.equal(headers.get('access-control-allow-credentials'), null)
    assert.equal(headers.get('vary'), 'Origin')
  })

  it('tells pages of other origins nothing', async () => {
    await using service = await openTestApp({ settings: { allowedOrigins: [app] } })

    const { headers } = await service.logout(null, { Origin: 'https://evil.example' })

    assert.equal(headers.get('access-control-allow-origin'), null)
    assert.equal(headers.get('vary'), 'Origin')
  })

  it('answers the preflight of an allowed origin with 204', async () => {
    await using service = await openTestApp({ settings: { allowedOrigins: [app] } })

    const response = await service.app.request('/v1/auth/session', {
      method: 'OPTIONS',
      headers: { Origin: app, 'Access-Control-Request-Method': 'DELETE' },
    })

    assert.equal(response.status, 204)
    assert.equal(response.headers.get('access-control-allow-origin'), app)
    assert.equal(response.headers.get('access-control-allow-methods'), 'DELETE')
    assert.equal(
      response.headers.get('access-control-allow-headers'),
      'Authorization, traceparent, tracestate',
    )
  })

  it('answers other methods with 405 and Allow', async () => {
    await using service = await openTestApp()

    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH']) {
      const response = await service.app.request('/v1/auth/session', { method })
      assert.equal(response.status, 405)
      assert.equal(response.headers.get('allow'), 'DELETE, OPTIONS')
      assert.equal(response.headers.get('content-type'), 'application/problem+json')
    }
  })
})

describe('LOGOUT_ENDPOINT=off', () => {
  it('leaves no route and no description', async () => {
    await using service = await openTestApp({ settings: { logoutEndpoint: false } })

    const response = await service.logout(service.clerk.token())

    assert.equal(response.status, 404)
    assert.equal(((await response.json()) as { code: string }).code, 'not-found')
    const document = (await (await service.app.request('/openapi.json')).json()) as { paths: object }
    assert.equal('/v1/auth/session' in document.paths, false)
    assert.equal('/readyz' in document.paths, true)
  })
})
