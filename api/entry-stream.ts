/**
 * The live tail: every entry, in its order, to every client that follows.
 *
 * Clients at the end of the trail share one reading of what is new and the bytes made of it. Who is behind reads pages of its
 * own, each when the last is taken, and then joins the others. While nobody follows, nothing happens at all.
 */
import { setImmediate as breath, setTimeout as sleep } from 'node:timers/promises'
import type { TrailHead } from '../trail/store.ts'
import type { EntryEvents } from './entry-text.ts'
import { EventStream } from './event-stream.ts'
import type { Reads } from './reads.ts'

/** Where entries are read, as the events that are sent. */
export type EntrySource = Pick<Reads, 'entryEvents' | 'head'>

/** `<epoch>/<index>`: the end of the trail; the index is -1 while it is empty. */
export function positionOf({ epoch, nextIndex }: Pick<TrailHead, 'epoch' | 'nextIndex'>): string {
  return `${epoch}/${nextIndex - 1}`
}

export interface EntryStreamsOptions {
  source: EntrySource
  /** The trail could not be read: told once, and the streams end. */
  onError: (error: unknown) => void
  /** ms since 1970. */
  now: () => number
  heartbeatMs?: number | undefined
  /** How many may follow at a time. */
  streamLimit?: number | undefined
}

export interface Following {
  /** The last index that the client has; null: it wants what comes from now on. */
  after: number | null
  /** Of the trail in which it had that index; null: it does not say. */
  epoch: number | null
  /** When its right to read ends, ms since 1970; null: never. */
  until: number | null
  /** Ends its connection, whatever is still under way. */
  cut: () => void
}

export type Opened =
  | { outcome: 'open'; position: string; body: ReadableStream<Uint8Array> }
  | { outcome: 'ahead'; position: string }
  | { outcome: 'full' | 'stopping' }

interface Client {
  events: EventStream
  /** The index of the last entry that it was sent. */
  at: number
}

const HEARTBEAT_MS = 15_000
const STREAM_LIMIT = 200

/** How long news may wait for more: many entries in one reading cost less than a reading for each. */
const COLLECT_MS = 50

/** Entries in one reading: some 140 kB of events. */
const PAGE = 200

/** Times what a page took: all who are live together have a quarter of the service's time at most, and all who are behind too. */
const REST = 3

/** Who has more unread is sent nothing more, and goes on by pages once it has read that. */
const UNREAD_LIMIT_BYTES = 1024 * 1024

/** The longest time that a timer can wait, 24 days; whoever is cut early connects again. */
const LONGEST_MS = 2 ** 31 - 1

const RETRY_MS = 2000

const encoder = new TextEncoder()
const HEARTBEAT = encoder.encode(': heartbeat\n\n')

export class EntryStreams {
  readonly #source: EntrySource
  readonly #onError: (error: unknown) => void
  readonly #now: () => number
  readonly #heartbeatMs: number
  readonly #streamLimit: number
  /** Of each client, what works for it until it is at the end. */
  readonly #clients = new Map<Client, Promise<void>>()
  /** Those that were sent everything up to `#at`. */
  readonly #live = new Set<Client>()
  /** The index of the last entry that was handed to the live ones. */
  #at = -1
  /** Of the trail that they all follow. */
  #epoch = 0
  #reading: Promise<void> = Promise.resolve()
  #turns: Promise<void> = Promise.resolve()
  #collecting: NodeJS.Timeout | null = null
  #beating: NodeJS.Timeout | null = null
  #closed = false

  constructor(options: EntryStreamsOptions) {
    this.#source = options.source
    this.#onError = options.onError
    this.#now = options.now
    this.#heartbeatMs = options.heartbeatMs ?? HEARTBEAT_MS
    this.#streamLimit = options.streamLimit ?? STREAM_LIMIT
  }

  /** How many follow. */
  get size(): number {
    return this.#clients.size
  }

  /** What is kept for each of those who have not read it yet; they share most of it. */
  get unreadBytes(): number[] {
    return [...this.#clients.keys()].map(({ events }) => events.unreadBytes)
  }

  /** @throws {TrailError} when the trail cannot be read. */
  async open(following: Following): Promise<Opened> {
    const head = await this.#source.head()
    const position = positionOf(head)
    const end = head.nextIndex - 1
    const after = following.after ?? end
    if (this.#closed) return { outcome: 'stopping' }
    const isOfAnother = following.epoch !== null && following.epoch !== head.epoch
    if (isOfAnother || after > end) return { outcome: 'ahead', position }
    this.#endIfRestored(head.epoch)
    if (this.#clients.size >= this.#streamLimit) return { outcome: 'full' }
    if (this.#clients.size === 0) this.#begin(end, head.epoch)
    const { events } = this.#add(following, after)
    events.send(opening(`${head.epoch}/${after}`, position))
    // Nobody listened to what was committed since the head was read.
    this.wake()
    return { outcome: 'open', position, body: events.body }
  }

  /** There are new entries. It is called for each batch of the hot path, and costs nothing while nobody follows. */
  wake(): void {
    if (this.#clients.size === 0 || this.#collecting) return
    this.#collecting = setTimeout(() => {
      this.#collecting = null
      this.#reading = this.#reading.then(() => this.#readNew())
    }, COLLECT_MS)
  }

  /** Ends every stream; nothing is read any more when it fulfils. */
  async close(): Promise<void> {
    this.#closed = true
    const working = [...this.#clients.values()]
    this.#endAll()
    await Promise.all([this.#reading, ...working])
  }

  #begin(end: number, epoch: number): void {
    this.#at = end
    this.#epoch = epoch
    this.#beating = setInterval(() => this.#beat(), this.#heartbeatMs)
  }

  #add({ until, cut }: Following, at: number): Client {
    const leavesIn = until === null ? null : Math.min(Math.max(until - this.#now(), 0), LONGEST_MS)
    const leaving = leavesIn === null ? undefined : setTimeout(() => client.events.end(), leavesIn)
    const onOver = () => {
      clearTimeout(leaving)
      this.#remove(client)
    }
    const client: Client = { events: new EventStream({ cut, onOver }), at }
    this.#catchUp(client)
    return client
  }

  #remove(client: Client): void {
    this.#live.delete(client)
    this.#clients.delete(client)
    if (this.#clients.size > 0) return
    if (this.#beating) clearInterval(this.#beating)
    if (this.#collecting) clearTimeout(this.#collecting)
    this.#collecting = null
  }

  /** The writer may have died after a commit that it could not tell of, so a beat looks for news too. */
  #beat(): void {
    for (const { events } of this.#clients.keys()) events.beat(HEARTBEAT)
    this.wake()
  }

  #catchUp(client: Client): void {
    this.#live.delete(client)
    const working = this.#pages(client).catch((error: unknown) => this.#fail(error))
    this.#clients.set(client, working)
  }

  async #pages(client: Client): Promise<void> {
    while ((await client.events.taken()) && this.#clients.has(client)) {
      if (client.at >= this.#at) {
        this.#live.add(client)
        return
      }
      const turn = this.#turns.then(() => withRest(() => this.#page(client)))
      // One after the other, however many are behind; who waits for a turn hears of its failure.
      this.#turns = turn.catch(() => undefined)
      await turn
    }
  }

  async #page(client: Client): Promise<void> {
    if (!this.#clients.has(client)) return
    const { epoch, bytes, starts } = await this.#source.entryEvents(client.at, PAGE)
    if (this.#endIfRestored(epoch)) return
    if (starts.length === 0) throw new Error(`the trail has entry ${this.#at}, and none after ${client.at}`)
    client.events.send(bytes)
    client.at += starts.length
  }

  async #readNew(): Promise<void> {
    try {
      let found = PAGE
      while (found === PAGE && this.#clients.size > 0) found = await withRest(() => this.#news())
    } catch (error) {
      this.#fail(error)
    }
  }

  /** What cannot be read for one cannot be read for any. They connect again, and are told then. */
  #fail(error: unknown): void {
    // The first failure ended them all, and was told.
    if (this.#clients.size === 0) return
    this.#onError(error)
    this.#endAll()
  }

  /** A restored trail was accepted: what they have may be in it no more. They connect again with the old epoch, and are told. */
  #endIfRestored(epoch: number): boolean {
    const isRestored = this.#clients.size > 0 && epoch !== this.#epoch
    if (isRestored) this.#endAll()
    return isRestored
  }

  #endAll(): void {
    for (const { events } of this.#clients.keys()) events.end()
  }

  /** Hands one page of news to all who are live; gives how many entries that were. */
  async #news(): Promise<number> {
    const after = this.#at
    const events = await this.#source.entryEvents(after, PAGE)
    if (this.#endIfRestored(events.epoch)) return 0
    if (events.starts.length > 0) this.#hand(events, after)
    return events.starts.length
  }

  /** `after`: the index before the first of them; indexes have no gap. */
  #hand({ bytes, starts }: EntryEvents, after: number): void {
    const last = after + starts.length
    for (const client of this.#live) {
      if (client.events.unreadBytes > UNREAD_LIMIT_BYTES) {
        this.#catchUp(client)
        continue
      }
      // Who came by pages may have read further than this.
      const from = starts[client.at - after]
      if (from !== undefined) client.events.send(bytes.subarray(from))
      client.at = Math.max(client.at, last)
    }
    // Whoever came first meanwhile began at the end.
    this.#at = Math.max(this.#at, last)
  }
}

/** Whoever logs out comes first: after each page come a turn for the connections and a rest of three times what both took. */
async function withRest<T>(page: () => Promise<T>): Promise<T> {
  const startedAt = performance.now()
  const result = await page()
  await breath()
  await sleep(REST * (performance.now() - startedAt))
  return result
}

/** The id is where the client stands, so that it loses nothing when it is cut off before the first entry. */
function opening(id: string, position: string): Uint8Array {
  return encoder.encode(`retry: ${RETRY_MS}\nid: ${id}\nevent: position\ndata: ${position}\n\n`)
}
