/** What is used of clerk-js: the object that `useClerk()` gives, of any major version that has these. */
export interface ClerkBrowser {
  loaded: boolean
  /** `undefined` also while Clerk signs out, and for good when that fails. */
  session?: ClerkSession | null | undefined
  client?: ClerkClient | null | undefined
  signOut: (options: SignOutOptions) => Promise<void>
  setActive: (options: { session: null; redirectUrl?: string }) => Promise<void>
  /** Nothing before Clerk has loaded. */
  buildSignInUrl: () => string | undefined
  on?: ((event: 'status', listener: StatusListener, options: { notify: boolean }) => void) | undefined
  off?: ((event: 'status', listener: StatusListener) => void) | undefined
}

export interface ClerkSession {
  id: string
  lastActiveToken: { getRawString: () => string } | null
}

export interface ClerkClient {
  /** Of all accounts that are signed in, in this browser. */
  signedInSessions: readonly ClerkSession[]
  /** Of the whole browser; another tab may have another. */
  lastActiveSessionId: string | null
}

export interface SignOutOptions {
  sessionId?: string
  redirectUrl?: string
}

export type StatusListener = (status: 'degraded' | 'error' | 'loading' | 'ready') => void

/** Waits for a Clerk that is still loading: its own `signOut()` would answer at once, and do it later or never. */
export function whenLoaded(clerk: ClerkBrowser): Promise<void> {
  return new Promise((resolve, reject) => {
    const listener: StatusListener = (status) => {
      if (status === 'loading') return
      // Not now: clerk-js would leave out the listener after this one.
      queueMicrotask(() => clerk.off?.('status', listener))
      if (status === 'error') reject(new Error('Clerk did not load.'))
      else resolve()
    }
    if (clerk.on) clerk.on('status', listener, { notify: true })
    else resolve()
  })
}
