'use client'
/**
 * Logging out in a React app; `logout({ clerk })` is no hook, and may be called anywhere. With `@clerk/nextjs` or `@clerk/react`
 * take `logout-trail/react/nextjs` or `logout-trail/react/clerk`, which find `clerk` by themselves.
 * @module
 */
export type { LogoutIntent } from '../api/contract.ts'
export type { ClerkBrowser, ClerkClient, ClerkSession } from './clerk-browser.ts'
export { LogoutButton, type LogoutButtonProps, type LogoutLabels } from './logout-button.ts'
export { logout, LogoutError, type LogoutErrorCode, type LogoutOptions, type LogoutState } from './logout.ts'
export type { LogoutScope } from './sessions.ts'
export { useLogout, type UseLogout, type UseLogoutOptions } from './use-logout.ts'
