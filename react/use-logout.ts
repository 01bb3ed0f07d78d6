/** The hook under the button, for a button of your own. */
import { useCallback, useSyncExternalStore } from 'react'
import type { ClerkBrowser } from './clerk-browser.ts'
import {
  logout,
  logoutState,
  onLogoutState,
  resetLogout,
  type LogoutError,
  type LogoutOptions,
  type LogoutState,
} from './logout.ts'

export interface UseLogoutOptions extends Omit<LogoutOptions, 'clerk'> {
  /** Called when Clerk failed or has not answered in 5 seconds; also when the component is gone by then. */
  onError?: ((error: LogoutError) => void) | undefined
}

export type UseLogout = LogoutState & {
  /** Logs out. Never throws and needs no waiting: `status` and `error` say what comes of it. */
  logout: () => void
  /** Forgets the error. */
  reset: () => void
}

/**
 * `status` and `error` are those of every logout of this `clerk`, so that two buttons on a page agree. `logout` stays the
 * same function while the options do.
 */
export function useLogout({ onError, ...options }: UseLogoutOptions & { clerk: ClerkBrowser }): UseLogout {
  const { clerk, endpoint, scope, intent, redirectUrl } = options
  const subscribe = useCallback((listener: () => void) => onLogoutState(clerk, listener), [clerk])
  const read = () => logoutState(clerk)
  const state = useSyncExternalStore(subscribe, read, read)
  const start = useCallback(() => {
    // One that is on its way tells whoever began it.
    if (logoutState(clerk).status === 'pending') return
    logout({ clerk, endpoint, scope, intent, redirectUrl }).catch((error: LogoutError) => onError?.(error))
  }, [clerk, endpoint, scope, intent, redirectUrl, onError])
  const reset = useCallback(() => resetLogout(clerk), [clerk])
  return { ...state, logout: start, reset }
}
