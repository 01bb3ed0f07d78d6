/** Which sessions a logout is about. */
import type { ClerkBrowser, ClerkSession } from './clerk-browser.ts'

/** `session`: the account in use. `browser`: every account that is signed in, in this browser. */
export type LogoutScope = 'session' | 'browser'

/** What the last logout was about: Clerk forgets which session is in use when a sign-out fails. */
const lastLeft = new WeakMap<ClerkBrowser, string>()

/** The sessions that end. Without an account in use every one, as with Clerk's own `signOut()`. */
export function leaving(clerk: ClerkBrowser, scope: LogoutScope): readonly ClerkSession[] {
  const one = scope === 'session' ? sessionInUse(clerk) : undefined
  return one ? [one] : (clerk.client?.signedInSessions ?? [])
}

/** None while Clerk is loading, or when nobody is signed in. */
export function sessionInUse(clerk: ClerkBrowser): ClerkSession | undefined {
  const session = clerk.session === undefined ? sessionBefore(clerk) : clerk.session
  if (session) lastLeft.set(clerk, session.id)
  return session ?? undefined
}

function sessionBefore(clerk: ClerkBrowser): ClerkSession | undefined {
  const { signedInSessions = [], lastActiveSessionId } = clerk.client ?? {}
  const withId = (wanted: string | null | undefined) => signedInSessions.find(({ id }) => id === wanted)
  return withId(lastLeft.get(clerk)) ?? withId(lastActiveSessionId)
}
