/** One round of one target: an empty folder, the load, the end, and a count of what was kept. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { viewsPathOf } from '../session-ends/views-schema.ts'
import { drive, type Figures, type Generator, type LoadOrder } from './load.ts'
import { startTarget, type Place } from './running.ts'
import type { Target } from './targets.ts'

export interface Round extends Figures {
  peakBytes: number
  /** Entries that were not in the session records yet when the target ended. NaN where there are none. */
  behind: number
  /** What makes its figures worthless: something lost, unexpected answers, tokens that ran out. Null when sound. */
  fault: string | null
}

export interface RoundOptions {
  generator: Generator
  order: Omit<LoadOrder, 'port'>
  place: Omit<Place, 'folder'>
  /** A folder to use instead of an empty one, and what it already holds. */
  filled?: { folder: string; recorded: number } | undefined
  /** Runs beside the load; what it gives is called when the load has ended. */
  beside?: ((port: number) => () => Promise<void>) | undefined
  /** How many logouts must be on record for the answers given. Default: one for each. */
  expected?: (everAnswered: number) => number
  /** The trail is there, and not in the folder. */
  database?: RoundDatabase | undefined
}

export interface RoundDatabase {
  url: string
  recorded: () => Promise<number>
  /** Entries that the session records know. */
  inRecords: () => Promise<number>
  /** Of its server, so far. */
  cpuMs: () => number
  drop: () => Promise<void>
}

export async function runRound(target: Target, options: RoundOptions): Promise<Round> {
  const {
    generator,
    order,
    place,
    filled,
    beside,
    expected = (everAnswered: number) => everAnswered,
    database,
  } = options
  const folder = filled?.folder ?? mkdtempSync(join(tmpdir(), 'logout-trail-bench-'))
  try {
    const running = await startTarget(target, { ...place, folder, databaseUrl: database?.url })
    const end = beside?.(running.port)
    const figures = await drive(generator, { ...running, serverCpuMs: database?.cpuMs }, order)
    await end?.()
    const peakBytes = running.peakBytes()
    await running.stop()
    const all = database ? await database.recorded() : (target.recorded?.(folder) ?? null)
    const recorded = all === null ? null : all - (filled?.recorded ?? 0)
    const known = database ? await database.inRecords() : inRecordsOf(folder)
    return {
      ...figures,
      peakBytes,
      behind: (all ?? Number.NaN) - known,
      fault: faultOf(figures, recorded, expected(figures.everAnswered)),
    }
  } finally {
    await database?.drop()
    if (!filled) rmSync(folder, { recursive: true })
  }
}

function inRecordsOf(folder: string): number {
  const path = viewsPathOf(join(folder, 'trail.db'))
  if (!existsSync(path)) return Number.NaN
  using db = new DatabaseSync(path, { readOnly: true })
  return Number(db.prepare('SELECT next_index FROM position').get()?.['next_index'])
}

/** More than was answered may be on record: what was under way at the end. */
function faultOf({ unexpected, ranOut }: Figures, recorded: number | null, expected: number): string | null {
  if (ranOut) return 'the tokens ran out: give more with --tokens'
  if (unexpected > 0) return `${unexpected} answers were not 200`
  if (recorded !== null && recorded < expected) return `LOST ${expected - recorded} of ${expected}`
  return null
}
