/** The file `views.db` as a whole: begun, set aside when it is damaged, and made anew. */
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { TrailError } from '../trail/error.ts'
import type { TrailReader } from '../trail/store.ts'
import { beginningOf, followAll, refuseRewound } from './follow.ts'
import { Views } from './views.ts'
import { openForReading, openForWriting, positionOf } from './views-schema.ts'
import { sqliteViewsStore } from './views-store-sqlite.ts'

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
  let done
  try {
    done = await followAll(views, trail, onProgress)
  } finally {
    await views.close()
  }
  removeViews(path)
  renameSync(next, path)
  return done
}

function nextOf(path: string): string {
  return `${path}.next`
}

function removeViews(path: string): void {
  for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true })
}
