/**
 * Rung 1 in a Next.js app, in `app/v1/auth/session/route.ts`:
 *
 * ```ts
 * export const { DELETE, OPTIONS } = logoutRoute({ publishableKey: process.env.NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY })
 * ```
 * @module
 */
import { createLogout, type Logout, type LogoutOptions } from './index.ts'

/**
 * The options are looked at when the first logout comes, so that `next build` needs no keys.
 * @throws {TypeError} from `DELETE`, naming the option that is missing or wrong.
 */
export function logoutRoute(options: LogoutOptions): { DELETE: Logout; OPTIONS: Logout } {
  let logout: Logout | undefined
  const answer: Logout = async (request) => {
    logout ??= createLogout(options)
    return logout(request)
  }
  // OPTIONS is needed only for pages of another origin (`allowedOrigins`): Next's own knows no CORS.
  return { DELETE: answer, OPTIONS: answer }
}
