'use client'
/**
 * `LogoutButton` and `useLogout()` for `@clerk/nextjs`.
 * @module
 */
import { useClerk } from '@clerk/nextjs'
import { boundLogoutButton, boundUseLogout } from './bound.ts'

export type * from './index.ts'
export { logout, LogoutError } from './logout.ts'
export const useLogout = boundUseLogout(useClerk)
export const LogoutButton = boundLogoutButton(useClerk)
