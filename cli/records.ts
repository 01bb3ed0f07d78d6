/** The session records beside the trail of `DATABASE_URL`, to read, also while the service runs. */
import { setTimeout as sleep } from 'node:timers/promises'
import { readDatabase } from '../api/config.ts'
import type { Database } from '../api/database.ts'
import { readsOf, type Reads } from '../api/reads.ts'
import { openReader, viewsOf } from '../api/readable.ts'
import { refuseRewound } from '../session-ends/follow.ts'
import { readingOf, type Reading } from '../session-ends/reading.ts'
import { ViewsReader } from '../session-ends/views-reader.ts'
import { TrailError } from '../trail/error.ts'
import type { TrailReader } from '../trail/store.ts'
import { isLockHeld } from '../trail/stores/sqlite-lock.ts'

export interface Records {
  database: Database
  trail: TrailReader
  views: ViewsReader
  reading: Reading
  reads: Reads
  /** Entries that the records are made from. */
  known: number
  /** Entries that are not in them. */
  behind: number
}

/**
 * Says on standard error when the records are behind the trail.
 * @throws {TrailError} `views-unusable` when there are entries and no records, `trail-rewound` when they are of another history.
 */
export async function withRecords(use: (records: Records) => Promise<void>): Promise<void> {
  await opened(async (records) => {
    if (records.behind > 0) console.error(behindText(records.behind))
    await use(records)
  })
}

/** Refuses instead, after a moment in which a running service may add what is missing. Errors as of `withRecords`. */
export async function withWholeRecords(use: (records: Records) => Promise<void>): Promise<void> {
  await opened(async (records) => {
    const behind = await stillBehind(records)
    if (behind === 0) {
      await use(records)
      return
    }
    console.error(`${behindText(behind)} Nothing was written.`)
    process.exitCode = 1
  })
}

async function opened(use: (records: Records) => Promise<void>): Promise<void> {
  const database = readDatabase()
  const trail = await openReader(database)
  const views = new ViewsReader(viewsOf(database))
  try {
    const { nextIndex } = await trail.head()
    const position = await views.position()
    if (position) await refuseRewound(position, trail)
    else if (nextIndex > 0) throw noRecords()
    const known = position?.nextIndex ?? 0
    const reading = readingOf(views, trail)
    const behind = Math.max(0, nextIndex - known)
    await use({ database, trail, views, reading, reads: readsOf(reading), known, behind })
  } finally {
    await views.close()
    trail.close()
  }
}

function noRecords(): TrailError {
  return new TrailError(
    'views-unusable',
    'There are no session records beside this trail yet: start the service once, or run logout-trail rebuild.',
  )
}

function behindText(behind: number): string {
  const what = behind === 1 ? '1 entry is' : `${behind} entries are`
  return `${what} not in the records yet; the running service takes in what is missing, or logout-trail rebuild while it is stopped.`
}

/** Whether a service may be running that takes in what is missing. */
function mayRun(database: Database): boolean {
  return database.engine === 'postgres' || isLockHeld(database.path)
}

const PATIENCE_MS = 5000
const LOOK_AGAIN_MS = 50

/** Of the entries that there were at the beginning: under load there are always newer ones. */
async function stillBehind({ database, views, known, behind }: Records): Promise<number> {
  const wanted = known + behind
  let missing = behind
  for (
    let waitedMs = 0;
    missing > 0 && waitedMs < PATIENCE_MS && mayRun(database);
    waitedMs += LOOK_AGAIN_MS
  ) {
    await sleep(LOOK_AGAIN_MS)
    missing = Math.max(0, wanted - ((await views.position())?.nextIndex ?? 0))
  }
  return missing
}
