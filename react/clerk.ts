'use client'
/**
 * `LogoutButton` and `useLogout()` for `@clerk/react`.
 * @module
 */
import { useClerk } from '@clerk/react'
import { boundLogoutButton, boundUseLogout } from './bound.ts'

export type * from './index.ts'
export { logout, LogoutError } from './logout.ts'
export const useLogout = boundUseLogout(useClerk)
export const LogoutButton = boundLogoutButton(useClerk)
