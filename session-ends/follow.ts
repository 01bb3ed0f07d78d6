/** Brings the views up to date with the trail. It can be stopped at any point, and goes on where it was. */
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { TrailError } from '../trail/error.ts'
import type { TrailReader } from '../trail/store.ts'
import { Views } from './views.ts'
import { hashOf, openForReading, openForWriting, positionOf } from './views-schema.ts'
import { sqliteViewsStore } from './views-store-sqlite.ts'
import type { Position } from './views-store.ts'

/** Entries in one transaction: sessions lie anywhere in the file, and many together share its pages. */
export const AT_ONCE = 2000

export interface Opening {
  /** Damaged views were set aside, under this name, and are made anew. */
  onSetAside?: (path: string, error: TrailError) => void
}

/**
 * Opens the views of this trail; begins them when there are none, or when they are of another version or damaged. Nothing else may
 * write them meanwhile.
 * @throws {TrailError} `trail-rewound`; `views-unusable` when what is there is not ours
 */
export async function openViews(path: string, trail: TrailReader, opening: Opening = {}): Promise<Views> {
  // Of a rebuild that was killed.
  removeViews(nextOf(path))
  const found = existsSync(path) ? openOrSetAside(path, opening) : null
  if (found) {
    const position = positionOf(found)
    found.close()
    await refuseRewound(position, trail)
  } else removeViews(path)
  return Views.of(sqliteViewsStore(openForWriting(path, await beginningOf(trail))))
}

/** Null when there is nothing to go on from. The records are made from the trail, and no logout waits for their repair. */
function openOrSetAside(path: string, { onSetAside }: Opening): DatabaseSync | null {
  try {
    return openForReading(path)
  } catch (error) {
    if (!(error instanceof TrailError && error.code === 'views-damaged')) throw error
    onSetAside?.(setAside(path), error)
    return null
  }
}

/** Only the last one is kept: it holds personal data, and may be large. */
function setAside(path: string): string {
  const beginning = `${basename(path)}.damaged-`
  for (const name of readdirSync(dirname(path))) {
    if (name.startsWith(beginning)) rmSync(join(dirname(path), name))
  }
  const aside = `${path}.damaged-${new Date().toISOString().replaceAll(':', '-')}`
  renameSync(path, aside)
  removeViews(path)
  return aside
}

/** Takes what is new, once; gives how many entries that were. */
export async function followOnce(views: Views, trail: TrailReader): Promise<number> {
  const entries = await trail.read(views.position.nextIndex - 1, AT_ONCE)
  await views.apply(entries)
  return entries.length
}

export interface Rebuilding {
  path: string
  trail: TrailReader
  /** Told again and again how many entries of how many are done. */
  onProgress?: (done: number, of: number) => void
}

/**
 * Makes the views anew beside the old ones, which stay until it is done. Nothing else may write them meanwhile.
 * @throws {TrailError} `trail-rewound` when the old views know a longer or another trail.
 */
export async function rebuildViews({ path, trail, onProgress }: Rebuilding): Promise<number> {
  const next = nextOf(path)
  removeViews(next)
  const views = await Views.of(sqliteViewsStore(openForWriting(next, await beginningOf(trail))))
  const { nextIndex } = await trail.head()
  try {
    while ((await followOnce(views, trail)) > 0) onProgress?.(views.position.nextIndex, nextIndex)
  } finally {
    await views.close()
  }
  removeViews(path)
  renameSync(next, path)
  return nextIndex
}

/** @throws {TrailError} `trail-rewound` when this is not the trail that the views were made from. */
export async function refuseRewound(position: Position, trail: TrailReader): Promise<void> {
  const head = await trail.head()
  const why = await whyRewound(position, { trail, ...head })
  if (why === null) return
  throw new TrailError(
    'trail-rewound',
    `The session records were made from ${position.nextIndex} entries of trail ${position.trailId}, but ${why}. ` +
      'If you restored a backup on purpose, run: logout-trail rebuild --accept-restore',
  )
}

interface Found {
  trail: TrailReader
  trailId: string
  epoch: number
  nextIndex: number
}

async function whyRewound(
  known: Position,
  { trail, trailId, epoch, nextIndex }: Found,
): Promise<string | null> {
  if (known.trailId !== trailId) return `this is trail ${trailId}`
  if (known.epoch !== epoch) return `its epoch is ${epoch} now, and was ${known.epoch}`
  if (known.nextIndex > nextIndex) return `it has only ${nextIndex}`
  if (known.nextIndex === 0) return null
  const [entry] = await trail.at([known.nextIndex - 1])
  if (entry && hashOf(entry) === known.lastHash) return null
  return `its entry ${known.nextIndex - 1} is another one`
}

async function beginningOf(trail: TrailReader): Promise<Position> {
  const { trailId, epoch } = await trail.head()
  return { trailId, epoch, nextIndex: 0, lastHash: '', unanswered: null }
}

function nextOf(path: string): string {
  return `${path}.next`
}

function removeViews(path: string): void {
  for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true })
}
