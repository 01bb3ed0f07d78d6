/**
 * What the routes read, as the JSON that they answer: made where it is read, so that the thread of the logouts only passes it on.
 * Behind it are a thread and its SQLite connections, or, in tests and commands, the calling thread.
 */
import { bucketStarts } from '../session-ends/calendar.ts'
import type { Reading, ReadPosition } from '../session-ends/reading.ts'
import type { Reason } from '../session-ends/record.ts'
import type { ChangePlace, ChangesRequest, ListRequest } from '../session-ends/session-list.ts'
import {
  durationsJson,
  endsJson,
  overviewJson,
  type Asked,
  type AskedEnds,
  type Sources,
} from './analytics-json.ts'
import { BUCKETS_LIMIT } from './analytics-query.ts'
import { entryEvents, entryPage, type EntryEvents, type EntryPageText } from './entry-text.ts'
import { exportPart, type ExportPart, type ExportRequest } from './export-text.ts'
import { sessionJson } from './session-json.ts'

/** `json`: an array of session records. */
export interface PageText {
  position: ReadPosition
  json: string
  records: number
}

export interface AnswerText {
  position: ReadPosition
  json: string
}

export interface Reads extends Pick<Reading, 'due' | 'lastPlace' | 'head'> {
  /** A session with its entries; `json` is null when no entry is about it. */
  session: (id: string, now: number) => Promise<{ position: ReadPosition; json: string | null }>
  /** `next`: the place behind which the next page begins; null when this is the last. */
  list: (request: ListRequest) => Promise<PageText & { next: number | null }>
  /** `more`: ask again behind `next`, also when nothing was found. */
  changes: (request: ChangesRequest) => Promise<PageText & { next: ChangePlace; more: boolean }>
  /** `json` is null when there are more buckets than `BUCKETS_LIMIT`. */
  sessionEnds: (asked: AskedEnds) => Promise<{ position: ReadPosition; json: string | null }>
  durations: (asked: Asked & { reason?: Reason | undefined }) => Promise<AnswerText>
  overview: (asked: Asked & { now: number; sources: Sources }) => Promise<AnswerText>
  /** Up to `limit` entries after this index. */
  entryPage: (after: number, limit: number) => Promise<EntryPageText>
  entryEvents: (after: number, limit: number) => Promise<EntryEvents>
  /** The next part of an export. */
  exportPart: (request: ExportRequest) => Promise<ExportPart>
}

export function readsOf(reading: Reading): Reads {
  return {
    session: async (id, now) => {
      const { position, found } = await reading.session(id, now)
      const json = found && JSON.stringify({ ...sessionJson(found.record), entries: found.entries })
      return { position, json }
    },
    list: async (request) => {
      // One more than is shown says whether there are more.
      const { position, listed } = await reading.list({ ...request, limit: request.limit + 1 })
      const shown = listed.slice(0, request.limit)
      const json = JSON.stringify(shown.map(({ record }) => sessionJson(record)))
      const next = listed.length > request.limit ? (shown.at(-1)?.id ?? null) : null
      return { position, json, records: shown.length, next }
    },
    changes: async (request) => {
      const { position, records, next, more } = await reading.changes(request)
      return { position, json: JSON.stringify(records.map(sessionJson)), records: records.length, next, more }
    },
    sessionEnds: async (asked) => {
      const starts = bucketStarts(asked, BUCKETS_LIMIT)
      const { position, series } = await reading.sessionEnds({ ...asked, starts: starts ?? [] })
      return { position, json: starts && JSON.stringify(endsJson(asked, { starts, series })) }
    },
    durations: async (asked) => {
      const { position, bins } = await reading.durations(asked)
      return { position, json: JSON.stringify(durationsJson(asked, bins)) }
    },
    overview: async ({ sources, ...asked }) => {
      const { position, overview, behind } = await reading.overview(asked)
      const json = JSON.stringify(overviewJson(asked, overview, { records_behind: behind, ...sources }))
      return { position, json }
    },
    exportPart: (request) => exportPart(reading, request),
    due: (request) => reading.due(request),
    lastPlace: () => reading.lastPlace(),
    entryPage: (after, limit) => entryPage(reading, after, limit),
    entryEvents: (after, limit) => entryEvents(reading, after, limit),
    head: () => reading.head(),
  }
}
