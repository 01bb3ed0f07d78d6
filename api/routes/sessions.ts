/** GET /v1/sessions/{session_id}: how one session stands, how it ended, and the entries that say so. */
import type { SessionRecord } from '../../session-ends/record.ts'
import type { Entry } from '../../trail/entry.ts'
import { problem } from '../problem.ts'
import { sessionJson } from '../session-json.ts'

export interface SessionSource {
  find: (sessionId: string) => Promise<FoundRecord | null>
  /** `<epoch>/<index>`: up to which entry the records know the trail; null before the first. */
  position: () => string | null
}

export interface FoundRecord {
  record: SessionRecord
  entries: Entry[]
}

export function sessionWith({ find, position }: SessionSource) {
  return async function session(sessionId: string): Promise<Response> {
    const at = position()
    const headers: Record<string, string> = at === null ? {} : { 'Trail-Position': at }
    const found = await find(sessionId)
    if (!found) return problem('not-found', 'No entry of the trail is about this session.', headers)
    const body = { ...sessionJson(found.record), entries: found.entries }
    return Response.json(body, { headers: { 'Cache-Control': 'no-store', ...headers } })
  }
}
