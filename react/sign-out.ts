/** What Clerk is asked for, and where the person lands. */
import { whenLoaded, type ClerkBrowser, type SignOutOptions } from './clerk-browser.ts'
import { leaving, sessionInUse, type LogoutScope } from './sessions.ts'

export interface SignOut {
  clerk: ClerkBrowser
  scope: LogoutScope
  redirectUrl?: string | undefined
}

/**
 * Clerk's `signOut()`, called at once when Clerk has loaded.
 * @throws what Clerk throws.
 */
export async function signOut({ clerk, scope, redirectUrl }: SignOut): Promise<void> {
  if (!clerk.loaded) await whenLoaded(clerk)
  const to = redirectUrl ?? signInUrl(clerk)
  const landing: SignOutOptions = to === undefined ? {} : { redirectUrl: to }
  const session = scope === 'session' ? sessionInUse(clerk) : undefined
  const failedBefore = clerk.session === undefined
  const othersStay = session !== undefined && leaving(clerk, 'browser').length > 1
  await clerk.signOut(session ? { ...landing, sessionId: session.id } : landing)
  // After a failure Clerk takes this session for one of the others: it ends it, and leaves the page as it is.
  if (failedBefore && othersStay) await clerk.setActive({ session: null, ...landing })
}

/** The app's sign-in page, without the way back to the page that the person has just left. */
function signInUrl(clerk: ClerkBrowser): string | undefined {
  const built = clerk.buildSignInUrl()
  if (!built) return undefined
  const url = new URL(built, location.href)
  // From Clerk's own hosted page there is no other way back to the app.
  if (url.origin !== location.origin) return built
  const [path = '', query] = url.hash.split('?')
  const rest = new URLSearchParams(query)
  rest.delete('redirect_url')
  const hash = `${path}?${rest}`.replace(/\?$/, '')
  return url.pathname + url.search + (hash === '#/' ? '' : hash)
}
