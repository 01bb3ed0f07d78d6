/**
 * Walks through sign-ins, sign-outs and revocations at a Clerk development instance, and notes which webhooks came. Clerk documents
 * no table of that. It touches only the two users that it creates itself, and deletes them in the end.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClerkClient, type ClerkClient } from '@clerk/backend'
import { verifyWebhook } from '@clerk/backend/webhooks'
import type { Action } from './world.ts'

export interface CheckOptions {
  secretKey: string
  /** Where the Frontend API is: `https://….clerk.accounts.dev`. */
  frontendApi: string
  /** Where the Backend API is; by default Clerk's. */
  apiUrl?: string | undefined
  webhookSecret: string
  /** Listened on, on loopback, for `POST /v1/webhooks/clerk`; 0 takes any free one. */
  port: number
  /** How long to wait for webhooks after each action. */
  waitMs: number
  /** Told where it listens, before anything is done at Clerk. */
  onListening: (url: string) => void | Promise<void>
  /** Progress, for people. */
  say: (line: string) => void
  /** Ends the walk early; its users are deleted all the same. */
  signal: AbortSignal
}

export interface Fired {
  action: Action
  /** What the Backend API says of the session afterwards; `not found` when it does not know it. */
  status: string
  /** In the order in which they came. */
  webhooks: { type: string; after_ms: number; status: string | null }[]
}

interface Came {
  type: string
  /** Of the session or the user. */
  id: string
  status: string | null
  /** ms on the monotonic clock. */
  at: number
}

/** What keeps the walk from being done, in words for the person who started it. */
export class CheckError extends Error {
  override readonly name = 'CheckError'
}

const REQUEST_TIMEOUT_MS = 15_000
const LOOK_EVERY_MS = 100

/** @throws {CheckError} when Clerk refuses, or when no webhook comes at all. */
export async function checkClerk(options: CheckOptions): Promise<Fired[]> {
  const { secretKey, apiUrl, say, signal } = options
  const receiver = await listen(options)
  const client = createClerkClient({
    secretKey,
    telemetry: { disabled: true },
    ...(apiUrl ? { apiUrl } : {}),
  })
  const users: string[] = []
  try {
    await options.onListening(receiver.url)
    const walk = new Walk(client, options, receiver.came)
    const newUser = async () => {
      const id = await walk.newUser()
      users.push(id)
      return id
    }
    const [ada, grace] = [await newUser(), await newUser()]
    await walk.expectWebhooks(ada, receiver)
    const fired: Fired[] = []
    for (const step of steps) {
      if (signal.aborted) break
      const one = await walk.take(step, step.action === 'user-deleted' ? grace : ada)
      say(`${one.action}: ${one.webhooks.map(({ type }) => type).join(', ') || 'nothing'}; ${one.status}`)
      fired.push(one)
    }
    return fired
  } finally {
    for (const user of users) await deleted(client, user, say)
    receiver.close()
  }
}

interface Step {
  action: Action
  /** Does it, at Clerk. */
  run: (walk: Walk, session: SignedIn, elsewhere: SignedIn) => Promise<unknown>
}

/** `sign-in` is part of all others; a banned user cannot sign in again, so that comes last but one. */
const steps: readonly Step[] = [
  { action: 'sign-in', run: async () => undefined },
  {
    action: 'sign-out',
    run: (walk, { browser, id }) => walk.ask(browser, `POST client/sessions/${id}/remove`),
  },
  { action: 'sign-out-all', run: (walk, { browser }) => walk.ask(browser, 'DELETE client/sessions') },
  { action: 'end', run: (walk, { browser, id }) => walk.ask(browser, `POST client/sessions/${id}/end`) },
  { action: 'client-deleted', run: (walk, { browser }) => walk.ask(browser, 'DELETE client') },
  { action: 'revoke', run: (walk, { id }) => walk.client.sessions.revokeSession(id) },
  {
    action: 'revoke-elsewhere',
    run: (walk, { id }, elsewhere) =>
      walk.ask(elsewhere.browser, `POST me/sessions/${id}/revoke`, {
        query: { _clerk_session_id: elsewhere.id },
      }),
  },
  { action: 'user-banned', run: (walk, { userId }) => walk.client.users.banUser(userId) },
  { action: 'user-deleted', run: (walk, { userId }) => walk.client.users.deleteUser(userId) },
]

interface SignedIn {
  /** The session. */
  id: string
  userId: string
  /** The `__clerk_db_jwt` of the browser. */
  browser: string
}

class Walk {
  readonly client: ClerkClient
  readonly #options: CheckOptions
  readonly #came: readonly Came[]

  constructor(client: ClerkClient, options: CheckOptions, came: readonly Came[]) {
    this.client = client
    this.#options = options
    this.#came = came
  }

  async newUser(): Promise<string> {
    // `+clerk_test`: Clerk sends no mail to such an address. https://clerk.com/docs/testing/test-emails-and-phones
    const emailAddress = [`logout-trail-${crypto.randomUUID().slice(0, 8)}+clerk_test@example.com`]
    const { id } = await this.client.users
      .createUser({ emailAddress, skipPasswordRequirement: true })
      .catch(refused('A user could not be created; the instance must allow email addresses'))
    return id
  }

  /** So that nobody waits minutes for a walk that hears nothing. */
  async expectWebhooks(userId: string, { refusals }: Receiver): Promise<void> {
    this.#options.say('signing in, to see whether webhooks come …')
    const { id } = await this.#signIn(userId)
    const until = performance.now() + this.#options.waitMs
    while (performance.now() < until && !this.#options.signal.aborted) {
      if (this.#came.some((one) => one.id === id)) return
      await sleep(LOOK_EVERY_MS)
    }
    if (this.#options.signal.aborted) return
    throw new CheckError(
      refusals() > 0
        ? `${refusals()} requests came that CLERK_WEBHOOK_SIGNING_SECRET did not sign: copy the endpoint’s signing secret again.`
        : `No webhook came within ${this.#options.waitMs / 1000} s. Does the endpoint of Clerk’s dashboard lead here, and is it subscribed to session.created? (--wait gives it longer.)`,
    )
  }

  async take({ action, run }: Step, userId: string): Promise<Fired> {
    const session = action === 'sign-in' ? null : await this.#signIn(userId)
    const elsewhere = action === 'revoke-elsewhere' ? await this.#signIn(userId) : session
    // What the sign-in fires is not taken for what follows.
    if (session) await this.#wait()
    const from = performance.now()
    const acted = session ?? (await this.#signIn(userId))
    if (session && elsewhere) await run(this, session, elsewhere).catch(refused(`${action} failed`))
    await this.#wait()
    const about = [acted.id, ...(action.startsWith('user-') ? [userId] : [])]
    return {
      action,
      status: await this.#statusOf(acted.id),
      webhooks: this.#came
        .filter(({ at, id }) => at >= from && about.includes(id))
        .map(({ type, at, status }) => ({ type, after_ms: Math.round(at - from), status })),
    }
  }

  /** Asks the Frontend API as clerk-js does, which sends POST and names the method that it means. */
  async ask(
    browser: string,
    what: `${'POST' | 'DELETE'} ${string}`,
    { query, form }: { query?: Record<string, string>; form?: Record<string, string> } = {},
  ) {
    const [method = '', path = ''] = what.split(' ')
    const url = new URL(`/v1/${path}?${new URLSearchParams(query)}`, this.#options.frontendApi)
    if (browser) url.searchParams.set('__clerk_db_jwt', browser)
    if (method !== 'POST') url.searchParams.set('_method', method)
    const answer = await fetch(url, {
      method: 'POST',
      headers: { origin: 'http://localhost:3000' },
      body: new URLSearchParams(form),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    }).catch(refused(`${url.origin} does not answer`))
    const text = await answer.text()
    if (!answer.ok)
      throw new CheckError(`${method} ${url.origin}${url.pathname} answered ${answer.status}: ${text}`)
    return JSON.parse(text) as { id?: string; response?: { created_session_id?: string } }
  }

  async #signIn(userId: string): Promise<SignedIn> {
    const { id: browser } = await this.ask('', 'POST dev_browser')
    const { token: ticket } = await this.client.signInTokens
      .createSignInToken({ userId, expiresInSeconds: 60 })
      .catch(refused('A sign-in token could not be made'))
    const signedIn = await this.ask(browser ?? '', 'POST client/sign_ins', {
      form: { strategy: 'ticket', ticket },
    })
    const id = signedIn.response?.created_session_id
    if (!browser || !id)
      throw new CheckError('The sign-in by ticket gave no session: is something more asked of users?')
    return { id, userId, browser }
  }

  async #statusOf(id: string): Promise<string> {
    return this.client.sessions.getSession(id).then(
      ({ status }) => status,
      (error: { status?: number; message?: string }) =>
        error.status === 404 ? 'not found' : `not known (${error.message})`,
    )
  }

  async #wait(): Promise<void> {
    const { waitMs, signal } = this.#options
    await sleep(waitMs, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
  }
}

function refused(what: string) {
  return (error: unknown): never => {
    const told = error as { message?: string; errors?: { longMessage?: string; message?: string }[] }
    const [first] = told.errors ?? []
    throw new CheckError(`${what}: ${first?.longMessage ?? first?.message ?? told.message}`, { cause: error })
  }
}

async function deleted(client: ClerkClient, user: string, say: CheckOptions['say']): Promise<void> {
  await client.users.deleteUser(user).catch((error: { status?: number }) => {
    if (error.status !== 404) say(`The user ${user} could not be deleted: delete it in Clerk’s dashboard.`)
  })
}

interface Receiver {
  url: string
  came: readonly Came[]
  /** How many requests were not signed with the secret. */
  refusals: () => number
  close: () => void
}

async function listen({ port, webhookSecret }: CheckOptions): Promise<Receiver> {
  const came: Came[] = []
  let refusals = 0
  const server = createServer((request, response) => {
    receive(request, webhookSecret).then(
      (one) => {
        came.push(one)
        response.writeHead(204).end()
      },
      () => {
        refusals += 1
        response.writeHead(400).end()
      },
    )
  })
  await listening(server, port)
  const { port: taken } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${taken}/v1/webhooks/clerk`,
    came,
    refusals: () => refusals,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function listening(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new CheckError(`--port ${port}: ${error.message}`)))
    server.listen(port, '127.0.0.1', resolve)
  })
}

const BODY_BYTES = 262_144

async function receive(incoming: IncomingMessage, signingSecret: string): Promise<Came> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength
    if (bytes > BODY_BYTES) throw new Error('too large')
    chunks.push(chunk)
  }
  const headers = incoming.headers as Record<string, string>
  const request = new Request('http://webhook.invalid/', {
    method: 'POST',
    headers,
    body: Buffer.concat(chunks),
  })
  const { type, data } = await verifyWebhook(request, { signingSecret })
  const { id = '', status = null } = data as { id?: string; status?: string }
  return { type, id, status, at: performance.now() }
}
