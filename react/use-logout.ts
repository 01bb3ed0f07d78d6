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

/** `status` and `error` are those of every logout of this `clerk`, so that two buttons on a page agree. */
export function useLogout({ onError, ...options }: UseLogoutOptions & { clerk: ClerkBrowser }): UseLogout {
  const { clerk } = options
  const subscribe = useCallback((listener: () => void) => onLogoutState(clerk, listener), [clerk])
  const state = useSyncExternalStore(
    subscribe,
    () => logoutState(clerk),
    () => logoutState(clerk),
  )
  return {
    ...state,
    logout: () => {
      logout(options).catch((error: LogoutError) => onError?.(error))
    },
    reset: () => resetLogout(clerk),
  }
}
