/**
 * What a trail's files would hold if the machine stopped now: the bytes between two points in time, of which a crash
 * leaves a part. The index of the write-ahead log (`-shm`) is not among them: SQLite makes it anew from the log.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'

export interface DiskImage {
  db: Buffer
  wal: Buffer
}

export const EMPTY_DISK: DiskImage = { db: Buffer.alloc(0), wal: Buffer.alloc(0) }

export function imageOf(path: string): DiskImage {
  return { db: bytesOf(path), wal: bytesOf(`${path}-wal`) }
}

export function writeImage(path: string, { db, wal }: DiskImage): void {
  if (db.length > 0) writeFileSync(path, db)
  if (wal.length > 0) writeFileSync(`${path}-wal`, wal)
}

/** Numbers from 0 to below 1, the same for the same seed. */
export type Chance = () => number

/** The generator mulberry32. */
export function chanceFrom(seed: number): Chance {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Which part of what was written and not synced is there afterwards. */
export type Tear = 'in-order' | 'any-sectors'

/**
 * What a crash leaves when `to` was being written over `from`. The log comes first, and the file is written only once
 * the log is whole: SQLite syncs between the two.
 */
export function torn(
  from: DiskImage,
  to: DiskImage,
  { tear, chance }: { tear: Tear; chance: Chance },
): DiskImage {
  // A new file has no log yet: SQLite's rollback journal, which is gone when a statement ends, makes it all or nothing.
  if (from.db.length === 0 && to.wal.length === 0) return chance() < 0.5 ? from : to
  const part = tear === 'in-order' ? firstBytes : someSectors
  const logIsWhole = from.wal.equals(to.wal) || chance() < 0.5
  return logIsWhole
    ? { db: part(from.db, to.db, chance), wal: to.wal }
    : { db: from.db, wal: withHeaderFirst(part(from.wal, to.wal, chance), from.wal, to.wal) }
}

function firstBytes(from: Buffer, to: Buffer, chance: Chance): Buffer {
  const cut = Math.round(chance() * to.length)
  return Buffer.concat([to.subarray(0, cut), from.subarray(cut)])
}

const SECTOR_BYTES = 512

/** Of the sectors that changed some are new and some old; what was added may end anywhere, also within a sector. */
function someSectors(from: Buffer, to: Buffer, chance: Chance): Buffer {
  const grown = Math.max(to.length - from.length, 0)
  const left = Buffer.alloc(to.length - Math.round(chance() * grown))
  from.copy(left)
  const written = chance()
  for (let at = 0; at < left.length; at += SECTOR_BYTES) {
    if (chance() < written) to.copy(left, at, at, Math.min(at + SECTOR_BYTES, left.length))
  }
  return left
}

const LOG_HEADER_BYTES = 32

/** A log that starts again gets its header first, which SQLite syncs before it writes what follows. */
function withHeaderFirst(left: Buffer, from: Buffer, to: Buffer): Buffer {
  const header = to.subarray(0, LOG_HEADER_BYTES)
  if (header.equals(from.subarray(0, LOG_HEADER_BYTES))) return left
  return left.subarray(0, LOG_HEADER_BYTES).equals(header) ? left : from
}

function bytesOf(path: string): Buffer {
  return existsSync(path) ? readFileSync(path) : Buffer.alloc(0)
}
