/** One round of one target: an empty folder, the load, the end, and a count of what was kept. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { drive, type Figures, type Generator, type LoadOrder } from './load.ts'
import { startTarget, type Place } from './running.ts'
import type { Target } from './targets.ts'

export interface Round extends Figures {
  peakBytes: number
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
}

export async function runRound(target: Target, options: RoundOptions): Promise<Round> {
  const {
    generator,
    order,
    place,
    filled,
    beside,
    expected = (everAnswered: number) => everAnswered,
  } = options
  const folder = filled?.folder ?? mkdtempSync(join(tmpdir(), 'logout-trail-bench-'))
  try {
    const running = await startTarget(target, { ...place, folder })
    const end = beside?.(running.port)
    const figures = await drive(generator, running, order)
    await end?.()
    const peakBytes = running.peakBytes()
    await running.stop()
    const recorded = target.recorded ? target.recorded(folder) - (filled?.recorded ?? 0) : null
    return { ...figures, peakBytes, fault: faultOf(figures, recorded, expected(figures.everAnswered)) }
  } finally {
    if (!filled) rmSync(folder, { recursive: true })
  }
}

/** More than was answered may be on record: what was under way at the end. */
function faultOf({ unexpected, ranOut }: Figures, recorded: number | null, expected: number): string | null {
  if (ranOut) return 'the tokens ran out: give more with --tokens'
  if (unexpected > 0) return `${unexpected} answers were not 200`
  if (recorded !== null && recorded < expected) return `LOST ${expected - recorded} of ${expected}`
  return null
}
