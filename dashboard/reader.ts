/** Who reads: with a key, which is kept in memory only, or with a session of Clerk. */
import type { Clerk } from './clerk.ts'

export interface Reader {
  with: 'key' | 'clerk'
  /** Good now. */
  credential: () => Promise<string>
  /** Ends it, as far as this page can. */
  leave: () => Promise<void>
}

export function readerWithKey(key: string): Reader {
  return { with: 'key', credential: () => Promise.resolve(key), leave: () => Promise.resolve() }
}

export function readerWithClerk(clerk: Clerk): Reader {
  return {
    with: 'clerk',
    credential: async () => (await clerk.session?.getToken()) ?? '',
    leave: () => clerk.signOut({ redirectUrl: location.href }),
  }
}

/** `#key=…`, as the development banner prints it. A fragment is never sent anywhere. */
export function takeKeyFromAddress(): string | null {
  const [, key] = /^#key=(.+)$/.exec(location.hash) ?? []
  if (key === undefined) return null
  history.replaceState(history.state, '', location.pathname + location.search)
  try {
    return decodeURIComponent(key)
  } catch (error) {
    // Cut off in the middle: no key then, as the service will say.
    if (error instanceof URIError) return key
    throw error
  }
}
