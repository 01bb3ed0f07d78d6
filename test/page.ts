/**
 * A page in a browser, as far as jsdom is one, with the real clerk-js. One page at a time is the process's `window`; a
 * second tab is a page in a worker thread.
 */
import { JSDOM, type DOMWindow } from 'jsdom'
import type * as clerkJs from '@clerk/clerk-js/no-rhc'
import { openSite, type Site, type SiteAddress } from './site.ts'

export interface Page extends Disposable {
  clerk: clerkJs.Clerk
  window: DOMWindow
  document: Document
  /** Where the page was sent: paths that the app's router got, in order. */
  landings: string[]
  /** What the page has asked for, in order: method, path and query. */
  fetches: { asked: string; init: RequestInit }[]
  load: (signInUrl?: string) => Promise<void>
  /** The app's router. */
  land: (to: string) => void
  /** Waits until the page was sent somewhere. */
  landed: () => Promise<void>
  /** Waits for the answers to all that was fetched. */
  settled: () => Promise<unknown>
  /** As when the cable is pulled: `navigator.onLine` is false, and nothing can be fetched. */
  goOffline: () => void
}

/** A site where these users are signed in, the last one in use, and a page of it that has loaded. */
export async function openSignedIn(...users: string[]): Promise<SignedIn> {
  const site = await openSite()
  for (const user of users) site.frontend.signIn(user)
  const page = await openPage(site)
  await page.load()
  site.frontend.requests.length = 0
  page.fetches.length = 0
  return {
    site,
    page,
    [Symbol.asyncDispose]: async () => {
      site.frontend.release()
      if (site.backend === 'up') await page.settled()
      await site[Symbol.asyncDispose]()
      await page.settled()
      page[Symbol.dispose]()
    },
  }
}

export interface SignedIn extends AsyncDisposable {
  site: Site
  page: Page
}

let opened = 0

const GLOBALS = [
  'document',
  'location',
  'navigator',
  'history',
  'HTMLElement',
  'Node',
  'Element',
  'Event',
  'CustomEvent',
]

/** Opens a page of the site, with a clerk-js of its own. It has not loaded yet. */
export async function openPage(site: SiteAddress): Promise<Page> {
  const { window } = new JSDOM('<!doctype html>', {
    url: `${site.origin}/settings`,
    pretendToBeVisual: true,
  })
  const browser = window as unknown as Record<string, unknown>
  for (const name of GLOBALS) define(name, browser[name])
  define('window', window)
  const held = holdBackground()
  // As the browser's own: paths count from the page, and it says where it comes from.
  const fetches: Page['fetches'] = []
  let online = true
  Object.defineProperty(window.navigator, 'onLine', { get: () => online })
  const answers: Promise<Response>[] = []
  const answer = async (url: URL, init: RequestInit) => {
    if (!online) throw new TypeError('Failed to fetch')
    const headers = new Headers(init.headers)
    headers.set('origin', window.location.origin)
    return nodeFetch(url, { ...init, headers })
  }
  define('fetch', (input: string | URL, init: RequestInit = {}) => {
    const url = new URL(input, window.location.href)
    fetches.push({ asked: `${init.method} ${url.pathname}${url.search}`, init })
    const answered = answer(url, init)
    answers.push(answered)
    return answered
  })
  browser['fetch'] = globalThis.fetch

  // A page has its own copy of every module.
  const { Clerk } = (await import(
    `${import.meta.resolve('@clerk/clerk-js/no-rhc')}?page=${(opened += 1)}`
  )) as typeof clerkJs
  const clerk = new Clerk(site.publishableKey, { proxyUrl: site.clerkUrl })
  const landings: string[] = []
  const { promise: landed, resolve: nowLanded } = Promise.withResolvers<void>()
  const land = (to: string) => {
    landings.push(to)
    nowLanded()
  }
  return {
    clerk,
    window,
    document: window.document,
    landings,
    fetches,
    land,
    landed: () => landed,
    settled: () => Promise.allSettled(answers),
    goOffline: () => (online = false),
    load: (signInUrl = '/sign-in') =>
      clerk.load({ signInUrl, routerPush: land, routerReplace: land, telemetry: false }),
    [Symbol.dispose]: () => {
      held[Symbol.dispose]()
      window.close()
    },
  }
}

const nodeFetch = fetch
const nodeSetTimeout = setTimeout
const NodeBroadcastChannel = BroadcastChannel

/** What runs on in a page until it is closed: here it would keep the process from ending. */
function holdBackground(): Disposable {
  const channels: BroadcastChannel[] = []
  const timers: NodeJS.Timeout[] = []
  define(
    'BroadcastChannel',
    class extends NodeBroadcastChannel {
      constructor(name: string) {
        super(name)
        channels.push(this)
      }
    },
  )
  define('setTimeout', (callback: () => void, ms?: number, ...args: []) => {
    const timer = nodeSetTimeout(callback, ms, ...args)
    timers.push(timer)
    return timer
  })
  return {
    [Symbol.dispose]: () => {
      for (const channel of channels) channel.close()
      for (const timer of timers) clearTimeout(timer)
    },
  }
}

function define(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
}
