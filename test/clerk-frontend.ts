/**
 * A small stand-in for Clerk's Frontend API: what the real clerk-js asks for when it loads, mints tokens and signs out,
 * over real HTTP. One browser's client with its sessions is its whole state. It answers as it is told to, and keeps what
 * it was asked. What Clerk does with a session that is signed out is written down nowhere; here it is gone.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TestClerk } from './clerk-instance.ts'

/** How sign-outs are answered. */
export type SignOutAnswer = 'as Clerk does' | 'with 500' | 'by hanging up' | 'late' | 'never'

export interface ClerkFrontend {
  /** What was asked, with Clerk's `_method` for the method: `DELETE /v1/client/sessions`. */
  requests: string[]
  /** The ids of the sessions that are signed in. */
  sessions: string[]
  signOuts: SignOutAnswer
  answer: (request: IncomingMessage, response: ServerResponse) => void
  /** Gives the id of the session. */
  signIn: (userId: string) => string
  /** Makes this the session that the browser used last, as another tab might. */
  use: (sessionId: string) => void
  /** A fresh session token. */
  tokenOf: (sessionId: string) => string
  /** Waits until something like this was asked. */
  asked: (what: RegExp) => Promise<void>
  /** Answers what is late, and hangs up on what will never be answered. */
  release: () => void
}

/** Answers requests whose path begins at `/v1`, for the instance of these keys. */
export function clerkFrontend(clerk: TestClerk, origin: string): ClerkFrontend {
  const sessions = new Map<string, { userId: string; startedAt: number }>()
  const unanswered: (() => unknown)[] = []
  const awaited: { what: RegExp; resolve: () => void }[] = []
  let lastActive: string | null = null

  function tokenOf(sessionId: string): { object: string; jwt: string } {
    const iat = Math.floor(Date.now() / 1000)
    const times = { iat, nbf: iat - 10, exp: iat + 60 }
    const userId = sessions.get(sessionId)?.userId
    return {
      object: 'token',
      jwt: clerk.token({ sub: userId, sid: sessionId, azp: origin, jti: randomUUID(), ...times }),
    }
  }

  function sessionOf(id: string) {
    const { userId, startedAt } = sessions.get(id) ?? { userId: '', startedAt: 0 }
    return {
      object: 'session',
      id,
      status: 'active',
      expire_at: startedAt + 7 * DAY_MS,
      abandon_at: startedAt + 30 * DAY_MS,
      last_active_at: startedAt,
      last_active_organization_id: null,
      last_active_token: tokenOf(id),
      actor: null,
      tasks: [],
      factor_verification_age: [0, -1],
      user: userOf(userId),
      public_user_data: { identifier: userId, user_id: userId, has_image: false, image_url: '' },
      created_at: startedAt,
      updated_at: startedAt,
    }
  }

  function client() {
    return {
      object: 'client',
      id: 'client_1',
      sessions: [...sessions.keys()].map(sessionOf),
      sign_in: null,
      sign_up: null,
      last_active_session_id: lastActive,
      cookie_expires_at: null,
      captcha_bypass: true,
      created_at: 0,
      updated_at: 0,
    }
  }

  function end(ids: Iterable<string>): void {
    for (const id of ids) sessions.delete(id)
    lastActive = [...sessions.keys()].at(-1) ?? null
  }

  const frontend: ClerkFrontend = {
    requests: [],
    get sessions() {
      return [...sessions.keys()]
    },
    signOuts: 'as Clerk does',
    signIn: (userId) => {
      const id = `sess_${randomUUID().replaceAll('-', '')}`
      sessions.set(id, { userId, startedAt: Date.now() })
      lastActive = id
      return id
    },
    use: (sessionId) => (lastActive = sessionId),
    tokenOf: (sessionId) => tokenOf(sessionId).jwt,
    asked: (what) =>
      new Promise((resolve) => {
        if (frontend.requests.some((request) => what.test(request))) resolve()
        else awaited.push({ what, resolve })
      }),
    release: () => {
      for (const settle of unanswered.splice(0)) settle()
    },
    answer: (request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://clerk')
      const method = searchParams.get('_method') ?? request.method
      frontend.requests.push(`${method} ${pathname}`)
      for (const { what, resolve } of awaited) if (what.test(`${method} ${pathname}`)) resolve()
      const answer = (body: unknown) =>
        response.setHeader('content-type', 'application/json').end(JSON.stringify(body))
      const [, sessionId = '', action] = /^\/v1\/client\/sessions\/([^/]+)\/(\w+)$/.exec(pathname) ?? []

      const signOut = (ids: Iterable<string>) => {
        if (frontend.signOuts === 'by hanging up') return response.destroy()
        if (frontend.signOuts === 'never') return unanswered.push(() => response.destroy())
        if (frontend.signOuts === 'with 500') {
          response.statusCode = 500
          return answer({ errors: [{ code: 'internal_clerk_error', message: 'Oops', long_message: 'Oops' }] })
        }
        const signedOut = () => {
          end(ids)
          return answer({ response: client(), client: null })
        }
        return frontend.signOuts === 'late' ? unanswered.push(signedOut) : signedOut()
      }

      if (pathname === '/v1/environment') answer(ENVIRONMENT)
      else if (pathname === '/v1/client' && method === 'GET') answer({ response: client(), client: null })
      else if (pathname === '/v1/client/sessions' && method === 'DELETE') signOut(frontend.sessions)
      else if (action === 'remove' && sessions.has(sessionId)) signOut([sessionId])
      else if (action === 'tokens') answer(tokenOf(sessionId))
      else if (action === 'touch') answer({ response: sessionOf(sessionId), client: client() })
      else {
        response.statusCode = 404
        answer({ errors: [{ code: 'resource_not_found', message: `the stand-in has no ${pathname}` }] })
      }
    },
  }
  return frontend
}

const DAY_MS = 86_400_000

function userOf(id: string) {
  return {
    object: 'user',
    id,
    first_name: 'Ada',
    last_name: null,
    username: id,
    image_url: '',
    has_image: false,
    primary_email_address_id: null,
    email_addresses: [],
    phone_numbers: [],
    web3_wallets: [],
    external_accounts: [],
    enterprise_accounts: [],
    passkeys: [],
    organization_memberships: [],
    public_metadata: {},
    unsafe_metadata: {},
    created_at: 0,
    updated_at: 0,
  }
}

const ENVIRONMENT = {
  auth_config: {
    object: 'auth_config',
    id: 'aconf_1',
    single_session_mode: false,
    claimed_at: null,
    reverification: false,
    preferred_channels: null,
  },
  display_config: {
    object: 'display_config',
    id: 'display_config_1',
    instance_environment_type: 'production',
    application_name: 'App',
    home_url: '/',
    sign_in_url: '/sign-in',
    sign_up_url: '/sign-up',
    user_profile_url: '/user',
    after_sign_in_url: '/',
    after_sign_up_url: '/',
    after_sign_out_all_url: '/',
    after_sign_out_one_url: '/',
    after_switch_session_url: '/',
    branded: false,
    theme: {},
    preferred_sign_in_strategy: 'password',
  },
  user_settings: {
    attributes: {},
    social: {},
    saml: { enabled: false },
    sign_in: { second_factor: { required: false } },
    sign_up: { mode: 'public', captcha_enabled: false, progressive: true },
    restrictions: {},
    actions: {},
    password_settings: {},
    passkey_settings: {},
    username_settings: {},
  },
  organization_settings: { enabled: false, max_allowed_memberships: 1, actions: {}, domains: {} },
  maintenance_mode: false,
  client_debug_mode: false,
  partitioned_cookies: false,
}
