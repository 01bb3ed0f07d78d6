/**
 * A web site whose people sign in with Clerk, over real HTTP: under `/v1` the real API with a real trail, unless a test
 * says that it is away; and, on an origin of its own, the stand-in for Clerk's Frontend API.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { openTestApp, type TestApp } from './app.ts'
import { browserAtClerk, type BrowserAtClerk } from './browser-at-clerk.ts'

/** `up`: it is. A number: answers with that status. `never` answers nothing, and keeps the connection. */
export type Backend = 'up' | 'down' | 'never' | number

/** What a page needs to know of it. */
export interface SiteAddress {
  origin: string
  /** Where Clerk is: another origin, as it is for most apps. */
  clerkUrl: string
  publishableKey: string
}

export interface Site extends SiteAddress, AsyncDisposable {
  frontend: BrowserAtClerk
  api: TestApp
  backend: Backend
  /** What came to `/v1`: method, path and query. */
  reports: string[]
  /** What came to `/v1` and to Clerk's sign-out, in the order in which it came. */
  order: string[]
  /** Waits until `/v1` has answered, or hung up, this many times. */
  reported: (times: number) => Promise<void>
}

export async function openSite(): Promise<Site> {
  const api = await openTestApp({ now: Date.now })
  const server = createServer((request, response) => answer(request, response))
  const { promise: listening, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await listening
  const { port } = server.address() as AddressInfo
  const origin = `http://localhost:${port}`
  const frontend = browserAtClerk(api.clerk, origin)
  const listener = getRequestListener(api.app.fetch)
  let answered = 0
  const waiting: { times: number; resolve: () => void }[] = []

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url ?? ''
    if (url.startsWith('/__clerk/')) {
      request.url = url.slice('/__clerk'.length)
      if (/DELETE|remove/.test(url)) site.order.push('sign-out')
      return frontend.answer(request, response)
    }
    site.order.push('report')
    site.reports.push(`${request.method} ${url}`)
    response.once('close', () => {
      answered += 1
      for (const { times, resolve } of waiting) if (answered >= times) resolve()
    })
    if (site.backend === 'up') return void listener(request, response)
    if (site.backend === 'down') return void response.destroy()
    if (site.backend !== 'never') response.writeHead(site.backend).end()
  }

  const site: Site = {
    origin,
    clerkUrl: `http://127.0.0.1:${port}/__clerk`,
    publishableKey: `pk_live_${api.clerk.publishableKey.split('_')[2]}`,
    frontend,
    api,
    backend: 'up',
    reports: [],
    order: [],
    reported: (times) =>
      new Promise((resolve) => {
        if (answered >= times) resolve()
        else waiting.push({ times, resolve })
      }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await api[Symbol.asyncDispose]()
    },
  }
  return site
}
