/**
 * The example app as people use it: `next start` of the built app with the packed package, the real service behind a door
 * that can be shut, the stand-in for Clerk, and Chromium. Only Clerk is not real.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { startStandIn, type ListeningStandIn } from '../../clerk-stand-in/stand-in.ts'
import { EXAMPLE, missingSteps, NEXT } from '../../examples/demo/build.ts'
import { Children } from '../../examples/demo/children.ts'
import { refuseTaken } from '../../examples/demo/ports.ts'
import { sessionsIn, until } from '../clerk-service.ts'
import { startService, type RunningService } from '../service.ts'
import { launchChromium } from './chromium.ts'

/** Those of the demo: they are built into the app. */
const PORTS = { app: 3000, service: 8787, standIn: 4012 }
export const ORIGIN = `http://localhost:${PORTS.app}`

/** `slow`: after three seconds. A number: that status. */
export type Door = 'open' | 'shut' | 'slow' | 'never' | number

export interface EndToEnd extends AsyncDisposable {
  standIn: ListeningStandIn
  service: RunningService
  browser: Browser
  /** Between the app and the service. */
  door: Door
  /** What came to the service's door: method, path and query. */
  reports: string[]
  /** What the app printed. */
  appLines: string[]
  /** The sessions whose logout the trail holds. */
  recorded: () => string[]
  /** How a session stands, in the words of its record; null when nothing is known of it. */
  sentenceOf: (session: string) => Promise<string | null>
  /** A browser of somebody new, who has nothing open; what it asks of other machines fails the test. */
  open: () => Promise<Person>
}

export interface Person extends AsyncDisposable {
  context: BrowserContext
  page: Page
}

const SLOW_MS = 3000
const READER_KEY = 'r'.repeat(32)

export async function openWorld(): Promise<EndToEnd> {
  await refuseTaken(PORTS)
  const children = new Children()
  const env = {
    CLERK_STAND_IN_URL: `http://127.0.0.1:${PORTS.standIn}`,
    LOGOUT_TRAIL_URL: `http://127.0.0.1:${PORTS.service}`,
    NEXT_TELEMETRY_DISABLED: '1',
  }
  for (const { says, run } of missingSteps(children, env)) {
    console.log(`${says} …`)
    await run()
  }
  const standIn = await startStandIn({ port: PORTS.standIn })
  const { publishableKey, publicPem } = standIn.instance
  const service = await startService({
    env: {
      CLERK_PUBLISHABLE_KEY: publishableKey,
      CLERK_JWT_KEY: publicPem,
      CLERK_AUTHORIZED_PARTIES: ORIGIN,
      CLERK_WEBHOOK_SIGNING_SECRET: standIn.webhookSecret,
      READER_API_KEYS: `e2e:${READER_KEY}`,
      DATABASE_URL: 'file:trail.db',
    },
  })
  standIn.webhooks.url = `${service.url}/v1/webhooks/clerk`
  const world: EndToEnd = {
    standIn,
    service,
    browser: await launchChromium(),
    door: 'open',
    reports: [],
    appLines: [],
    recorded: () => sessionsIn(`${service.folder}/trail.db`),
    sentenceOf: (session) => sentenceOf(service, session),
    open: () => openPerson(world.browser),
    [Symbol.asyncDispose]: async () => {
      await world.browser.close()
      await children.end()
      doorway.closeAllConnections()
      await new Promise((resolve) => doorway.close(resolve))
      await service[Symbol.asyncDispose]()
      await standIn.close()
    },
  }
  const doorway = await openDoorway(world)
  const args = [NEXT, 'start', '-H', 'localhost', '-p', String(PORTS.app)]
  children.start({ name: 'next', args, cwd: EXAMPLE, env, onLine: (line) => world.appLines.push(line) })
  await until(async () => (await statusOf(`${ORIGIN}/sign-in`)) === 200)
  return world
}

async function sentenceOf(service: RunningService, session: string): Promise<string | null> {
  const headers = { Authorization: `Bearer ${READER_KEY}` }
  const answer = await fetch(`${service.url}/v1/sessions/${session}`, { headers })
  return answer.status === 404 ? null : ((await answer.json()) as { sentence: string }).sentence
}

async function statusOf(url: string): Promise<number | null> {
  return fetch(url).then(
    ({ status }) => status,
    // It does not listen yet.
    () => null,
  )
}

async function openDoorway(world: EndToEnd): Promise<Server> {
  const server = createServer((request, response) => {
    world.reports.push(`${request.method} ${request.url}`)
    const { door } = world
    if (door === 'shut') response.destroy()
    else if (door === 'slow') setTimeout(() => passOn(world, request, response), SLOW_MS)
    else if (door === 'open') passOn(world, request, response)
    else if (door !== 'never') response.writeHead(door).end()
  })
  server.listen(PORTS.service, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function passOn({ service }: EndToEnd, request: IncomingMessage, response: ServerResponse): void {
  const passed = httpRequest(
    new URL(request.url ?? '', service.url),
    { method: request.method, headers: request.headers },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    },
  )
  passed.on('error', () => response.destroy())
  request.pipe(passed)
}

async function openPerson(browser: Browser): Promise<Person> {
  const context = await browser.newContext()
  context.setDefaultTimeout(15_000)
  const outside: string[] = []
  context.on('request', (request) => {
    const url = new URL(request.url())
    const local = ['localhost', '127.0.0.1', ''].includes(url.hostname)
    if (!local) outside.push(request.url())
  })
  return {
    context,
    page: await context.newPage(),
    [Symbol.asyncDispose]: async () => {
      await context.close()
      assert.deepEqual(outside, [], 'no request leaves the machine')
    },
  }
}

/** Chooses a person on the sign-in page, and waits for the page behind it. Gives the id of the session. */
export async function signIn(page: Page, name: string): Promise<string> {
  if (!page.url().includes('/sign-in')) await page.goto(`${ORIGIN}/`)
  await page.getByRole('button', { name }).click()
  await page.waitForURL(`${ORIGIN}/`)
  await page.getByRole('heading', { name: 'You are signed in' }).waitFor()
  const session = await page.evaluate(() => (window as unknown as WithClerk).Clerk.session?.id ?? '')
  // What the server made of it, not a page from before.
  await page.getByRole('definition').filter({ hasText: session }).waitFor()
  return session
}

interface WithClerk {
  Clerk: { session?: { id: string } }
}

/** The page of somebody who is not signed in. */
export async function atSignIn(page: Page): Promise<void> {
  await page.waitForURL('**/sign-in**')
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
}

export const people = [
  { id: 'user_ada', firstName: 'Ada', lastName: 'Lovelace' },
  { id: 'user_grace', firstName: 'Grace', lastName: 'Hopper' },
  { id: 'user_alan', firstName: 'Alan', lastName: 'Turing' },
]
