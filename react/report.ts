/** What the backend is told: sent and forgotten, with the tokens that are already there. */
import type { LogoutIntent } from '../api/contract.ts'
import { whenLoaded, type ClerkBrowser, type ClerkSession } from './clerk-browser.ts'
import { endingSessions, type LogoutScope } from './sessions.ts'

export interface Report {
  clerk: ClerkBrowser
  /** An address, or a path on the page's own origin. */
  endpoint: string
  scope: LogoutScope
  intent?: LogoutIntent | undefined
}

/**
 * Sends one DELETE for each session that ends, and returns at once. A logout is the same whatever the backend answers, so
 * nobody looks at the answer, and what cannot be sent is a warning in the console.
 */
export function report({ clerk, endpoint, scope, intent }: Report): void {
  try {
    if (!endpoint) throw new TypeError('endpoint is empty: give a path, an address or false.')
    const url = new URL(endpoint, location.href)
    if (intent) url.searchParams.set('intent', intent)
    if (clerk.loaded) for (const session of endingSessions(clerk, scope)) send(url, tokenOf(session))
    else {
      send(url, cookieToken(url))
      if (scope === 'browser') sendOthersWhenLoaded(clerk, url)
    }
  } catch (error) {
    warn(error)
  }
}

/** The accounts that the cookie does not know, as soon as Clerk names them and before it ends them. */
function sendOthersWhenLoaded(clerk: ClerkBrowser, url: URL): void {
  const sendOthers = () => {
    const others = endingSessions(clerk, 'browser').filter(({ id }) => id !== clerk.session?.id)
    for (const session of others) send(url, tokenOf(session))
  }
  // When Clerk does not load, no session ends; the sign-out beside this fails with that error.
  whenLoaded(clerk).then(sendOthers, () => undefined)
}

function tokenOf({ lastActiveToken }: ClerkSession): string {
  return lastActiveToken?.getRawString() ?? ''
}

/** `keepalive` lets it outlive the page. Without a token the backend learns that somebody logged out, and not who. */
function send(url: URL, token: string): void {
  const headers = token ? { Authorization: `Bearer ${token}` } : {}
  fetch(url, { method: 'DELETE', keepalive: true, headers }).catch(warn)
}

/**
 * The session token in Clerk's cookie, for a click before Clerk has loaded, or nothing. Only for the page's own origin,
 * to which the browser sends the cookie anyway.
 */
function cookieToken({ origin }: URL): string {
  const cookies = origin === location.origin ? document.cookie : ''
  return /(?:^|; )__session=([^;]+)/.exec(cookies)?.[1] ?? ''
}

function warn(error: unknown): void {
  console.warn('logout-trail: the backend could not be told of the logout.', error)
}
