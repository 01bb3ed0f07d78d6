import { createWriteStream, existsSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { exportFormats, exportPieces, type ExportFormat } from '../api/export-text.ts'
import type { Reads } from '../api/reads.ts'
import type { SessionFilter } from '../session-ends/sessions-query.ts'
import { commandOf, OR_OUTPUT } from './command.ts'
import { filterArgs, filterFrom } from './filters.ts'
import { progress } from './progress.ts'
import { withWholeRecords } from './records.ts'
import { UsageError } from './strict.ts'
import { writeOut } from './write-out.ts'

export const exportCommand = commandOf({
  name: 'export',
  summary: 'Write session records as a file.',
  more: 'Those first heard of come first; the last line says that the file is whole. All filters that are given must fit. Nothing is written when the records are behind the trail. It may run beside the service, and leaves no entry in the trail; GET /v1/exports/sessions does.',
  args: {
    format: {
      type: 'string',
      valueHint: 'format',
      description: `${exportFormats.join(' or ')}. Default: what --out ends with, else csv.`,
    },
    out: {
      type: 'string',
      valueHint: 'file',
      description: 'The file to write; it must not exist yet. Default: standard output.',
    },
    ...filterArgs,
  },
  hint: 'export takes --format, --out and filters such as --from; logout-trail export --help lists them.',
  exitCodes: {
    0: 'The file is whole, and on disk where --out names it.',
    1: `There is no file, the records are behind the trail, ${OR_OUTPUT}`,
  },
  examples: [
    { line: 'logout-trail export --out sessions.csv', does: 'Every record, for a spreadsheet.' },
    {
      line: 'logout-trail export --from 2026-11-01 --format ndjson',
      does: 'What ended since the beginning of November (UTC), else was asked to, else began; one record a line.',
    },
  ],
  run: exportSessions,
})

async function exportSessions(args: Record<string, unknown>): Promise<void> {
  const filter = filterFrom(args)
  const out = typeof args['out'] === 'string' ? args['out'] : null
  const format = formatOf(args['format'], out)
  if (out !== null && existsSync(out))
    throw new UsageError(`--out: ${out} is there already; name a new file.`)
  await withWholeRecords(async ({ reads }) => {
    if (out === null) await toStandardOutput(reads, { filter, format })
    else await toFile(reads, { filter, format, out })
  })
}

function formatOf(given: unknown, out: string | null): ExportFormat {
  const named = given ?? exportFormats.find((format) => out?.endsWith(`.${format}`)) ?? 'csv'
  const format = exportFormats.find((one) => one === named)
  if (format) return format
  throw new UsageError(`--format must be ${exportFormats.join(' or ')}.`)
}

interface Wanted {
  filter: SessionFilter
  format: ExportFormat
}

async function* piecesOf(reads: Reads, wanted: Wanted): AsyncGenerator<Uint8Array, void> {
  const { position, place } = await reads.lastPlace()
  const show = progress('records looked at')
  const counted: Pick<Reads, 'exportPart'> = {
    exportPart: async (request) => {
      const part = await reads.exportPart(request)
      show(part.next ?? place, place)
      return part
    },
  }
  yield* exportPieces(counted, { ...wanted, upTo: place, start: position, now: Date.now() })
}

async function toStandardOutput(reads: Reads, wanted: Wanted): Promise<void> {
  for await (const piece of piecesOf(reads, wanted)) await writeOut(piece)
}

/** It has its name only once it is whole and on disk. */
async function toFile(reads: Reads, { out, ...wanted }: Wanted & { out: string }): Promise<void> {
  const part = `${out}.part`
  try {
    await pipeline(Readable.from(piecesOf(reads, wanted)), createWriteStream(part, { mode: 0o600 }))
    const file = await open(part)
    await file.sync()
    const { size } = await file.stat()
    await file.close()
    await rename(part, out)
    console.error(`${out}: ${(size / 1e6).toFixed(1)} MB`)
  } catch (error) {
    await rm(part, { force: true })
    if (error instanceof Error && 'syscall' in error) throw new UsageError(`--out: ${error.message}`)
    throw error
  }
}
