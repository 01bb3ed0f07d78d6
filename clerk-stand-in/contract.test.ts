/**
 * Every route of the stand-in, where the shape of its answer is published, and what Clerk's own packages make of it.
 * A route that is not in the table fails the last test.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createClerkClient, verifyToken } from '@clerk/backend'
import { cookieSuffix } from './instance.ts'
import { standIn, startStandIn, type ListeningStandIn } from './stand-in.ts'
import { frontendApi } from './frontend-api.ts'
import { backendApi } from './backend-api.ts'

const JAVASCRIPT = 'https://github.com/clerk/javascript/tree/main/packages'
const OPENAPI = 'https://clerk.com/docs/reference/backend-api'

interface Route {
  asked: string
  /** Where anybody can read it. */
  source: string
  /** Fields that the answer has, and of which type. */
  has: Record<string, string>
}

const client = { object: 'string', id: 'string', sessions: 'object', last_active_session_id: 'string' }
const session = {
  id: 'string',
  user_id: 'string',
  client_id: 'string',
  status: 'string',
  last_active_at: 'number',
  expire_at: 'number',
  abandon_at: 'number',
  created_at: 'number',
  updated_at: 'number',
}
const user = {
  id: 'string',
  first_name: 'string',
  email_addresses: 'object',
  banned: 'boolean',
  created_at: 'number',
}

/** In an order in which they can be asked: what ends sessions comes last. `:id` is that of a session, or of the user. */
const frontend: Route[] = [
  {
    asked: 'POST /v1/dev_browser',
    source: `${JAVASCRIPT}/clerk-js/src/core/auth/devBrowser.ts`,
    has: { id: 'string' },
  },
  {
    asked: 'GET /v1/environment',
    source: `${JAVASCRIPT}/shared/src/types/environment.ts`,
    has: {
      auth_config: 'object',
      display_config: 'object',
      user_settings: 'object',
      organization_settings: 'object',
    },
  },
  {
    asked: 'PATCH /v1/environment',
    source: `${JAVASCRIPT}/clerk-js/src/core/resources/Environment.ts`,
    has: { auth_config: 'object' },
  },
  { asked: 'GET /v1/client', source: `${JAVASCRIPT}/shared/src/types/json.ts`, has: { response: 'object' } },
  {
    asked: 'PUT /v1/client',
    source: `${JAVASCRIPT}/clerk-js/src/core/resources/Client.ts`,
    has: { response: 'object' },
  },
  {
    asked: 'POST /v1/client/sessions/:id/touch',
    source: `${JAVASCRIPT}/clerk-js/src/core/resources/Session.ts`,
    has: { response: 'object', client: 'object' },
  },
  {
    asked: 'POST /v1/client/sessions/:id/tokens',
    source: `${JAVASCRIPT}/clerk-js/src/core/resources/Token.ts`,
    has: { object: 'string', jwt: 'string' },
  },
  {
    asked: 'GET /.well-known/jwks.json',
    source: 'https://clerk.com/docs/guides/sessions/manual-jwt-verification',
    has: { keys: 'object' },
  },
  {
    asked: 'POST /v1/client/sessions/:id/remove',
    source: `${JAVASCRIPT}/clerk-js/src/core/resources/Session.ts`,
    has: { response: 'object', client: 'object' },
  },
  {
    asked: 'POST /v1/client/sessions/:id/end',
    source: `${JAVASCRIPT}/clerk-js/src/core/resources/Session.ts`,
    has: { response: 'object', client: 'object' },
  },
  {
    asked: 'DELETE /v1/client/sessions',
    source: `${JAVASCRIPT}/clerk-js/src/core/resources/Client.ts`,
    has: { response: 'object' },
  },
  {
    asked: 'DELETE /v1/client',
    source: `${JAVASCRIPT}/clerk-js/src/core/resources/Client.ts`,
    has: { response: 'object' },
  },
]

const backend: Route[] = [
  { asked: 'GET /v1/jwks', source: `${OPENAPI}/tag/jwks`, has: { keys: 'object' } },
  { asked: 'GET /v1/sessions/:id', source: `${OPENAPI}/tag/sessions`, has: session },
  {
    asked: 'POST /v1/sessions/:id/tokens',
    source: `${OPENAPI}/tag/sessions`,
    has: { object: 'string', jwt: 'string' },
  },
  { asked: 'POST /v1/sessions/:id/revoke', source: `${OPENAPI}/tag/sessions`, has: session },
  { asked: 'GET /v1/users/count', source: `${OPENAPI}/tag/users`, has: { total_count: 'number' } },
  { asked: 'GET /v1/users/:id', source: `${OPENAPI}/tag/users`, has: user },
  { asked: 'POST /v1/users/:id/ban', source: `${OPENAPI}/tag/users`, has: user },
  {
    asked: 'DELETE /v1/users/:id',
    source: `${OPENAPI}/tag/users`,
    has: { id: 'string', deleted: 'boolean' },
  },
]

/** Asked by tests of their own, below or in `examples/`: they take a body, or answer no JSON object. */
const elsewhere = [
  'GET /v1/client/handshake',
  'POST /v1/client/sign_ins',
  'POST /v1/me/sessions/:id/revoke',
  'GET /npm/@clerk/:package/dist/:file{.+}',
  'GET /v1/sessions',
  'POST /v1/sessions',
  'GET /v1/users',
  'POST /v1/users',
  'POST /v1/sign_in_tokens',
]

interface Opened {
  standIn: ListeningStandIn
  devBrowser: string
  sessionId: string
}

async function openSignedIn(): Promise<Opened> {
  const standIn = await startStandIn()
  const devBrowser = standIn.browsers.add()
  const client = standIn.browsers.of(devBrowser)
  assert.ok(client)
  const { id } = standIn.world.signIn(standIn.world.addUser({ id: 'user_1' }), client)
  return { standIn, devBrowser, sessionId: id }
}

async function ask({ standIn, devBrowser, sessionId }: Opened, asked: string): Promise<Response> {
  const [method = '', path = ''] = asked
    .replace(':id', asked.includes('users') ? 'user_1' : sessionId)
    .split(' ')
  const url = new URL(path, standIn.url)
  url.searchParams.set('__clerk_db_jwt', devBrowser)
  // As clerk-js does: it sends GET and POST only.
  if (!['GET', 'POST'].includes(method)) url.searchParams.set('_method', method)
  const headers = { authorization: `Bearer ${standIn.secretKey}`, origin: 'http://localhost:3000' }
  return fetch(url, { method: method === 'GET' ? 'GET' : 'POST', headers })
}

describe('the contract of the stand-in', () => {
  for (const { asked, source, has } of [...frontend, ...backend]) {
    it(`answers ${asked} as published at ${source}`, async () => {
      const opened = await openSignedIn()
      await using _ = opened.standIn

      const response = await ask(opened, asked)

      assert.equal(response.status, 200)
      // @clerk/backend reads JSON only when the type is exactly this.
      assert.equal(response.headers.get('content-type'), 'application/json')
      assert.match(response.headers.get('clerk-stand-in') ?? '', /not Clerk/)
      const body = (await response.json()) as Record<string, unknown>
      for (const [field, type] of Object.entries(has)) assert.equal(typeof body[field], type, field)
    })
  }

  it('tells of the browser and its sessions', async () => {
    const opened = await openSignedIn()
    await using _ = opened.standIn
    const { response } = (await (await ask(opened, 'GET /v1/client')).json()) as {
      response: Record<string, unknown> & { sessions: Record<string, unknown>[] }
    }
    for (const [field, type] of Object.entries(client)) assert.equal(typeof response[field], type, field)
    for (const [field, type] of Object.entries(session))
      assert.equal(typeof response.sessions[0]?.[field], type, field)
  })

  it('has no route that is not in the table', () => {
    const parts = standIn()
    const routes = [frontendApi(parts), backendApi(parts)].flatMap((api) =>
      api.routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${path}`),
    )
    const listed = [...frontend, ...backend].map(({ asked }) => asked)
    assert.deepEqual(routes.toSorted(), [...listed, ...elsewhere].toSorted())
  })
})

describe('the stand-in, asked by @clerk/backend', () => {
  it('lists and gets sessions, and revokes one', async () => {
    const { standIn, sessionId } = await openSignedIn()
    await using _ = standIn
    const clerk = createClerkClient({ secretKey: standIn.secretKey, apiUrl: standIn.url })

    const { data, totalCount } = await clerk.sessions.getSessionList({ userId: 'user_1', status: 'active' })
    assert.deepEqual([data.map(({ id }) => id), totalCount], [[sessionId], 1])
    const revoked = await clerk.sessions.revokeSession(sessionId)

    assert.equal(revoked.status, 'revoked')
    assert.equal((await clerk.sessions.getSession(sessionId)).status, 'revoked')
    assert.equal((await clerk.sessions.getSessionList({ userId: 'user_1', status: 'active' })).data.length, 0)
    await assert.rejects(clerk.sessions.getSession('sess_nobody'), { status: 404 })
  })

  it('creates a user with a session, a token and a ticket, lists and deletes it', async () => {
    await using standIn = await startStandIn()
    const clerk = createClerkClient({ secretKey: standIn.secretKey, apiUrl: standIn.url })
    const { id } = await clerk.users.createUser({ firstName: 'Grace', emailAddress: ['grace@example.com'] })
    const session = await clerk.sessions.createSession({ userId: id })
    const { jwt } = await clerk.sessions.getToken(session.id)
    const { token } = await clerk.signInTokens.createSignInToken({ userId: id, expiresInSeconds: 60 })
    assert.equal((await verifyToken(jwt, { jwtKey: standIn.instance.publicPem })).sid, session.id)
    assert.equal(standIn.world.redeem(token)?.id, id)
    assert.deepEqual(
      (await clerk.users.getUserList()).data.map(({ firstName }) => firstName),
      ['Grace'],
    )
    await clerk.users.deleteUser(id)
    assert.equal((await clerk.users.getUserList()).totalCount, 0)
  })

  it('answers tokens that verifyToken accepts, by JWKS and by PEM', async () => {
    const { standIn, devBrowser, sessionId } = await openSignedIn()
    await using _ = standIn
    const answer = await ask({ standIn, devBrowser, sessionId }, 'POST /v1/client/sessions/:id/tokens')
    const { jwt } = (await answer.json()) as { jwt: string }
    const keys = [
      { jwtKey: standIn.instance.publicPem },
      { secretKey: standIn.secretKey, apiUrl: standIn.url },
    ]
    for (const key of keys) {
      const claims = await verifyToken(jwt, { ...key, authorizedParties: ['http://localhost:3000'] })
      assert.deepEqual([claims.sid, claims.sub, claims.iss], [sessionId, 'user_1', standIn.instance.issuer])
    }
  })

  it('refuses another secret key', async () => {
    await using standIn = await startStandIn()
    const clerk = createClerkClient({ secretKey: 'sk_test_other', apiUrl: standIn.url })
    await assert.rejects(clerk.sessions.getSession('sess_1'), { status: 401 })
  })
})

describe('the stand-in', () => {
  it('answers 404 to what it does not have, and remembers it', async () => {
    await using standIn = await startStandIn()
    const response = await fetch(`${standIn.url}/v1/me/passkeys`)
    assert.equal(response.status, 404)
    assert.deepEqual(standIn.unknown, ['GET /v1/me/passkeys'])
  })

  it('does not know a browser without its mark, as Clerk’s development instances do not', async () => {
    await using standIn = await startStandIn()
    const response = await fetch(`${standIn.url}/v1/client`)
    const { errors } = (await response.json()) as { errors: { code: string }[] }
    assert.deepEqual([response.status, errors[0]?.code], [401, 'dev_browser_unauthenticated'])
  })

  it('sends a page back from a handshake with its cookies, and to no other machine', async () => {
    const { standIn, devBrowser, sessionId } = await openSignedIn()
    await using _ = standIn
    const handshake = (target: string) =>
      fetch(
        `${standIn.url}/v1/client/handshake?redirect_url=${encodeURIComponent(target)}&__clerk_db_jwt=${devBrowser}`,
        {
          redirect: 'manual',
        },
      )

    const { status, headers } = await handshake('http://localhost:3000/settings?a=1')

    assert.equal(status, 307)
    const target = new URL(headers.get('location') ?? '')
    assert.equal(target.href.split('&')[0], 'http://localhost:3000/settings?a=1')
    const claims = await verifyToken(target.searchParams.get('__clerk_handshake') ?? '', {
      jwtKey: standIn.instance.publicPem,
    }).catch((error: unknown) => (error as { reason: string }).reason)
    // It has no `sub`: verifyToken reads the signature first, so this is of a well signed token.
    assert.equal(claims, 'token-verification-failed')
    const [, payload = ''] = (target.searchParams.get('__clerk_handshake') ?? '').split('.')
    const { handshake: cookies } = JSON.parse(String(Buffer.from(payload, 'base64url'))) as {
      handshake: string[]
    }
    const suffix = cookieSuffix(standIn.instance.publishableKey)
    const names = cookies.map((cookie) => cookie.split('=')[0]?.replace(`_${suffix}`, ''))
    assert.deepEqual([...new Set(names)], ['__clerk_db_jwt', '__client_uat', '__session'])
    assert.ok(
      cookies.some((cookie) => cookie.startsWith('__session=ey')),
      sessionId,
    )
    assert.equal((await handshake('https://example.com/')).status, 400)
  })

  it('serves clerk-js from its package, and nothing beside it', async () => {
    await using standIn = await startStandIn()
    const script = await fetch(`${standIn.url}/npm/@clerk/clerk-js@6/dist/clerk.browser.js`)
    assert.deepEqual([script.status, script.headers.get('content-type')], [200, 'text/javascript'])
    assert.ok((await script.text()).length > 10_000)
    for (const other of [
      'clerk-js@6/dist/..%2fpackage.json',
      'clerk-js@6/dist/none.js',
      'ui@1/dist/ui.browser.js',
    ]) {
      assert.equal((await fetch(`${standIn.url}/npm/@clerk/${other}`)).status, 404, other)
    }
  })
})
