/**
 * A copy of a trail, made beside a running service.
 *
 * In one step: a stepped backup starts over whenever the service writes, and under load never ends. The one read
 * transaction it needs lets the write-ahead log grow meanwhile, and blocks nobody.
 */
import { rmSync, statSync } from 'node:fs'
import { open, link, unlink } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { backup } from 'node:sqlite'
import { messageOf, TrailError } from '../error.ts'
import type { TrailHead } from '../store.ts'
import { openForReading, readTrailHead, withErrorsNamed } from './sqlite-schema.ts'

export interface Backup {
  /** Of the copy, read back from it. */
  head: TrailHead
  bytes: number
}

/**
 * Writes a copy that is complete and on disk when the promise fulfils. An existing file is never overwritten, and
 * after a failure no file of that name is left.
 * @throws {TrailError} when the trail cannot be read, or the copy cannot be written or is not whole.
 */
export async function backupTrail(from: string, to: string): Promise<Backup> {
  const target = resolve(to)
  const partial = `${target}.partial-${process.pid}`
  if (statSync(target, { throwIfNoEntry: false })) {
    throw new TrailError('trail-unwritable', `${to} exists already; name a new file.`)
  }
  try {
    await copy(from, partial)
    const head = withErrorsNamed(from, 'read', () => checkedHead(partial, from))
    const { size } = statSync(partial)
    await sync(partial)
    await nameForGood(partial, target)
    return { head, bytes: size }
  } catch (cause) {
    if (cause instanceof TrailError) throw cause
    throw new TrailError('trail-unwritable', `${to} could not be written: ${messageOf(cause)}.`, { cause })
  } finally {
    // With what SQLite leaves beside it after it was read.
    for (const end of ['', '-wal', '-shm']) rmSync(partial + end, { force: true })
  }
}

/** More than a file can have; Node takes no -1 here. */
const EVERY_PAGE = 0x7fff_ffff

async function copy(from: string, to: string): Promise<void> {
  const source = openForReading(from)
  try {
    await backup(source, to, { rate: EVERY_PAGE })
  } finally {
    source.close()
  }
}

/** Opens the copy as a restore would. */
function checkedHead(path: string, from: string): TrailHead {
  const db = openForReading(path)
  try {
    const damage = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
    if (damage !== 'ok') {
      throw new TrailError(
        'trail-corrupt',
        `${from} is damaged (${String(damage)}); restore an earlier backup.`,
      )
    }
    const head = readTrailHead(db)
    const entries = Number(db.prepare('SELECT count(*) AS entries FROM entries').get()?.['entries'])
    if (entries !== head.nextIndex) {
      throw new TrailError(
        'trail-corrupt',
        `${from} holds ${entries} entries of ${head.nextIndex}; restore an earlier backup.`,
      )
    }
    return head
  } finally {
    db.close()
  }
}

async function sync(path: string): Promise<void> {
  const file = await open(path)
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** A link fails where a rename would overwrite; then the folder is synced, so that the name survives too. */
async function nameForGood(partial: string, target: string): Promise<void> {
  await link(partial, target)
  await unlink(partial)
  await sync(dirname(target))
}
