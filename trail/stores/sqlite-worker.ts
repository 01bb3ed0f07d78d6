/** The thread around `SqliteWriter`: one request in, one reply out, in order. */
import { parentPort, workerData } from 'node:worker_threads'
import type { Report } from '../entry.ts'
import { TrailError, type TrailErrorCode } from '../error.ts'
import type { AppendResult, TrailHead } from '../store.ts'
import { SqliteWriter, type WriterOptions, type WriterSettings } from './sqlite-writer.ts'

export type WriterRequest =
  | { do: 'open' | 'head' | 'check' | 'close' }
  | { do: 'append'; batch: readonly Report[]; recordedAt: number }

/** The answer to `open`. */
export interface Opened {
  head: TrailHead
  settings: WriterSettings
}

export type WriterReply =
  | { ok: true; value: Opened | TrailHead | AppendResult[] | null }
  | { ok: false; code: TrailErrorCode; message: string }

const port = parentPort
if (!port) throw new Error('sqlite-worker.ts runs as a worker thread only')

let writer: SqliteWriter | undefined

port.on('message', (request: WriterRequest) => {
  port.postMessage(answer(request))
  if (request.do === 'close') port.close()
})

function answer(request: WriterRequest): WriterReply {
  try {
    return { ok: true, value: perform(request) }
  } catch (error) {
    // Anything but a TrailError is a bug in the writer: the thread ends, and the store starts a new one.
    if (!(error instanceof TrailError)) throw error
    return { ok: false, code: error.code, message: error.message }
  }
}

function perform(request: WriterRequest): Opened | TrailHead | AppendResult[] | null {
  if (request.do === 'open') {
    writer = new SqliteWriter(workerData as WriterOptions)
    // SQLite opens a file without write permission all the same, to read.
    writer.check()
    return { head: writer.head(), settings: writer.settings() }
  }
  if (!writer) throw new TrailError('trail-unavailable', 'The trail is not open.')
  switch (request.do) {
    case 'append':
      return writer.append(request.batch, request.recordedAt)
    case 'head':
      return writer.head()
    case 'check':
      writer.check()
      return null
    case 'close':
      writer.close()
      return null
  }
}
