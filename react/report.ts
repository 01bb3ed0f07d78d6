/** What the backend is told: sent and forgotten, with the tokens that are already there. */
import type { LogoutIntent } from '../api/contract.ts'
import type { ClerkBrowser } from './clerk-browser.ts'
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
    for (const token of clerk.loaded ? tokens(clerk, scope) : [cookieToken(url)]) send(url, token)
  } catch (error) {
    warn(error)
  }
}

function tokens(clerk: ClerkBrowser, scope: LogoutScope): string[] {
  return endingSessions(clerk, scope).map(({ lastActiveToken }) => lastActiveToken?.getRawString() ?? '')
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
