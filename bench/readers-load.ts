/**
 * Readers beside the load, in a process of their own: two page through the list one after the other, one asks for single sessions, one
 * exports again and again. Each asks as soon as it is answered, until the process is told to end; then it says how much that was.
 */
import { READER_KEY } from './targets.ts'
import { HOST } from './targets/settings.ts'

const [port] = process.argv.slice(2)
const base = `http://${HOST}:${port}`
const headers = { Authorization: `Bearer ${READER_KEY}` }
const counts = { pages: 0, sessions: 0, exported: 0, unexpected: 0 }
const ending = new AbortController()

async function get(path: string): Promise<Response | null> {
  try {
    const answer = await fetch(base + path, { headers, signal: ending.signal })
    if (answer.status === 200) return answer
    counts.unexpected += 1
    await answer.arrayBuffer()
    return null
  } catch (error) {
    if (ending.signal.aborted) return null
    throw error
  }
}

interface Page {
  items: { session_id: string }[]
  next_cursor: string | null
}

async function pageThrough(filter: string): Promise<void> {
  let cursor = ''
  while (!ending.signal.aborted) {
    const answer = await get(`/v1/sessions?${filter}${cursor}`)
    if (!answer) continue
    const { next_cursor } = (await answer.json()) as Page
    cursor = next_cursor === null ? '' : `&cursor=${next_cursor}`
    counts.pages += 1
  }
}

async function lookUp(): Promise<void> {
  const found = await get('/v1/sessions?limit=200')
  if (!found) return
  const { items } = (await found.json()) as Page
  for (let at = 0; !ending.signal.aborted; at += 1) {
    const answer = await get(`/v1/sessions/${items[at % items.length]?.session_id}`)
    if (!answer) continue
    await answer.arrayBuffer()
    counts.sessions += 1
  }
}

async function exportAll(): Promise<void> {
  while (!ending.signal.aborted) {
    const answer = await get('/v1/exports/sessions?format=ndjson')
    for await (const chunk of answer?.body ?? []) counts.exported += chunk.byteLength
  }
}

function untilEnding(work: Promise<void>): Promise<void> {
  return work.catch((error: unknown) => {
    if (!ending.signal.aborted) throw error
  })
}

process.once('message', () => ending.abort())
await Promise.all(
  [pageThrough('limit=50'), pageThrough('state=ended&limit=200'), lookUp(), exportAll()].map(untilEnding),
)
process.send?.(counts)
process.disconnect?.()
