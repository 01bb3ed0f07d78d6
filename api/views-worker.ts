/** The thread that keeps the session records up to date: it reads the trail beside the writer, and never waits for it. */
import { constants, setPriority } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { AT_ONCE, followOnce, openViews } from '../session-ends/follow.ts'
import { ViewsReader, type Figures } from '../session-ends/views-reader.ts'
import { sqliteViews } from '../session-ends/views-sqlite.ts'
import { TrailError, type TrailErrorCode } from '../trail/error.ts'
import { openSqliteReader } from '../trail/stores/sqlite-reader.ts'

export interface ViewsWorkerData {
  trailPath: string
  viewsPath: string
}

/** What the thread tells: once how the opening went, then how far it is; the first such word says that following works. */
export type ViewsMessage =
  | { setAside: string; message: string }
  | ({ opened: true } & Progress)
  | { opened: false; code: TrailErrorCode; message: string }
  | Progress
  | { figures: Figures }

interface Progress {
  /** Of the first entry that is not in the records yet. */
  nextIndex: number
  /** Entries of the trail that are not in the records yet. */
  behind: number
}

/** How long a new entry may wait before it is looked for: many at once cost less than a few at a time. */
const POLL_MS = 200

/** The figures take a hundredth of the thread's time at most. */
const FIGURES_EVERY_MS = 1000
const SHARE = 100

// Whoever logs out comes first. On Linux this is of the thread that calls it; elsewhere it would be of the whole process.
if (process.platform === 'linux') setPriority(0, constants.priority.PRIORITY_BELOW_NORMAL)

const port = parentPort
if (!port) throw new Error('views-worker.ts runs as a worker thread only')

const closing = new AbortController()
port.once('message', () => closing.abort())

const { trailPath, viewsPath } = workerData as ViewsWorkerData

const tell = (message: ViewsMessage) => port.postMessage(message)

try {
  const trail = openSqliteReader(trailPath)
  const views = await openViews(viewsPath, trail, {
    onSetAside: (path, { message }) => tell({ setAside: path, message }),
  })
  const figures = new ViewsReader(sqliteViews(viewsPath))
  const progress = async (): Promise<Progress> => {
    const { nextIndex } = views.position
    return { nextIndex, behind: (await trail.head()).nextIndex - nextIndex }
  }
  tell({ opened: true, ...(await progress()) })
  let figuresDueAt = performance.now()
  let isFirst = true
  while (!closing.signal.aborted) {
    const startedAt = performance.now()
    if (startedAt >= figuresDueAt) {
      tell({ figures: await figures.figures(Date.now()) })
      const took = performance.now() - startedAt
      figuresDueAt = performance.now() + Math.max(FIGURES_EVERY_MS, SHARE * took)
    }
    const taken = await followOnce(views, trail)
    if (taken > 0 || isFirst) tell(await progress())
    isFirst = false
    if (taken < AT_ONCE) await sleep(POLL_MS)
  }
  await figures.close()
  await views.close()
  trail.close()
} catch (error) {
  if (!(error instanceof TrailError)) throw error
  tell({ opened: false, code: error.code, message: error.message })
}
port.close()
