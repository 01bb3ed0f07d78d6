/** What is known of one logout, as the log line has it. */
import type { Intent } from '../trail/entry.ts'
import type { Caller, Refusal } from './caller.ts'
import type { LogoutRequest } from './logout-request.ts'

/**
 * How much is promised about a logout, also in the header `Logout-Record`.
 * - `durable`: it is in the trail, synced to disk.
 * - `duplicate`: this token's logout already was.
 * - `logged`: the log line is the only record that is sure.
 * - `anonymous`: nobody was proved, so nothing is recorded.
 */
export type LogoutRecord = 'durable' | 'duplicate' | 'logged' | 'anonymous'

/**
 * One line of the log. The keys are written in this order, absent ones left out:
 * `{"event":"user_logout","timestamp":"2026-11-23T12:00:00.000Z","record":"durable","user_id":"user_1",…}`
 */
export interface LogoutEvent {
  event: 'user_logout'
  /** ISO 8601, UTC. */
  timestamp: string
  record: LogoutRecord
  user_id?: string | undefined
  session_id?: string | undefined
  org_id?: string | undefined
  intent?: Intent | undefined
  refused?: Refusal | undefined
  request_id: string
  trace_id?: string | undefined
}

/** Names a person only when the token proved who it was. */
export function logoutEvent(record: LogoutRecord, caller: Caller, request: LogoutRequest): LogoutEvent {
  const who = caller.is === 'verified' ? caller : undefined
  return {
    event: 'user_logout',
    timestamp: new Date(request.at).toISOString(),
    record,
    user_id: who?.userId,
    session_id: who?.sessionId,
    org_id: who?.orgId ?? undefined,
    intent: request.intent ?? undefined,
    refused: caller.is === 'verified' ? undefined : caller.refused,
    request_id: request.requestId,
    trace_id: request.traceId ?? undefined,
  }
}
