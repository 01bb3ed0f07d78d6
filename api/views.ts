/** The session records beside the service: a thread keeps them up to date. */
import { extname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { webhookBits } from '../session-ends/facts.ts'
import type { Figures } from '../session-ends/views-reader.ts'
import { TrailError } from '../trail/error.ts'
import type { Database } from './database.ts'
import type { ViewsMessage, ViewsWorkerData } from './views-worker.ts'

export interface SessionViews {
  /** Entries of the trail that are not in the records yet. */
  behind: () => number
  /** Whether all that was in the trail at the start is in the records. */
  knowTheStart: () => boolean
  /** A second old, or older when the history is long; null before the first. */
  figures: () => Figures | null
  /** Whether it is this process that writes the records: one of those that share a trail does. */
  writes: () => boolean
  close: () => Promise<void>
}

/** For the metrics: Clerk's words, joined; `none` when Clerk sent no webhook. */
export function namedMix({ webhookMix }: Figures): { events: string; sessions: number }[] {
  return webhookMix.map(({ webhook_ends, sessions }) => {
    const events = Object.entries(webhookBits).flatMap(([kind, bit]) => (webhook_ends & bit ? kind : []))
    return { events: events.join('+') || 'none', sessions }
  })
}

export interface ViewsOptions {
  database: Database
  /** The thread ended, and is started again: records stand still meanwhile. */
  onRestart: (cause: unknown) => void
  /** The database is away, or another process took over: it is tried again. */
  onTrouble: (message: string) => void
  /** From now on it is this process that writes the records, of those that share a trail. */
  onTurn?: () => void
  /** Another process may write them now. */
  onTurnOver?: () => void
  /** It follows the trail: told at the start, and after each restart that helped. */
  onWorks: () => void
  /** Damaged records were renamed, and are made anew. */
  onSetAside: (path: string, message: string) => void
  /** New figures came. */
  onFigures: (figures: Figures) => void
}

/** Doubled each time that it did not help: a full disk stays full for a while. */
const RESTART_AFTER_MS = 1000
const RESTART_AFTER_AT_MOST_MS = 30_000

/** @throws {TrailError} `trail-rewound` when the trail is not the one that the records were made from. */
export async function startViews(options: ViewsOptions): Promise<SessionViews> {
  const { database, onRestart, onTrouble, onWorks, onSetAside, onFigures } = options
  let behind = 0
  /** Where the trail ended at the start. */
  let startEnd: number | null = null
  let nextIndex = 0
  let writes = false
  let figures: Figures | null = null
  let closing = false
  let restarts = 0
  let restarting: NodeJS.Timeout | undefined

  function endTurn(): void {
    if (writes) options.onTurnOver?.()
    writes = false
  }

  async function start(): Promise<Worker> {
    const worker = startThread({ database })
    const { promise: opened, resolve, reject } = Promise.withResolvers<Worker>()
    let isOpen = false
    let cause: unknown = new TrailError('trail-unavailable', 'The thread of the session records ended.')
    worker.on('error', (error) => (cause = error))
    worker.on('message', (message: ViewsMessage) => {
      if ('setAside' in message) {
        onSetAside(message.setAside, message.message)
        return
      }
      if ('opened' in message && !message.opened) {
        cause = new TrailError(message.code, message.message)
        return
      }
      if ('figures' in message) {
        figures = message.figures
        onFigures(figures)
        return
      }
      if ('trouble' in message) {
        endTurn()
        onTrouble(message.trouble)
        return
      }
      if (!message.writes) endTurn()
      else if (!writes) options.onTurn?.()
      ;({ behind, nextIndex, writes } = message)
      startEnd ??= nextIndex + behind
      if ('opened' in message) {
        isOpen = true
        resolve(worker)
        return
      }
      restarts = 0
      onWorks()
    })
    worker.once('exit', () => {
      endTurn()
      // Whoever started it hears of it when it did not even open.
      if (!isOpen) reject(cause)
      else if (!closing) again(cause)
    })
    return opened
  }

  function again(cause: unknown): void {
    if (closing) return
    onRestart(cause)
    const afterMs = Math.min(RESTART_AFTER_MS * 2 ** restarts, RESTART_AFTER_AT_MOST_MS)
    restarts += 1
    restarting = setTimeout(() => {
      thread = start()
      thread.catch(again)
    }, afterMs)
  }

  let thread = start()
  try {
    await thread
  } catch (error) {
    if (!canWait(error, database)) throw error
    again(error)
  }
  return {
    behind: () => behind,
    knowTheStart: () => startEnd !== null && nextIndex >= startEnd,
    figures: () => figures,
    writes: () => writes,
    close: async () => {
      closing = true
      clearTimeout(restarting)
      const [worker] = await Promise.allSettled([thread])
      if (worker.status === 'fulfilled') await ended(worker.value)
    },
  }
}

/** Of several processes each would refuse to start, though logouts can be recorded; a trail that was put back is for a person. */
function canWait(error: unknown, { engine }: Database): boolean {
  return engine === 'postgres' && !(error instanceof TrailError && error.code === 'trail-rewound')
}

function startThread(workerData: ViewsWorkerData): Worker {
  // The same code runs as TypeScript in the repository and as JavaScript in the package.
  return new Worker(new URL(`./views-worker${extname(import.meta.url)}`, import.meta.url), {
    workerData,
    // What it reads is garbage a moment later: more room for it is only more memory.
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
  })
}

const YOUNG_MB = 8

/** A database that does not answer must not keep the service from ending. */
const END_WITHIN_MS = 5000

/** Its number is gone when it is. */
const GONE = -1

async function ended(worker: Worker): Promise<void> {
  if (worker.threadId === GONE) return
  const exit = new Promise((resolve) => worker.once('exit', resolve))
  worker.postMessage('close')
  await Promise.race([exit, sleep(END_WITHIN_MS, undefined, { ref: false })])
  // What it may still be in the middle of is one transaction, and is made again.
  await worker.terminate()
}
