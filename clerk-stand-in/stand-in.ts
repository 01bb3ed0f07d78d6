/**
 * A stand-in for Clerk's servers, for the demo and the tests: the real clerk-js, @clerk/nextjs and @clerk/backend talk to
 * it over HTTP. It is not Clerk, holds no account of anybody, and listens on loopback only.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { backendApi } from './backend-api.ts'
import { newClock } from './clock.ts'
import { controls } from './controls.ts'
import { askedOf, Faults, type Group } from './faults.ts'
import { frontendApi } from './frontend-api.ts'
import { newInstance, type Instance } from './instance.ts'
import { page } from './page.ts'
import { Browsers, deviceFrom, type StandInParts } from './parts.ts'
import { clerkError } from './shapes.ts'
import { Webhooks, type WebhooksOptions } from './webhooks.ts'
import { assumedFires, World, type Fires } from './world.ts'

export interface StandInOptions {
  /** 0: any free one. */
  port?: number
  instance?: Instance
  /** For the Backend API. */
  secretKey?: string
  webhooks?: {
    url: string | null
    secret?: string
    concurrency?: number
    signedBy?: WebhooksOptions['signedBy']
  }
  /** Which webhooks each action sends; what is left out is assumed. */
  fires?: Partial<Fires>
  sessionLifetimeMs?: number
  abandonAfterMs?: number
  /** `one`: every request is of the same browser, without the marks of a development instance. */
  browsers?: 'by dev browser' | 'one'
  applicationName?: string
  /** ms since 1970: where the stand-in's clock begins. */
  now?: () => number
  /** For lost, repeated and shuffled webhooks: from 0 up to 1. */
  random?: () => number
}

export interface StandIn extends StandInParts {
  webhookSecret: string
  /** Lets time pass: sessions run out, and webhooks that failed become due. */
  advance: (ms: number) => void
  /** Fulfils when something like this was asked. */
  asked: (what: RegExp) => Promise<void>
  /** For a server that has other things to answer as well. */
  answer: (request: IncomingMessage, response: ServerResponse) => void
  close: () => Promise<void>
}

export interface ListeningStandIn extends StandIn, AsyncDisposable {
  url: string
}

const DAY_MS = 86_400_000

/** Not a secret: whoever reads this can sign with it, which is good for a demo and for nothing else. */
export const DEMO_WEBHOOK_SECRET = `whsec_${Buffer.from('the stand-in is not Clerk').toString('base64')}`
export const DEMO_SECRET_KEY = 'sk_test_localstandin'

/** Without a port. */
export function standIn(options: StandInOptions = {}): StandIn {
  const parts = partsOf(options)
  const { requests, unknown, faults, webhooks, clock } = parts
  const listener = getRequestListener(appOf(parts).fetch)
  const awaited: { what: RegExp; resolve: () => void }[] = []

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const asked = askedOf(request)
    response.setHeader('clerk-stand-in', 'This is not Clerk.')
    const group = groupOf(asked)
    // clerk-js sends GET and POST only, and names the method that it means.
    request.method = asked.split(' ')[0] ?? request.method
    const go = () => void listener(request, response)
    if (!group) return go()
    remember(requests, asked)
    for (const { what, resolve } of awaited) if (what.test(asked)) resolve()
    faults.meet({ group, asked, response, go })
  }

  return {
    ...parts,
    webhookSecret: options.webhooks?.secret ?? DEMO_WEBHOOK_SECRET,
    unknown,
    advance: (ms) => {
      clock.advance(ms)
      webhooks.retryDue()
    },
    asked: (what) =>
      new Promise((resolve) => {
        if (requests.some((request) => what.test(request))) resolve()
        else awaited.push({ what, resolve })
      }),
    answer,
    close: async () => {
      faults.release()
      webhooks.close()
      await webhooks.idle()
    },
  }
}

/** On a port of loopback. @throws when the port is taken. */
export async function startStandIn(options: StandInOptions = {}): Promise<ListeningStandIn> {
  const one = standIn(options)
  const server = createServer(one.answer)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const close = async () => {
    await one.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { ...one, url: `http://127.0.0.1:${port}`, close, [Symbol.asyncDispose]: close }
}

function partsOf(options: StandInOptions): StandInParts {
  const instance = options.instance ?? newInstance()
  const clock = newClock(options.now ?? Date.now)
  const fires = { ...assumedFires, ...options.fires }
  const webhooks = new Webhooks({
    instance,
    clock,
    url: options.webhooks?.url ?? null,
    secret: options.webhooks?.secret ?? DEMO_WEBHOOK_SECRET,
    random: options.random ?? Math.random,
    concurrency: options.webhooks?.concurrency ?? 8,
    signedBy: options.webhooks?.signedBy ?? 'the real clock',
  })
  const world = new World({
    now: clock.now,
    fires,
    sessionLifetimeMs: options.sessionLifetimeMs ?? 7 * DAY_MS,
    abandonAfterMs: options.abandonAfterMs ?? 30 * DAY_MS,
    onEvent: (event) => webhooks.send(event),
  })
  return {
    instance,
    clock,
    world,
    browsers: new Browsers(world, options.browsers === 'one' ? world.newClient() : null),
    webhooks,
    faults: new Faults(),
    fires,
    secretKey: options.secretKey ?? DEMO_SECRET_KEY,
    applicationName: options.applicationName ?? 'A stand-in for Clerk',
    requests: [],
    unknown: [],
    deviceOf: deviceFrom,
  }
}

function appOf(parts: StandInParts): Hono {
  const app = new Hono()
  app.use(cors({ origin: (origin) => origin, credentials: true }))
  app.route('/', page(parts))
  app.route('/stand-in', controls(parts))
  const apis: Record<Group, Hono> = { frontend: frontendApi(parts), backend: backendApi(parts) }
  for (const api of Object.values(apis)) {
    api.notFound((c) => {
      const asked = `${c.req.method} ${c.req.path}`
      remember(parts.unknown, asked)
      return c.json(clerkError('resource_not_found', `The stand-in has no ${asked}.`), 404)
    })
  }
  app.all('*', (c) => apis[groupOf(`${c.req.method} ${c.req.path}`) ?? 'frontend'].fetch(c.req.raw))
  return app
}

/** Null: what is the stand-in's own, and not Clerk's. */
function groupOf(asked: string): Group | null {
  const [, path = ''] = asked.split(' ')
  if (path === '/' || path.startsWith('/stand-in')) return null
  return /^\/v1\/(jwks|sessions|users|sign_in_tokens|clients)(\/|$)/.test(path) ? 'backend' : 'frontend'
}

const KEPT = 1000

function remember(list: string[], what: string): void {
  list.push(what)
  if (list.length > KEPT) list.shift()
}
