/** The thread that reads, seen from the service: each call is a message, and its answer another. */
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { messageOf, TrailError } from '../trail/error.ts'
import type { ReadingCall, ReadingReply, ReadingWorkerData } from './reading-worker.ts'
import type { Reads } from './reads.ts'

export interface ReadingThread extends Reads {
  close: () => Promise<void>
}

interface Waiting {
  resolve: (value: unknown) => void
  reject: (error: Error) => void
}

/** What it reads is garbage a moment later: collected often, it takes little room. */
const YOUNG_MB = 8

/** Requests that wait for an answer hold their connection; more of them than this are refused. */
const WAITING_LIMIT = 200

/** It is started when it is first asked, and again when it is asked after it died: what it was asked then rejects. */
export function startReading(workerData: ReadingWorkerData): ReadingThread {
  const waiting = new Map<number, Waiting>()
  let thread: Worker | null = null
  let calls = 0
  let closing = false

  function start(): Worker {
    // The same code runs as TypeScript in the repository and as JavaScript in the package.
    const url = new URL(`./reading-worker${extname(import.meta.url)}`, import.meta.url)
    const worker = new Worker(url, { workerData, resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } })
    let cause: unknown
    worker.on('error', (error) => (cause = error))
    worker.on('message', (reply: ReadingReply) => settle(reply))
    worker.once('exit', () => {
      thread = null
      const why = cause === undefined ? '' : `: ${messageOf(cause)}`
      const error = new TrailError('trail-unavailable', `The reading thread ended${why}`, { cause })
      for (const one of waiting.values()) one.reject(error)
      waiting.clear()
    })
    return worker
  }

  function settle(reply: ReadingReply): void {
    const one = waiting.get(reply.call)
    waiting.delete(reply.call)
    if ('value' in reply) one?.resolve(reply.value)
    else one?.reject(reply.code ? new TrailError(reply.code, reply.message) : new Error(reply.message))
  }

  function ask(method: keyof Reads, args: unknown[]): Promise<unknown> {
    if (closing) return Promise.reject(new TrailError('trail-closed', 'The trail is closed.'))
    if (waiting.size >= WAITING_LIMIT)
      return Promise.reject(new TrailError('trail-unavailable', 'Too many reads wait for their answer.'))
    thread ??= start()
    const call: ReadingCall = { call: (calls += 1), method, args }
    return new Promise((resolve, reject) => {
      waiting.set(call.call, { resolve, reject })
      thread?.postMessage(call)
    })
  }

  const method = <Name extends keyof Reads>(name: Name) =>
    ((...args: unknown[]) => ask(name, args)) as unknown as Reads[Name]
  return {
    session: method('session'),
    list: method('list'),
    changes: method('changes'),
    lastPlace: method('lastPlace'),
    sessionEnds: method('sessionEnds'),
    durations: method('durations'),
    overview: method('overview'),
    exportPart: method('exportPart'),
    entryPage: method('entryPage'),
    entryEvents: method('entryEvents'),
    due: method('due'),
    head: method('head'),
    close: async () => {
      closing = true
      if (!thread) return
      const exit = new Promise((resolve) => thread?.once('exit', resolve))
      thread.postMessage('close')
      await exit
    },
  }
}
