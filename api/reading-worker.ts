/** The thread that reads: a long read makes other readers wait, and never a logout. */
import { constants, setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { readingOf } from '../session-ends/reading.ts'
import { ViewsReader } from '../session-ends/views-reader.ts'
import { messageOf, TrailError, type TrailErrorCode } from '../trail/error.ts'
import type { Database } from './database.ts'
import { readsOf, type Reads } from './reads.ts'
import { openReader, viewsOf } from './readable.ts'

export interface ReadingWorkerData {
  database: Database
}

/** What is asked of the thread: one of its methods. */
export interface ReadingCall {
  call: number
  method: keyof Reads
  args: unknown[]
}

export type ReadingReply =
  | { call: number; value: unknown }
  | { call: number; code: TrailErrorCode | null; message: string }

// Whoever logs out comes first. On Linux this is of the thread that calls it; elsewhere it would be of the whole process.
if (process.platform === 'linux') setPriority(0, constants.priority.PRIORITY_BELOW_NORMAL)

const port = parentPort
if (!port) throw new Error('reading-worker.ts runs as a worker thread only')

const { database } = workerData as ReadingWorkerData
const trail = await openReader(database)
const views = new ViewsReader(viewsOf(database))
const reads = readsOf(readingOf(views, trail))

port.on('message', (message: ReadingCall | 'close') => {
  const done = message === 'close' ? close() : answer(message)
  done.catch((error: unknown) => {
    throw error
  })
})

/** What was asked before is answered. */
async function close(): Promise<void> {
  await views.close()
  trail.close()
  port?.close()
}

/** The bytes of a part of a file change hands, and are not copied. */
function bytesIn(reply: ReadingReply): ArrayBuffer[] {
  const value = 'value' in reply ? reply.value : null
  return typeof value === 'object' && value !== null && 'bytes' in value && value.bytes instanceof Uint8Array
    ? [value.bytes.buffer as ArrayBuffer]
    : []
}

async function answer({ call, method, args }: ReadingCall): Promise<void> {
  const run = reads[method] as (...args: unknown[]) => Promise<unknown>
  const reply = await run(...args).then(
    (value): ReadingReply => ({ call, value }),
    (error: unknown): ReadingReply => ({
      call,
      code: error instanceof TrailError ? error.code : null,
      message: messageOf(error),
    }),
  )
  port?.postMessage(reply, bytesIn(reply))
}
