/**
 * Rung 1: the logout handler alone, for the API you already have. It verifies Clerk's session token, writes one log
 * line and answers 200. No store, no environment, no `node:` import: it runs wherever `Request` and `Response` do.
 *
 * ```ts
 * const logout = createLogout({ publishableKey: 'pk_live_…' })
 * // DELETE /v1/auth/session
 * const response = await logout(request)
 * ```
 * @module
 */
import { clerkFrom, type ClerkOptions } from './api/clerk/identify.ts'
import { logoutLog, type LogoutSummary } from './api/logout-log.ts'
import type { LogoutEvent } from './api/logout-event.ts'
import { logoutWith } from './api/routes/auth.ts'

export type { LogoutEvent, LogoutRecord } from './api/logout-event.ts'
export type { LogoutSummary } from './api/logout-log.ts'
export type { Refusal } from './api/caller.ts'

export interface LogoutOptions extends ClerkOptions {
  /** Where the log lines go. Default: one line of JSON each to `console.log`. */
  log?: ((line: LogoutEvent | LogoutSummary) => void) | undefined
}

/** Answers any request with 200 and `Logout-Record: logged` or `anonymous`. */
export type Logout = (request: Request) => Promise<Response>

/** @throws {TypeError} naming the option that is missing or wrong. */
export function createLogout(options: LogoutOptions): Logout {
  const clerk = clerkFrom(options, reportKeyFailure)
  return logoutWith({
    identify: clerk.identify,
    record: async () => 'logged',
    log: logoutLog(guarded(options.log ?? printLine)).write,
    now: options.now ?? Date.now,
    auditRequired: false,
    allowedOrigins: options.allowedOrigins ?? [],
  })
}

type Line = LogoutEvent | LogoutSummary

function printLine(line: Line): void {
  console.log(JSON.stringify(line))
}

/** A log that throws must not stop a logout, and must not lose its line. */
function guarded(log: (line: Line) => void): (line: Line) => void {
  return (line) => {
    try {
      log(line)
    } catch (error) {
      printLine(line)
      console.error('logout-trail: the log option threw; the line went to the console.', error)
    }
  }
}

function reportKeyFailure(error: unknown): void {
  console.error(
    'logout-trail: Clerk’s keys could not be had; logouts are logged without a user until they can.',
    error,
  )
}
