'use client'
/**
 * `LogoutButton` and `useLogout()` for `@clerk/react`.
 * @module
 */
import { useClerk } from '@clerk/react'
import { boundLogoutButton, boundUseLogout } from './bound.ts'

export type { LogoutIntent } from '../api/contract.ts'
export { logout, LogoutError, type LogoutErrorCode, type LogoutOptions, type LogoutState } from './logout.ts'
export type { LogoutButtonProps, LogoutLabels } from './logout-button.ts'
export type { LogoutScope } from './sessions.ts'
export type { UseLogout, UseLogoutOptions } from './use-logout.ts'

export const useLogout = boundUseLogout(useClerk)
export const LogoutButton = boundLogoutButton(useClerk)
