/**
 * A page in a browser, as far as jsdom is one, with the real clerk-js. One page at a time is the process's `window`; a
 * second tab is a page in a worker thread.
 */
import { JSDOM } from 'jsdom'
import type * as clerkJs from '@clerk/clerk-js/no-rhc'
import type { Site } from './site.ts'

export interface Page extends Disposable {
  clerk: clerkJs.Clerk
  document: Document
  /** Where the page was sent: paths that the app's router got, in order. */
  landings: string[]
  load: () => Promise<void>
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
export async function openPage(
  site: Pick<Site, 'origin' | 'publishableKey'>,
  path = '/settings',
): Promise<Page> {
  const { window } = new JSDOM('<!doctype html><div id="app"></div>', {
    url: `${site.origin}${path}`,
    pretendToBeVisual: true,
  })
  const browser = window as unknown as Record<string, unknown>
  for (const name of GLOBALS) define(name, browser[name])
  define('window', window)
  const held = holdBackground()
  // As the browser's own: paths count from the page, and it says where it comes from.
  define('fetch', (input: string | URL, init: RequestInit = {}) => {
    const headers = new Headers(init.headers)
    headers.set('origin', window.location.origin)
    return nodeFetch(new URL(input, window.location.href), { ...init, headers })
  })
  browser['fetch'] = globalThis.fetch

  // A page has its own copy of every module.
  const { Clerk } = (await import(
    `${import.meta.resolve('@clerk/clerk-js/no-rhc')}?page=${(opened += 1)}`
  )) as typeof clerkJs
  const clerk = new Clerk(site.publishableKey, { proxyUrl: `${site.origin}/__clerk` })
  const landings: string[] = []
  const land = (to: string) => landings.push(to)
  return {
    clerk,
    document: window.document,
    landings,
    load: () =>
      clerk.load({ signInUrl: '/sign-in', routerPush: land, routerReplace: land, telemetry: false }),
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
