/** Session records as the lines of a file: CSV (RFC 4180) or NDJSON. */
import { stringify } from 'csv-stringify/sync'
import type { Reading, ReadPosition } from '../session-ends/reading.ts'
import type { SessionFilter } from '../session-ends/sessions-query.ts'
import type { SessionId } from '../trail/entry.ts'
import { positionText } from './read-answer.ts'
import type { Reads } from './reads.ts'
import { recordKeys, sessionJson } from './session-json.ts'

export const exportFormats = ['csv', 'ndjson'] as const
export type ExportFormat = (typeof exportFormats)[number]

export interface ExportRequest {
  format: ExportFormat
  filter: SessionFilter
  /** The place behind which it goes on; null: at the beginning. */
  beyond: number | null
  /** The last place that belongs to this export. */
  upTo: number
  /** ms since 1970. */
  now: number
}

export interface ExportPart {
  /** UTF-8. */
  bytes: Uint8Array
  records: number
  first: SessionId | null
  last: SessionId | null
  /** Null: that was all. */
  next: number | null
  position: ReadPosition
}

/** A part takes a few milliseconds, so that others can read in between, and little memory. */
const RECORDS = 100

const encoder = new TextEncoder()

export async function exportPart(
  reading: Reading,
  { format, filter, beyond, upTo, now }: ExportRequest,
): Promise<ExportPart> {
  const { position, listed } = await reading.list({ filter, order: 'oldest', beyond, limit: RECORDS, now })
  const own = listed.filter(({ id }) => id <= upTo)
  const rows = own.map(({ record }) => sessionJson(record))
  return {
    bytes: encoder.encode(format === 'csv' ? csvOf(rows) : ndjsonOf(rows)),
    records: own.length,
    first: own.at(0)?.record.session_id ?? null,
    last: own.at(-1)?.record.session_id ?? null,
    next: own.length < RECORDS ? null : (own.at(-1)?.id ?? null),
    position,
  }
}

interface ExportTrailer {
  /** Records in the file. */
  count: number
  first: SessionId | null
  last: SessionId | null
  /** Every record that was first heard of up to here, and fits, is in the file. */
  start_position: string
  /** Up to here the records knew the trail when the last of them was read. */
  end_position: string
}

function ndjsonOf(rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('')
}

function exportHead(format: ExportFormat): string {
  return format === 'csv' ? csvOf([Object.fromEntries(recordKeys.map((name) => [name, name]))]) : ''
}

/**
 * The last line: whoever does not find it has half a file. In CSV it is a row as wide as the others, which begins with `#`; no id
 * does.
 */
function exportTail(format: ExportFormat, trailer: ExportTrailer): string {
  if (format === 'ndjson') return ndjsonOf([{ trailer }])
  const { count, first, last, start_position, end_position } = trailer
  const words = `# complete: ${count} records, first ${first ?? 'none'}, last ${last ?? 'none'}, start ${start_position}, end ${end_position}`
  return csvOf([{ session_id: words }])
}

export interface Export {
  format: ExportFormat
  filter: SessionFilter
  /** The last record that there is when it begins, and up to where the records knew the trail then. */
  upTo: number
  start: ReadPosition
  /** ms since 1970. */
  now: number
}

/** The pieces of the file, one after the other; each is read when the one before was taken. */
export async function* exportPieces(
  { exportPart }: Pick<Reads, 'exportPart'>,
  { start, ...request }: Export,
): AsyncGenerator<Uint8Array, void> {
  const { format } = request
  yield encoder.encode(exportHead(format))
  const trailer = { count: 0, first: null, last: null, start_position: positionText(start) } as Omit<
    ExportTrailer,
    'end_position'
  >
  for (let beyond: number | null = null; ;) {
    const part: ExportPart = await exportPart({ ...request, beyond })
    trailer.count += part.records
    trailer.first ??= part.first
    trailer.last = part.last ?? trailer.last
    yield part.bytes
    beyond = part.next
    if (beyond !== null) continue
    yield encoder.encode(exportTail(format, { ...trailer, end_position: positionText(part.position) }))
    return
  }
}

/** A text that a spreadsheet would take for a formula begins with an apostrophe. */
function csvOf(rows: readonly Record<string, unknown>[]): string {
  return stringify([...rows], {
    columns: [...recordKeys],
    record_delimiter: 'windows',
    escape_formulas: true,
    cast: { boolean: String },
  })
}
