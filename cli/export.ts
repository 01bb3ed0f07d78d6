import { createWriteStream, existsSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { defineCommand } from 'citty'
import { exportFormats, exportPieces, type ExportFormat } from '../api/export-text.ts'
import type { Reads } from '../api/reads.ts'
import type { SessionFilter } from '../session-ends/sessions-query.ts'
import { filterArgs, filterFrom, filterOptions } from './filters.ts'
import { progress } from './progress.ts'
import { withRecords } from './records.ts'
import { runStrictly, UsageError } from './strict.ts'

const known = {
  options: [...filterOptions, 'format', 'out'],
  positionals: 0,
  hint: 'export takes --format, --out and filters such as --from; logout-trail export --help lists them.',
}

export const exportCommand = defineCommand({
  meta: {
    name: 'export',
    description:
      'Write session records as a file, the oldest first, also while the service runs. Its last line says that it is whole. It leaves no entry in the trail; GET /v1/exports/sessions does. Exit code 0: the file is whole and on disk; 1: there is none.',
  },
  args: {
    format: {
      type: 'string',
      description: `${exportFormats.join(' or ')}. Default: what --out ends with, else csv.`,
    },
    out: {
      type: 'string',
      description: 'The file to write; it must not exist yet. Default: standard output.',
    },
    ...filterArgs,
  },
  run: ({ args }) => runStrictly(args, known, () => exportSessions(args)),
})

async function exportSessions(args: Record<string, unknown>): Promise<void> {
  const filter = filterFrom(args)
  const out = typeof args['out'] === 'string' && args['out'] !== '' ? args['out'] : null
  const format = formatOf(args['format'], out)
  if (out !== null && existsSync(out))
    throw new UsageError(`--out: ${out} is there already; name a new file.`)
  await withRecords(async ({ reads }) => {
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

/** Whoever reads may stop reading (`| head`): then nothing more is written, and it is no failure of ours. */
async function toStandardOutput(reads: Reads, wanted: Wanted): Promise<void> {
  try {
    await pipeline(Readable.from(piecesOf(reads, wanted)), process.stdout, { end: false })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error
    process.exitCode = 1
  }
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
