/** How the sessions of yesterday ended, by a client whose types come from the service's own OpenAPI document. */
import createClient from 'openapi-fetch'
import type { components, paths } from './logout-trail.d.ts'

type SessionRecord = components['schemas']['SessionRecord']

const { LOGOUT_TRAIL_URL = 'http://localhost:8787', READER_KEY = '' } = process.env
const client = createClient<paths>({
  baseUrl: LOGOUT_TRAIL_URL,
  headers: { Authorization: `Bearer ${READER_KEY}` },
})

/** Every page, one after the other: the filters stay the same, the cursor says where to go on. */
async function* sessionsSince(from: Date): AsyncGenerator<SessionRecord> {
  let cursor: string | undefined
  do {
    const query = { from: from.toISOString(), limit: 200, ...(cursor ? { cursor } : {}) }
    const { data, error } = await client.GET('/v1/sessions', { params: { query } })
    if (error) throw new Error(`${error.status} ${error.code}: ${error.detail}`)
    yield* data.items
    cursor = data.next_cursor ?? undefined
  } while (cursor)
}

const yesterday = new Date(Date.now() - 86_400_000)
const counts = new Map<string, number>()
for await (const { state, reason } of sessionsSince(yesterday)) {
  const how = reason ?? state
  counts.set(how, (counts.get(how) ?? 0) + 1)
}
for (const [how, count] of counts) console.log(`${how}: ${count}`)
if (counts.size === 0) console.log('Nothing in the last 24 hours.')
