/** GET /v1/sessions/{session_id}: how one session stands, how it ended, and the entries that say so. */
import type { ReadPosition } from '../../session-ends/reading.ts'
import { problem } from '../problem.ts'
import { answered, readHeaders } from '../read-answer.ts'
import type { Reads } from '../reads.ts'

export interface SessionDeps {
  reading: Pick<Reads, 'session'>
  /** ms since 1970. */
  now: () => number
}

export function sessionWith({ reading, now }: SessionDeps) {
  return async function session(sessionId: string): Promise<Response> {
    const { position, json } = await reading.session(sessionId, now())
    if (json === null) return problem('not-found', nothingOf(position), readHeaders(position))
    return answered(position, json)
  }
}

/** The records may be behind the trail. */
function nothingOf({ index }: ReadPosition): string {
  return index < 0
    ? 'The session records know no entry of the trail yet; ask again in a moment.'
    : `No entry up to ${index} is about this session; what is recorded later is known within seconds.`
}
