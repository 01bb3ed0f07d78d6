/**
 * Rung 1 in a Next.js app, in `app/v1/auth/session/route.ts`:
 *
 * ```ts
 * export const { DELETE } = logoutRoute({ publishableKey: process.env.NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY })
 * ```
 * @module
 */
import { createLogout, type Logout, type LogoutOptions } from './index.ts'

/**
 * The options are looked at when the first logout comes, so that `next build` needs no keys.
 * @throws {TypeError} from `DELETE`, naming the option that is missing or wrong.
 */
export function logoutRoute(options: LogoutOptions): { DELETE: Logout } {
  let logout: Logout | undefined
  return {
    DELETE: async (request) => {
      logout ??= createLogout(options)
      return logout(request)
    },
  }
}
