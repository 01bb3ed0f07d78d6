/** Which sessions a logout ends. */
import type { ClerkBrowser, ClerkSession } from './clerk-browser.ts'

/** `session`: the account in use. `browser`: every account that is signed in, in this browser. */
export type LogoutScope = 'session' | 'browser'

/** What a logout that has not ended well was about: Clerk forgets which session was in use when a sign-out fails. */
const unfinished = new WeakMap<ClerkBrowser, string>()

/** The sessions that end. None while Clerk is loading, or when nobody is signed in. */
export function endingSessions(clerk: ClerkBrowser, scope: LogoutScope): readonly ClerkSession[] {
  const { session, client } = clerk
  const signedIn = client?.signedInSessions ?? []
  if (scope === 'browser') return signedIn
  if (session !== undefined) return session ? [session] : []
  const wanted = unfinished.get(clerk) ?? client?.lastActiveSessionId
  return signedIn.filter(({ id }) => id === wanted)
}

/** Remembers the session for a retry, until it is told that there is none. */
export function rememberEnding(clerk: ClerkBrowser, session: ClerkSession | null): void {
  if (session) unfinished.set(clerk, session.id)
  else unfinished.delete(clerk)
}
