/** The dashboard where people sign in with Clerk: its host is the stand-in, which the browser believes to be there. */
import type { BrowserContext } from 'playwright-core'
import { startStandIn } from '../../clerk-stand-in/stand-in.ts'
import { startService } from '../service.ts'
import { launchChromium } from './chromium.ts'
import { buildDashboard, visitor, type Visitor } from './dashboard-world.ts'

export interface WithClerk extends AsyncDisposable {
  url: string
  /** The host of Clerk’s own pages. */
  accounts: string
  visitor: Visitor
  /** The session tokens that the page sent. */
  tokens: Set<string>
  /** As on Clerk's own page, which there is none of here; then this path. */
  signIn: (user: string, path: string) => Promise<void>
}

export async function openWithClerk(readers: readonly string[]): Promise<WithClerk> {
  buildDashboard()
  const standIn = await startStandIn()
  for (const id of ['user_ada', 'user_grace']) {
    standIn.world.addUser({ id, firstName: id, lastName: 'X', email: `${id}@example.com` })
  }
  const { publishableKey, publicPem, issuer } = standIn.instance
  const host = new URL(issuer).hostname
  const service = await startService({
    env: {
      CLERK_PUBLISHABLE_KEY: publishableKey,
      CLERK_JWT_KEY: publicPem,
      READER_USER_IDS: readers.join(','),
      DATABASE_URL: 'file:trail.db',
    },
  })
  const accounts = host.replace('.clerk.', '.')
  const browser = await launchChromium()
  const context = await browser.newContext()
  await context.route(`https://${host}/**`, async (route) => {
    const { pathname, search } = new URL(route.request().url())
    const response = await route.fetch({ url: standIn.url + pathname + search })
    if (pathname !== '/v1/environment') return route.fulfill({ response })
    // An app without pages of its own leaves signing in to a page of Clerk.
    const json = (await response.json()) as { display_config: { sign_in_url: string } }
    json.display_config.sign_in_url = `https://${accounts}/sign-in`
    return route.fulfill({ response, json })
  })
  await context.route(`https://${accounts}/**`, (route) => route.fulfill({ body: 'Clerk’s page' }))
  const tokens = tokensOf(context)
  const visiting = await visitor(context, [host, accounts])
  const { page } = visiting
  return {
    url: service.url,
    accounts,
    visitor: visiting,
    tokens,
    signIn: async (user, path) => {
      await page.goto(service.url + path)
      await page.getByRole('button', { name: 'Sign in with Clerk' }).waitFor()
      await page.evaluate(signInWith, standIn.world.newTicket(user))
      await page.goto(service.url + path)
    },
    [Symbol.asyncDispose]: async () => {
      await visiting[Symbol.asyncDispose]()
      await browser.close()
      await service[Symbol.asyncDispose]()
      await standIn.close()
    },
  }
}

interface WindowWithClerk {
  Clerk: {
    client: { signIn: { create: (with_: object) => Promise<{ createdSessionId: string }> } }
    setActive: (to: { session: string }) => Promise<void>
  }
}

async function signInWith(ticket: string): Promise<void> {
  const { Clerk } = window as unknown as WindowWithClerk
  const { createdSessionId } = await Clerk.client.signIn.create({ strategy: 'ticket', ticket })
  await Clerk.setActive({ session: createdSessionId })
}

function tokensOf(context: BrowserContext): Set<string> {
  const tokens = new Set<string>()
  context.on('request', (request) => {
    const [, token] = /^Bearer (.+\..+\..+)$/.exec(request.headers()['authorization'] ?? '') ?? []
    if (token !== undefined) tokens.add(token)
  })
  return tokens
}
