/**
 * Rung 1 in a Hono app: `app.route('/', logoutRoutes({ publishableKey }))` serves DELETE /v1/auth/session, and
 * `app.route('/api', …)` serves it under that prefix. Adds nothing else to the host: no middleware, no error handler.
 * @module
 */
import { Hono } from 'hono'
import { mountLogout } from './api/mount-logout.ts'
import { createLogout, type LogoutOptions } from './index.ts'

/** @throws {TypeError} naming the option that is missing or wrong. */
export function logoutRoutes(options: LogoutOptions): Hono {
  const app = new Hono()
  const logout = createLogout(options)
  mountLogout(app, (c) => logout(c.req.raw), options.allowedOrigins ?? [])
  return app
}
