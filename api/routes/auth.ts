/**
 * DELETE /v1/auth/session: a person logs out. Clerk ends the session, in the browser; we write down that it was
 * asked for, and answer 200 whatever happens to us, because nothing of ours may stop a logout.
 *
 * The one exception is `AUDIT_REQUIRED=on`: a logout that is surely logged but not surely recorded answers 503,
 * so that the caller can send it again.
 */
import type { Caller, VerifiedCaller } from '../caller.ts'
import { corsHeaders } from '../cors.ts'
import { logoutEvent, type LogoutEvent, type LogoutRecord } from '../logout-event.ts'
import { readLogout, type LogoutRequest } from '../logout-request.ts'
import { details, problem } from '../problem.ts'

export interface LogoutDeps {
  /** Who the request comes from, as far as its token proves it. */
  identify: (request: Request) => Promise<Caller>
  /** Makes the logout durable, or says in bounded time that this could not be confirmed. */
  record: (caller: VerifiedCaller, logout: LogoutRequest, request: Request) => Promise<RecordOfCaller>
  log: (event: LogoutEvent) => void
  /** ms since 1970. */
  now: () => number
  auditRequired: boolean
  allowedOrigins: readonly string[]
}

export type RecordOfCaller = Exclude<LogoutRecord, 'anonymous'>

const BODY = JSON.stringify({ success: true, message: 'Logged out successfully' })

export function logoutWith({ identify, record, log, now, auditRequired, allowedOrigins }: LogoutDeps) {
  async function recordOf(caller: Caller, logout: LogoutRequest, request: Request): Promise<LogoutRecord> {
    if (caller.is === 'verified') return record(caller, logout, request)
    return caller.is === 'undecided' ? 'logged' : 'anonymous'
  }

  return async function logout(request: Request): Promise<Response> {
    const asked = readLogout(request, now())
    const caller = await identify(request)
    const recorded = await recordOf(caller, asked, request)
    log(logoutEvent(recorded, caller, asked))
    const headers = { 'Logout-Record': recorded, ...corsHeaders(request, allowedOrigins) }
    if (recorded === 'logged' && auditRequired) {
      return problem('logout-not-recorded', details['logout-not-recorded'], headers)
    }
    return new Response(BODY, {
      headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...headers },
    })
  }
}
