/** GET /v1/sessions/{session_id}: how one session stands, how it ended, and the entries that say so. */
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
    if (json === null)
      return problem('not-found', 'No entry of the trail is about this session.', readHeaders(position))
    return answered(position, json)
  }
}
