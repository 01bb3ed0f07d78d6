/**
 * GET /v1/exports/sessions: every session record that fits, as one file, in constant memory.
 *
 * That somebody exports is an entry of the trail before the first byte leaves. Parts are read when the client has taken the last
 * one; when it goes away, nothing more is read.
 */
import type { AppendOutcome } from '../../trail/trail.ts'
import { sessionsExported, type Report } from '../../trail/entry.ts'
import { exportFormats, exportPieces, type ExportFormat } from '../export-text.ts'
import { problem } from '../problem.ts'
import { invalid, isRefused, queryOf, refuse, wordOf, type Refused } from '../query.ts'
import { readHeaders } from '../read-answer.ts'
import type { Reader } from '../readers.ts'
import type { Reads } from '../reads.ts'
import type { Network } from '../record-logout.ts'
import { contradictionIn, filterParameters } from '../session-filter.ts'
import type { SessionFilter } from '../../session-ends/sessions-query.ts'

export interface ExportDeps {
  reading: Pick<Reads, 'lastPlace' | 'exportPart'>
  record: (report: Report) => Promise<AppendOutcome>
  networkOf: (request: Request) => Network
  /** False while the records are made from a trail that is older than they are: an export would not be whole. */
  recordsAreWhole: () => boolean
  /** 32 hexadecimal digits, never the same. */
  newRequestId: () => string
  /** ms since 1970. */
  now: () => number
}

interface Asked {
  format: ExportFormat
  filter: SessionFilter
}

export function sessionExportWith(deps: ExportDeps) {
  const { reading, record, networkOf, recordsAreWhole, newRequestId, now } = deps
  return async function sessionExport(request: Request, reader: Reader): Promise<Response> {
    const asked = parse(request.url)
    if (isRefused(asked)) return refuse(asked)
    if (!recordsAreWhole()) return problem('not-ready', NOT_WHOLE, { 'Retry-After': '10' })
    const at = now()
    const { position, place } = await reading.lastPlace()
    const headers = {
      ...readHeaders(position),
      'Content-Type': contentTypes[asked.format],
      'Content-Disposition': `attachment; filename="${fileNameOf(asked.format, at)}"`,
    }
    // Nothing is handed out, so nothing is recorded.
    if (request.method === 'HEAD') return new Response(null, { headers })
    const outcome = await record(
      sessionsExported(at, { actor_id: reader.name, request_id: newRequestId(), ...networkOf(request) }),
    )
    if (outcome !== 'durable') return problem('not-ready', NOT_RECORDED)
    const pieces = exportPieces(reading, { ...asked, upTo: place, start: position, now: at })
    return new Response(streamOf(pieces), { headers })
  }
}

const NOT_WHOLE =
  'The session records are still being made from the trail, so a file would not be whole; ask again once they are.'

const NOT_RECORDED =
  'The trail could not confirm that you export, so nothing is handed out; ask again, and see /readyz.'

const contentTypes: Record<ExportFormat, string> = {
  csv: 'text/csv; charset=utf-8; header=present',
  ndjson: 'application/x-ndjson',
}

function fileNameOf(format: ExportFormat, at: number): string {
  const time = new Date(at).toISOString().slice(0, 19).replaceAll(':', '')
  return `sessions-${time}Z.${format}`
}

function parse(url: string): Asked | Refused {
  const given = queryOf(url, parameters)
  if (isRefused(given)) return given
  const { format, ...filter } = given
  if (!format) return invalid(`format must be ${parameters.format.accepts}.`)
  return contradictionIn(filter) ?? { format, filter }
}

const parameters = { format: wordOf(exportFormats), ...filterParameters }

/** A piece is asked for when the one before was taken; a client that goes away ends them. */
function streamOf(pieces: AsyncGenerator<Uint8Array, void>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await pieces.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      async cancel() {
        await pieces.return()
      },
    },
    { highWaterMark: 0 },
  )
}
