/** Rung 2: writes a verified logout into the trail, and says how much is promised of it. */
import { logoutRequested } from '../trail/entry.ts'
import type { AppendOutcome, Trail } from '../trail/trail.ts'
import type { VerifiedCaller } from './caller.ts'
import type { LogoutRequest } from './logout-request.ts'
import type { RecordOfCaller } from './routes/auth.ts'

/** Where a request came from, as the trail keeps it. */
export interface Network {
  ip: string | null
  user_agent: string | null
}

export interface RecordDeps {
  networkOf: (request: Request) => Network
  onUnknownIntent: () => void
}

export function recordIn(trail: Trail, { networkOf, onUnknownIntent }: RecordDeps) {
  return async function record(
    caller: VerifiedCaller,
    logout: LogoutRequest,
    request: Request,
  ): Promise<RecordOfCaller> {
    if (logout.unknownIntent) onUnknownIntent()
    const report = logoutRequested(logout.at, {
      session_id: caller.sessionId,
      user_id: caller.userId,
      actor_id: caller.actorId,
      org_id: caller.orgId,
      azp: caller.azp,
      token_iat: caller.tokenIat,
      token_state: caller.tokenState,
      request_id: logout.requestId,
      trace_id: logout.traceId,
      intent: logout.intent,
      ...networkOf(request),
    })
    return promiseOf(await trail.append(report))
  }
}

function promiseOf(outcome: AppendOutcome): RecordOfCaller {
  switch (outcome) {
    case 'durable':
    case 'duplicate':
      return outcome
    case 'timed-out':
    case 'queue-full':
    case 'store-failed':
    case 'rejected':
    case 'closed':
      return 'logged'
  }
}
