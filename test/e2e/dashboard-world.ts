/** The service alone, in development mode, with a month of invented history, and a browser that looks at its dashboard. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { DEVELOPMENT_ISSUER } from '../../api/clerk/development.ts'
import { seed } from '../../examples/demo/seed.ts'
import { until } from '../clerk-service.ts'
import { ROOT } from '../documents.ts'
import { startService, temporaryFolder, type RunningService } from '../service.ts'
import { launchChromium } from './chromium.ts'

export interface DashboardWorld extends AsyncDisposable {
  service: RunningService
  /** Of the link that the service prints. */
  key: string
  browser: Browser
  /** A new browser; what it asks of other machines, and what it complains of, fails the test. */
  open: (options?: BrowserContextOptions) => Promise<Visitor>
  /** Logs somebody out, and gives the status. */
  logout: () => Promise<number>
}

export interface Visitor extends AsyncDisposable {
  context: BrowserContext
  page: Page
  /** What the page complained of. */
  complaints: string[]
}

export interface WorldOptions {
  days?: number
  env?: Record<string, string>
}

export async function openDashboard({ days = 30, env = {} }: WorldOptions = {}): Promise<DashboardWorld> {
  buildDashboard()
  const folder = temporaryFolder()
  if (days > 0) {
    await seed({
      path: join(folder, 'trail.db'),
      issuer: DEVELOPMENT_ISSUER,
      until: Date.now(),
      days,
      sessionsADay: 60,
    })
  }
  const service = await startService({ folder, env: { DATABASE_URL: 'file:trail.db', ...env } })
  const [, key = ''] = /#key=([0-9a-f]{48})$/.exec(await service.line(/#key=/)) ?? []
  await until(async () => {
    const metrics = await (await fetch(`${service.url}/metrics`)).text()
    return /^logout_trail_records_lag_entries 0$/m.test(metrics)
  })
  const browser = await launchChromium()
  return {
    service,
    key,
    browser,
    open: async (options = {}) => {
      const context = await browser.newContext({
        timezoneId: 'Europe/Berlin',
        viewport: { width: 1280, height: 900 },
        ...options,
      })
      return visitor(context)
    },
    logout: async () => {
      const token = await (await fetch(`${service.url}/dev/token`)).text()
      const headers = { Authorization: `Bearer ${token}` }
      return (await fetch(`${service.url}/v1/auth/session`, { method: 'DELETE', headers })).status
    },
    [Symbol.asyncDispose]: async () => {
      await browser.close()
      await service[Symbol.asyncDispose]()
    },
  }
}

/** As `npm start` does before the service: nothing, when it is built already. */
export function buildDashboard(): void {
  const { status } = spawnSync(process.execPath, [join(ROOT, 'build.ts'), 'dashboard'], {
    cwd: ROOT,
    stdio: 'inherit',
  })
  assert.equal(status, 0)
}

export async function visitor(context: BrowserContext, others: readonly string[] = []): Promise<Visitor> {
  context.setDefaultTimeout(10_000)
  const outside: string[] = []
  const complaints: string[] = []
  context.on('request', (request) => {
    const { hostname, protocol } = new URL(request.url())
    const near = ['localhost', '127.0.0.1', ...others].includes(hostname)
    if (!near && !['blob:', 'data:'].includes(protocol)) outside.push(request.url())
  })
  const page = await context.newPage()
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    // A refusal that the page shows is in the console too.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) {
      complaints.push(message.text())
    }
  })
  return {
    context,
    page,
    complaints,
    [Symbol.asyncDispose]: async () => {
      // What a page asks for while it goes is answered by nobody.
      await context.unrouteAll({ behavior: 'ignoreErrors' })
      await context.close()
      assert.deepEqual(outside, [], 'no request leaves the machine')
      assert.deepEqual(complaints, [], 'the page complains of nothing')
    },
  }
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

interface WithAxe {
  axe: { run: () => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> }
}

/** What axe finds on the page as it is. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  const found = await page.evaluate(async () => {
    const { violations } = await (window as unknown as WithAxe).axe.run()
    return violations
  })
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}
