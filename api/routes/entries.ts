/** GET /v1/entries and /v1/entries/stream: every entry of the trail, in its order, a page at a time or as it comes. */
import { positionOf, type EntrySource, type Following, type Opened } from '../entry-stream.ts'
import { details, problem } from '../problem.ts'
import { queryOf, valueOf, wholeNumber } from '../query.ts'

/** `after` of an index; -1 is before the first. */
const index = wholeNumber({ least: -1, most: Number.MAX_SAFE_INTEGER })
const limit = wholeNumber({ least: 1, most: 200 })

const DEFAULT_LIMIT = 50

export function entriesWith(source: EntrySource) {
  return async function entries(request: Request): Promise<Response> {
    const query = queryOf(request.url, { after: index, limit })
    if ('problem' in query) return query.problem
    const { after = -1, limit: most = DEFAULT_LIMIT } = query.values
    const items = await source.read(after, most)
    // After the items, so that none of them is beyond it.
    const head = await source.head()
    if (after >= head.nextIndex) return positionAhead(positionOf(head))
    const next_after = items.at(-1)?.index ?? after
    return Response.json(
      { items, next_after },
      { headers: { 'Cache-Control': 'no-store', 'Trail-Position': positionOf(head) } },
    )
  }
}

export type OpenStream = (following: Following) => Promise<Opened>

export function entryStreamWith(open: OpenStream) {
  return async function entryStream(
    request: Request,
    connection: Pick<Following, 'until' | 'cut'>,
  ): Promise<Response> {
    const start = startOf(request)
    if ('problem' in start) return start.problem
    const opened = await open({ after: start.value, ...connection })
    switch (opened.outcome) {
      case 'open':
        return eventsOf(request, opened)
      case 'ahead':
        return positionAhead(opened.position)
      case 'full':
        return problem('rate-limited', details['streams-full'], { 'Retry-After': '30' })
      case 'stopping':
        return problem('not-ready', details.stopping, { 'Retry-After': '2' })
    }
  }
}

/** `Last-Event-ID` wins: a browser sends it when it connects again to an address that still has its `after`. */
function startOf(request: Request): { value: number | null } | { problem: Response } {
  const query = queryOf(request.url, { after: index })
  if ('problem' in query) return query
  const lastEventId = request.headers.get('last-event-id')
  if (lastEventId !== null) return valueOf('Last-Event-ID', lastEventId, index)
  return { value: query.values.after ?? null }
}

async function eventsOf(
  request: Request,
  { body, position }: Opened & { outcome: 'open' },
): Promise<Response> {
  // Nobody would read it.
  if (request.method === 'HEAD') await body.cancel()
  return new Response(request.method === 'HEAD' ? null : body, {
    headers: {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store',
      'Trail-Position': position,
      // nginx would collect the events otherwise.
      'X-Accel-Buffering': 'no',
    },
  })
}

function positionAhead(position: string): Response {
  return problem('position-ahead', details['position-ahead'], { 'Trail-Position': position })
}
