/** What Clerk is asked for, and where the person lands. */
import { whenLoaded, type ClerkBrowser } from './clerk-browser.ts'
import { endingSessions, rememberEnding, type LogoutScope } from './sessions.ts'

export interface SignOut {
  clerk: ClerkBrowser
  scope: LogoutScope
  redirectUrl?: string | undefined
}

/**
 * Clerk's `signOut()`, called at once when Clerk has loaded. When nobody is in use, because another tab was faster, the
 * person lands all the same, and no other account ends.
 * @throws what Clerk throws.
 */
export async function signOut({ clerk, scope, redirectUrl }: SignOut): Promise<void> {
  if (!clerk.loaded) await whenLoaded(clerk)
  const to = redirectUrl ?? signInUrl(clerk)
  const landing = to === undefined ? {} : { redirectUrl: to }
  const [session] = endingSessions(clerk, scope)
  // An old Clerk that cannot say when it has loaded remembers the call by itself.
  if (!clerk.loaded || (session && scope === 'browser')) return clerk.signOut(landing)
  if (!session) return clerk.setActive({ session: null, ...landing })

  const failedBefore = clerk.session === undefined
  const othersStay = endingSessions(clerk, 'browser').length > 1
  rememberEnding(clerk, session)
  await clerk.signOut({ sessionId: session.id, ...landing })
  // After a failure Clerk takes this session for one of the others: it ends it, and leaves the page as it is.
  if (failedBefore && othersStay) await clerk.setActive({ session: null, ...landing })
  rememberEnding(clerk, null)
}

/** The app's sign-in page, without the way back to the page that the person has just left; nothing if it is unknown. */
function signInUrl(clerk: ClerkBrowser): string | undefined {
  try {
    const built = clerk.buildSignInUrl()
    return built ? withoutWayBack(built) : undefined
  } catch (error) {
    // Clerk lands where it does by default: a wrong address must not keep anybody signed in.
    console.warn('logout-trail: Clerk’s signInUrl is no address.', error)
    return undefined
  }
}

function withoutWayBack(address: string): string {
  const url = new URL(address, location.href)
  // From Clerk's own hosted page there is no other way back to the app.
  if (url.origin !== location.origin) return address
  const [path = '', query] = url.hash.split('?')
  const rest = new URLSearchParams(query)
  rest.delete('redirect_url')
  const hash = `${path}?${rest}`.replace(/\?$/, '')
  return url.pathname + url.search + (hash === '#/' ? '' : hash)
}
