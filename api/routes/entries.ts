/** GET /v1/entries and /v1/entries/stream: every entry of the trail, in its order, a page at a time or as it comes. */
import type { Following, Opened } from '../entry-stream.ts'
import { details, problem } from '../problem.ts'
import { isRefused, queryOf, refuse, valueOf, wholeNumber, type Parameter, type Refused } from '../query.ts'
import { answered, positionText } from '../read-answer.ts'
import type { Reads } from '../reads.ts'

/** `after` of an index; -1 is before the first. */
const index = wholeNumber({ least: -1, most: Number.MAX_SAFE_INTEGER })
/** `<epoch>/<index>`, as the stream gives it, or an index alone. */
const eventId: Parameter<Pick<Following, 'after' | 'epoch'>> = {
  parse: (text) => {
    const [, epochText, indexText = ''] = /^(?:(\d{1,9})\/)?(-?\d+)$/.exec(text) ?? []
    const after = index.parse(indexText)
    return after === undefined
      ? undefined
      : { after, epoch: epochText === undefined ? null : Number(epochText) }
  },
  accepts: `the id of an event (<epoch>/<index>), or ${index.accepts}`,
}
const limit = wholeNumber({ least: 1, most: 200 })

const DEFAULT_LIMIT = 50

export function entriesWith({ entryPage }: Pick<Reads, 'entryPage'>) {
  return async function entries(request: Request): Promise<Response> {
    const query = queryOf(request.url, { after: index, limit })
    if (isRefused(query)) return refuse(query)
    const { after = -1, limit: most = DEFAULT_LIMIT } = query
    const { json, last, position } = await entryPage(after, most)
    if (after > position.index) return positionAhead(positionText(position))
    return answered(position, `{"items":${json},"next_after":${last ?? after}}`)
  }
}

export type OpenStream = (following: Following) => Promise<Opened>

export function entryStreamWith(open: OpenStream) {
  return async function entryStream(
    request: Request,
    connection: Pick<Following, 'until' | 'cut'>,
  ): Promise<Response> {
    const start = startOf(request)
    if (isRefused(start)) return refuse(start)
    const opened = await open({ ...start.value, ...connection })
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
function startOf(request: Request): { value: Pick<Following, 'after' | 'epoch'> } | Refused {
  const query = queryOf(request.url, { after: index })
  if (isRefused(query)) return query
  const lastEventId = request.headers.get('last-event-id')
  if (lastEventId !== null) return valueOf('Last-Event-ID', lastEventId, eventId)
  return { value: { after: query.after ?? null, epoch: null } }
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
