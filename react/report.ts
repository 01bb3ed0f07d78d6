/** What the backend is told: sent and forgotten, with the tokens that are already there. */
import type { LogoutIntent } from '../api/contract.ts'
import type { ClerkBrowser } from './clerk-browser.ts'
import { leaving, type LogoutScope } from './sessions.ts'

export interface Report {
  clerk: ClerkBrowser
  /** An address, or a path on the page's own origin. */
  endpoint: string
  scope: LogoutScope
  intent?: LogoutIntent | undefined
}

/**
 * Sends one DELETE for each session that is left, and returns at once. A logout is the same whatever the backend
 * answers, so nobody looks at the answer, and what cannot be sent is a warning in the console.
 */
export function report({ clerk, endpoint, scope, intent }: Report): void {
  try {
    const sessions = leaving(clerk, scope)
    if (clerk.loaded && sessions.length === 0) return
    const url = new URL(endpoint, location.href)
    const tokens = sessions.flatMap(({ lastActiveToken }) => lastActiveToken?.getRawString() ?? [])
    if (tokens.length === 0) tokens.push(cookieToken(url))
    if (intent) url.searchParams.set('intent', intent)
    for (const token of tokens) send(url, token)
  } catch (error) {
    warn(error)
  }
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
