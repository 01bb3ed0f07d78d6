/** Entries as the text that is answered: a page of JSON, and Server-Sent Events (WHATWG HTML §9.2). */
import type { Reading, ReadPosition } from '../session-ends/reading.ts'
import type { Entry } from '../trail/entry.ts'

export interface EntryPageText {
  /** The end of the trail. */
  position: ReadPosition
  /** An array of entries. */
  json: string
  /** The index of the last of them; null: there are none. */
  last: number | null
}

export interface EntryEvents {
  /** Of the trail that they are in. */
  epoch: number
  /** UTF-8, one event after the other. */
  bytes: Uint8Array
  /** Where each event begins in `bytes`. */
  starts: number[]
}

type Entries = Pick<Reading, 'entries' | 'head'>

export async function entryPage(reading: Entries, after: number, limit: number): Promise<EntryPageText> {
  const entries = await reading.entries(after, limit)
  // After the entries, so that none of them is beyond it.
  const { epoch, nextIndex } = await reading.head()
  const position = { epoch, index: nextIndex - 1 }
  return { position, json: JSON.stringify(entries), last: entries.at(-1)?.index ?? null }
}

export async function entryEvents(reading: Entries, after: number, limit: number): Promise<EntryEvents> {
  const entries = await reading.entries(after, limit)
  const { epoch } = await reading.head()
  const events = entries.map((entry) => encoder.encode(eventOf(entry, epoch)))
  let end = 0
  const starts = events.map(({ byteLength }) => (end += byteLength) - byteLength)
  const bytes = new Uint8Array(end)
  for (const [at, event] of events.entries()) bytes.set(event, starts[at])
  return { epoch, bytes, starts }
}

const encoder = new TextEncoder()

/** The id is that of `Trail-Position`, so that a restored trail is noticed. JSON has no line break of its own. */
function eventOf(entry: Entry, epoch: number): string {
  return `id: ${epoch}/${entry.index}\nevent: entry\ndata: ${JSON.stringify(entry)}\n\n`
}
