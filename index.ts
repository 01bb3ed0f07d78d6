/**
 * Rung 1: the logout handler alone, for the API you already have. It verifies Clerk's session token, writes one log
 * line and answers 200. No store, no environment, no `node:` import: it needs `Request`, `Response` and Web Crypto. On
 * Workers give it `jwtKey`: a key fetch that requests share has not been tried there.
 *
 * ```ts
 * const logout = createLogout({ publishableKey: 'pk_live_…' })
 * // DELETE /v1/auth/session
 * const response = await logout(request)
 * ```
 * @module
 */
import { clerkFrom, type ClerkOptions } from './api/clerk/identify.ts'
import { preflight } from './api/cors.ts'
import { logoutLog, type LogoutSummary } from './api/logout-log.ts'
import type { LogoutEvent } from './api/logout-event.ts'
import { logoutWith } from './api/routes/auth.ts'

export type { LogoutEvent, LogoutRecord } from './api/logout-event.ts'
export type { LogoutSummary } from './api/logout-log.ts'
export type { Refusal } from './api/caller.ts'

export interface LogoutOptions extends ClerkOptions {
  /** Where the log lines go; may be async. Default: one line of JSON each to `console.log`. */
  log?: ((line: LogoutEvent | LogoutSummary) => unknown) | undefined
}

/** Answers a logout with 200 and `Logout-Record: logged` or `anonymous`, and OPTIONS (CORS) with 204. */
export type Logout = (request: Request) => Promise<Response>

/** @throws {TypeError} naming the option that is missing or wrong. */
export function createLogout(options: LogoutOptions): Logout {
  const clerk = clerkFrom(options, { onKeyFailure: reportKeyFailure })
  const allowedOrigins = options.allowedOrigins ?? []
  const logout = logoutWith({
    identify: clerk.identify,
    record: async () => 'logged',
    log: logoutLog(guarded(options.log ?? printLine)).write,
    now: options.now ?? Date.now,
    auditRequired: false,
    allowedOrigins,
  })
  return async (request) =>
    request.method === 'OPTIONS' ? preflight(request, allowedOrigins) : logout(request)
}

type Line = LogoutEvent | LogoutSummary

function printLine(line: Line): void {
  console.log(JSON.stringify(line))
}

/** A log that fails, at once or later, must not stop a logout, and must not lose its line. */
function guarded(log: NonNullable<LogoutOptions['log']>): (line: Line) => void {
  return (line) => {
    const failed = (error: unknown) => {
      printLine(line)
      console.error('logout-trail: the log option failed; its line went to the console.', error)
    }
    try {
      Promise.resolve(log(line)).catch(failed)
    } catch (error) {
      failed(error)
    }
  }
}

function reportKeyFailure(error: unknown): void {
  console.error(
    'logout-trail: Clerk’s keys could not be had; logouts are logged without a user until they can.',
    error,
  )
}
