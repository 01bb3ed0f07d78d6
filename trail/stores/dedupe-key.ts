/** By what a store knows a repeat: the same bytes in every store, so that a copy of a trail knows its repeats too. */
import { createHmac } from 'node:crypto'
import { keyOf, type Report } from '../entry.ts'

/**
 * u32 big-endian seconds since 1970 ‖ first 16 bytes of HMAC-SHA-256(trail key, source 0x00 natural key).
 * Ordered by time, so that the keys of a batch meet on few pages (docs/decisions/0008); no id stands in it.
 */
export function dedupeKey(trailKey: Uint8Array, report: Report): Uint8Array {
  const key = Buffer.allocUnsafe(20)
  key.writeUInt32BE(Math.min(Math.max(Math.floor(report.keyedAt / 1000), 0), 0xffff_ffff))
  createHmac('sha256', trailKey).update(keyOf(report)).digest().copy(key, 4, 0, 16)
  return key
}

/** What `check` writes and takes back. */
export const probe: Report = {
  kind: 'trail.exported',
  source: 'trail',
  occurred_at: 0,
  naturalKey: 'check',
  keyedAt: 0,
}
