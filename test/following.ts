/** A client that follows along, as a browser's EventSource does: bytes in, events out. */
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import type { Entry } from '../trail/entry.ts'

export interface ReceivedEvent {
  id: string | null
  event: string
  data: string
}

export interface Follower extends Disposable {
  status: number
  headers: IncomingMessage['headers']
  events: ReceivedEvent[]
  /** Lines that begin with a colon, without it. */
  comments: string[]
  /** The data of the events `entry`. */
  entries: () => Entry[]
  /** Waits until there are so many. */
  has: (entries: number) => Promise<void>
  /** The id that a browser would send when it connects again. */
  lastId: () => string | null
  /** Waits until it is so, looking each time something comes. @throws when the stream ends before. */
  until: (isSo: () => boolean) => Promise<void>
  /** Stops reading, until it is resumed. */
  pause: () => void
  resume: () => void
  /** `end`: the answer was ended; `cut`: the connection was. */
  ended: Promise<'end' | 'cut'>
}

export async function follow(url: string, headers: Record<string, string>): Promise<Follower> {
  const sent = request(url, { headers, agent: false })
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const events: ReceivedEvent[] = []
  const comments: string[] = []
  const looking = new Set<() => void>()
  let rest = ''
  response.setEncoding('utf8').on('data', (text: string) => {
    const blocks = (rest + text).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) take(block, { events, comments })
    for (const look of looking) look()
  })
  const { promise: ended, resolve } = Promise.withResolvers<'end' | 'cut'>()
  // Its `close` follows, and says how it ended.
  response.on('error', () => undefined)
  response.on('close', () => resolve(response.complete ? 'end' : 'cut'))
  const entries = () => events.filter(isEntry).map(({ data }) => JSON.parse(data) as Entry)
  const until = async (isSo: () => boolean) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const look = () => isSo() && resolve()
    looking.add(look)
    look()
    const over = ended.then((how) => reject(new Error(`${how} after ${events.length} events`)))
    await Promise.race([promise, over]).finally(() => looking.delete(look))
  }
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    events,
    comments,
    entries,
    lastId: () => events.findLast(({ id }) => id !== null)?.id ?? null,
    has: (count) => until(() => events.length - Number(events[0]?.event === 'position') >= count),
    until,
    pause: () => response.pause(),
    resume: () => response.resume(),
    ended,
    [Symbol.dispose]: () => sent.destroy(),
  }
}

function isEntry({ event }: ReceivedEvent): boolean {
  return event === 'entry'
}

function take(block: string, { events, comments }: Pick<Follower, 'events' | 'comments'>): void {
  const fields = new Map<string, string>()
  for (const line of block.split('\n')) {
    if (line.startsWith(':')) comments.push(line.slice(1).trim())
    else fields.set(line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2))
  }
  const data = fields.get('data')
  if (data !== undefined)
    events.push({ id: fields.get('id') ?? null, event: fields.get('event') ?? 'message', data })
}
