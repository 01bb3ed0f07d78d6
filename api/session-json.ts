/** A session record as JSON: times are RFC 3339 in UTC with milliseconds. */
import type { SessionRecord } from '../session-ends/record.ts'

export function sessionJson(record: SessionRecord) {
  return {
    ...record,
    started_at: rfc3339(record.started_at),
    requested_at: rfc3339(record.requested_at),
    ended_at: rfc3339(record.ended_at),
    ended_at_earliest: rfc3339(record.ended_at_earliest),
    ended_at_latest: rfc3339(record.ended_at_latest),
    duration_ms: isTime(record.started_at) && isTime(record.ended_at) ? record.duration_ms : null,
  }
}

/** The keys of a record, in their order. */
export const recordKeys = [
  'session_id',
  'user_id',
  'org_id',
  'client_id',
  'actor_id',
  'state',
  'started_at',
  'requested_at',
  'ended_at',
  'ended_at_earliest',
  'ended_at_latest',
  'duration_ms',
  'reason',
  'initiator',
  'confidence',
  'intent',
  'unconfirmed',
  'sentence',
] as const satisfies readonly (keyof SessionRecord)[]

const LAST_TIME = 8_640_000_000_000_000

/** Entries of older versions may hold times that no date can hold: those are not known. */
function isTime(ms: number | null): ms is number {
  return ms !== null && ms <= LAST_TIME
}

export function rfc3339(ms: number | null): string | null {
  return isTime(ms) ? new Date(ms).toISOString() : null
}
