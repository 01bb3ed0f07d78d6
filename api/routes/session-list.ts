/** GET /v1/sessions: session records, found by filters, a page at a time. */
import type { ReadPosition } from '../../session-ends/reading.ts'
import type { SessionFilter } from '../../session-ends/sessions-query.ts'
import { readCursor, writeCursor, type Cursor, type CursorOrder } from '../cursor.ts'
import { isRefused, queryOf, refuse, wholeNumber, wordOf, type Refused } from '../query.ts'
import { answered } from '../read-answer.ts'
import type { Reads } from '../reads.ts'
import { contradictionIn, filterParameters } from '../session-filter.ts'

export interface SessionListDeps {
  reading: Pick<Reads, 'list' | 'changes' | 'lastPlace'>
  /** ms since 1970. */
  now: () => number
}

interface Asked {
  filter: SessionFilter
  order: CursorOrder
  limit: number
  cursor: Cursor | typeof NOW | null
}

const LIMIT = 50
/** Of a list of changes that fits little, a page may have nothing: after this long it is answered, to be gone on with. */
const LOOK_MS = 1000

/** In the place of a cursor: what changes from now on. */
const NOW = 'now'
const parameters = {
  ...filterParameters,
  order: wordOf<CursorOrder>(['newest', 'changes']),
  limit: wholeNumber({ least: 1, most: 200 }),
  cursor: { parse: (text: string) => text, accepts: 'a cursor' },
}

export function sessionListWith({ reading, now }: SessionListDeps) {
  return async function sessionList({ url, signal }: Request): Promise<Response> {
    const asked = parse(url)
    if (isRefused(asked)) return refuse(asked)
    return asked.order === 'newest' ? newest(asked) : changes(asked, signal)
  }

  async function newest({ filter, limit, cursor }: Asked): Promise<Response> {
    const [beyond = null] = cursor === NOW ? [] : (cursor?.at ?? [])
    const { position, json, next } = await reading.list({
      filter,
      order: 'newest',
      beyond,
      limit,
      now: now(),
    })
    if (isOfAnother(position, cursor)) return refuse(anotherTrail)
    const at = next === null ? null : ({ order: 'newest', epoch: position.epoch, at: [next] } as const)
    return answered(position, pageOf(json, at && writeCursor(at, filter)))
  }

  /** The cursor is never null: what changes from now on comes behind it. */
  async function changes({ filter, limit, cursor }: Asked, signal: AbortSignal): Promise<Response> {
    const until = performance.now() + LOOK_MS
    const [index = -1, id = -1] = cursor === NOW ? await end() : (cursor?.at ?? [])
    let found = await reading.changes({ filter, after: { index, id }, limit, now: now() })
    while (found.records === 0 && found.more && performance.now() < until && !signal.aborted) {
      found = await reading.changes({ filter, after: found.next, limit, now: now() })
    }
    const { position, json, next } = found
    if (isOfAnother(position, cursor)) return refuse(anotherTrail)
    const at = { order: 'changes', epoch: position.epoch, at: [next.index, next.id] } as const
    return answered(position, pageOf(json, writeCursor(at, filter)))
  }

  /** Behind everything that has changed so far. */
  async function end(): Promise<number[]> {
    const { position } = await reading.lastPlace()
    return [position.index, Number.MAX_SAFE_INTEGER]
  }
}

function pageOf(items: string, nextCursor: string | null): string {
  return `{"items":${items},"next_cursor":${JSON.stringify(nextCursor)}}`
}

function isOfAnother({ epoch }: ReadPosition, cursor: Asked['cursor']): boolean {
  return cursor !== null && cursor !== NOW && cursor.epoch !== epoch
}

const anotherTrail: Refused = {
  refused: 'invalid-cursor',
  detail: 'A backup of the trail was restored since this cursor was given; begin again without it.',
}

function parse(url: string): Asked | Refused {
  const given = queryOf(url, parameters)
  if (isRefused(given)) return given
  const { order = 'newest', limit = LIMIT, cursor: text, ...filter } = given
  const contradiction = contradictionIn(filter)
  if (contradiction) return contradiction
  if (text === undefined) return { filter, order, limit, cursor: null }
  if (text === NOW && order === 'changes') return { filter, order, limit, cursor: NOW }
  const cursor = readCursor(text, order, filter)
  return cursor ? { filter, order, limit, cursor } : notOfThisList
}

const notOfThisList: Refused = {
  refused: 'invalid-cursor',
  detail:
    'cursor is not one that was given for this order and these filters; send it with the same ones, or begin without it.',
}
