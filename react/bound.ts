/** The hook and the button for one of Clerk's packages: they find `clerk` by its own `useClerk()`. */
import { createElement, forwardRef, type ForwardedRef } from 'react'
import type { ClerkBrowser } from './clerk-browser.ts'
import { LogoutButton, type LogoutButtonProps } from './logout-button.ts'
import { useLogout, type UseLogout, type UseLogoutOptions } from './use-logout.ts'

type UseClerk = () => ClerkBrowser

export function boundUseLogout(useClerk: UseClerk): (options?: UseLogoutOptions) => UseLogout {
  return function useBoundLogout(options = {}) {
    return useLogout({ ...options, clerk: useClerk() })
  }
}

export function boundLogoutButton(useClerk: UseClerk) {
  return forwardRef(function BoundLogoutButton(
    props: LogoutButtonProps,
    ref: ForwardedRef<HTMLButtonElement>,
  ) {
    return createElement(LogoutButton, { ...props, clerk: useClerk(), ref })
  })
}
