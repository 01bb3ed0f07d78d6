/** Mounts the logout endpoint in a Hono app, with the methods it does not have; shared by the service and `./hono`. */
import type { Handler, Hono } from 'hono'
import { preflight } from './cors.ts'
import { problem } from './problem.ts'

export const LOGOUT_PATH = '/v1/auth/session'

export function mountLogout(app: Hono, handler: Handler, allowedOrigins: readonly string[]): void {
  app.delete(LOGOUT_PATH, handler)
  app.options(LOGOUT_PATH, (c) => preflight(c.req.raw, allowedOrigins))
  app.all(LOGOUT_PATH, () =>
    problem('method-not-allowed', 'Log out with DELETE.', { Allow: 'DELETE, OPTIONS' }),
  )
}
