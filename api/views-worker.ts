/** The thread that keeps the session records up to date: it reads the trail beside the writer, and never waits for it. */
import { constants, setPriority } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { followOnce } from '../session-ends/follow.ts'
import type { Figures } from '../session-ends/views-reader.ts'
import type { Views } from '../session-ends/views.ts'
import { messageOf, TrailError, type TrailErrorCode } from '../trail/error.ts'
import type { Database } from './database.ts'
import { openFollowing, type Following } from './following.ts'

export interface ViewsWorkerData {
  database: Database
}

/** What the thread tells: once how the opening went, then how far it is; the first such word says that following works. */
export type ViewsMessage =
  | { setAside: string; message: string }
  | ({ opened: true } & Progress)
  | { opened: false; code: TrailErrorCode; message: string }
  | Progress
  | { figures: Figures }
  /** It is tried again. */
  | { trouble: string }

interface Progress {
  /** Of the first entry that is not in the records yet. */
  nextIndex: number
  /** Entries of the trail that are not in the records yet. */
  behind: number
  /** Whether it is this process that writes them. */
  writes: boolean
}

/** How long a new entry may wait before it is looked for: many at once cost less than a few at a time. */
const POLL_MS = 200
/** Of a store that takes so many: it is shared with those who log out, and the more at once, the less it has to do for each. */
const MANY = 1000
const POLL_AMONG_MANY_MS = 1000

/** After what passes by itself. */
const TRY_AGAIN_MS = 1000

/** The figures take a hundredth of the thread's time at most. */
const FIGURES_EVERY_MS = 1000
const SHARE = 100

// Whoever logs out comes first. On Linux this is of the thread that calls it; elsewhere it would be of the whole process.
if (process.platform === 'linux') setPriority(0, constants.priority.PRIORITY_BELOW_NORMAL)

const port = parentPort
if (!port) throw new Error('views-worker.ts runs as a worker thread only')

const closing = new AbortController()
port.once('message', () => closing.abort())

const { database } = workerData as ViewsWorkerData

const tell = (message: ViewsMessage) => port.postMessage(message)

/** Null: whatever comes is news. */
let told: Progress | null = null

try {
  const following = await openFollowing(database, {
    onSetAside: (path, { message }) => tell({ setAside: path, message }),
    onTrouble: (error) => {
      told = null
      tell({ trouble: messageOf(error) })
    },
  })
  try {
    // Of several processes one writes; its turn begins below, where what fails is tried again.
    const views = database.engine === 'sqlite' ? await following.writable() : null
    tell({ opened: true, ...(await progressOf(following, views)) })
    await follow(following)
  } finally {
    // Also after what does not pass: this thread could not end while it keeps the lease, and nobody else could write.
    await following.close()
  }
} catch (error) {
  if (!(error instanceof TrailError)) throw error
  tell({ opened: false, code: error.code, message: error.message })
}
port.close()

/** Until it is told to stop. */
async function follow(following: Following): Promise<void> {
  const figures = figuresOf(following)
  while (!closing.signal.aborted) {
    try {
      const views = await following.writable()
      const asked = views?.atOnce ?? 1
      const taken = views ? await followOnce(views, following.trail) : 0
      const progress = await progressOf(following, views)
      if (isNews(progress, told)) tell(progress)
      told = progress
      await figures()
      if (taken < asked) await pause(taken > MANY ? POLL_AMONG_MANY_MS : POLL_MS)
    } catch (error) {
      if (!(await following.passes(error))) throw error
      told = null
      // Another process took over, as it should; the next progress says so.
      const isTrouble = !hasCode(error, 'trail-locked')
      if (isTrouble) tell({ trouble: messageOf(error) })
      await pause(isTrouble ? TRY_AGAIN_MS : POLL_MS)
    }
  }
}

/** Until then, or until it is told to stop. */
async function pause(ms: number): Promise<void> {
  await sleep(ms, undefined, { signal: closing.signal }).catch(toldToStop)
}

function toldToStop(): void {
  return undefined
}

function isNews(now: Progress, before: Progress | null): boolean {
  return now.behind > 0 || now.nextIndex !== before?.nextIndex || now.writes !== before.writes
}

function hasCode(error: unknown, code: TrailErrorCode): boolean {
  return error instanceof TrailError && error.code === code
}

/** `views`: null when this process does not write them. */
async function progressOf({ trail, records }: Following, views: Views | null): Promise<Progress> {
  const position = views ? views.position : await records.position()
  const nextIndex = position?.nextIndex ?? 0
  return {
    nextIndex,
    behind: Math.max(0, (await trail.head()).nextIndex - nextIndex),
    writes: views !== null,
  }
}

/** Tells the figures when they are due. */
function figuresOf({ records }: Following): () => Promise<void> {
  let dueAt = performance.now()
  return async () => {
    const startedAt = performance.now()
    if (startedAt < dueAt) return
    try {
      tell({ figures: await records.figures(Date.now()) })
    } finally {
      // Also when they cannot be read: what fails after seconds would hold up the records again and again.
      const took = performance.now() - startedAt
      dueAt = performance.now() + Math.max(FIGURES_EVERY_MS, SHARE * took)
    }
  }
}
