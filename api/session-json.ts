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
  }
}

const LAST_TIME = 8_640_000_000_000_000

/** A time that no calendar has is not known. */
function rfc3339(ms: number | null): string | null {
  return ms === null || ms > LAST_TIME ? null : new Date(ms).toISOString()
}
