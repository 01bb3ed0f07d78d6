/**
 * What people and programs read: session records from the views, and entries from the trail.
 *
 * Every answer says up to which entry its records know the trail. What is read for one answer is of one moment.
 */
import type { Entry } from '../trail/entry.ts'
import type { TrailHead, TrailReader } from '../trail/store.ts'
import {
  durationsIn,
  endsOverTime,
  noOverview,
  overviewOf,
  type DurationsRequest,
  type EndsRequest,
  type Overview,
  type Series,
  type Span,
} from './analytics.ts'
import type { Binned } from './bins.ts'
import { dueSessions, type DueRequest, type DueSession } from './due.ts'
import type { SessionRecord } from './record.ts'
import type { Rows } from './rows.ts'
import {
  changedSessions,
  lastPlace,
  listSessions,
  type Changes,
  type ChangesRequest,
  type Listed,
  type ListRequest,
} from './session-list.ts'
import { positionIn, sessionIn, type FoundSession, type ViewsReader } from './views-reader.ts'

/** How far the records know the trail. */
export interface ReadPosition {
  epoch: number
  /** Of the last entry that is in the records; -1: none is. */
  index: number
}

export interface FoundRecord {
  record: SessionRecord
  entries: Entry[]
}

export interface Reading {
  /** Null: no entry is about this session. */
  session: (id: string, now: number) => Promise<{ position: ReadPosition; found: FoundRecord | null }>
  /** In the order of their first entry, which never changes. */
  list: (request: ListRequest) => Promise<{ position: ReadPosition; listed: Listed[] }>
  /** In the order of their last entry. */
  changes: (request: ChangesRequest) => Promise<{ position: ReadPosition } & Changes>
  /** Of the last record that there is now. */
  lastPlace: () => Promise<{ position: ReadPosition; place: number }>
  /** The largest total first. */
  sessionEnds: (request: EndsRequest) => Promise<{ position: ReadPosition; series: Series[] }>
  durations: (request: DurationsRequest) => Promise<{ position: ReadPosition; bins: Binned[] }>
  /** `behind`: entries that are not in the records yet. */
  overview: (
    request: Span & { now: number },
  ) => Promise<{ position: ReadPosition; overview: Overview; behind: number }>
  /** What Clerk should be asked for, the longest due first. */
  due: (request: DueRequest) => Promise<DueSession[]>
  /** Up to `limit` entries after this index. */
  entries: (after: number, limit: number) => Promise<Entry[]>
  /** The end of the trail. */
  head: () => Promise<TrailHead>
}

const NOTHING: Changes = { records: [], next: { index: -1, id: -1 }, more: false }

/** On the calling thread. */
export function readingOf(views: ViewsReader, trail: TrailReader): Reading {
  /** Before there are any records the answer is `otherwise`, at the beginning of the trail. */
  async function read<T extends object>(otherwise: T, from: (rows: Rows) => Promise<T>) {
    const found = await views.atOneMoment(async (rows) => ({
      position: await readPositionIn(rows),
      ...(await from(rows)),
    }))
    return found ?? { position: { epoch: (await trail.head()).epoch, index: -1 }, ...otherwise }
  }

  return {
    session: async (id, now) => {
      const none: { found: FoundSession | null } = { found: null }
      const { position, found } = await read(none, async (rows) => ({
        found: await sessionIn(rows, id, now),
      }))
      if (!found) return { position, found }
      return { position, found: { record: found.record, entries: await trail.at(found.indexes) } }
    },
    list: (request) =>
      read({ listed: [] as Listed[] }, async (rows) => ({ listed: await listSessions(rows, request) })),
    changes: (request) => read({ ...NOTHING, next: request.after }, (rows) => changedSessions(rows, request)),
    lastPlace: () => read({ place: -1 }, async (rows) => ({ place: await lastPlace(rows) })),
    sessionEnds: (request) =>
      read({ series: [] as Series[] }, async (rows) => ({ series: await endsOverTime(rows, request) })),
    durations: (request) =>
      read({ bins: [] as Binned[] }, async (rows) => ({ bins: await durationsIn(rows, request) })),
    overview: async (request) => {
      const found = await read({ overview: noOverview }, async (rows) => ({
        overview: await overviewOf(rows, request),
      }))
      const { nextIndex } = await trail.head()
      return { ...found, behind: Math.max(0, nextIndex - found.position.index - 1) }
    },
    due: async (request) => (await views.atOneMoment((rows) => dueSessions(rows, request))) ?? [],
    entries: (after, limit) => trail.read(after, limit),
    head: () => trail.head(),
  }
}

async function readPositionIn(rows: Rows): Promise<ReadPosition> {
  const { epoch, nextIndex } = await positionIn(rows)
  return { epoch, index: nextIndex - 1 }
}
