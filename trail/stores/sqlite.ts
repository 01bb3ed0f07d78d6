/**
 * The embedded store: one SQLite file, one writing thread, one service.
 *
 * The thread is restarted when it dies; what it was doing rejects, and what is asked meanwhile waits for the new
 * one. A trail that is no longer the file it was is not replaced by an empty one: the store stays unavailable and
 * tries again once a second.
 */
import { existsSync, realpathSync } from 'node:fs'
import { extname, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Entry, Report } from '../entry.ts'
import { TrailError } from '../error.ts'
import type { AppendResult, TrailHead, TrailReader, TrailStore } from '../store.ts'
import { holdLock } from './sqlite-lock.ts'
import { openSqliteReader } from './sqlite-reader.ts'
import { fileIdentity, type KnownTrail } from './sqlite-schema.ts'
import type { Opened, WriterReply, WriterRequest } from './sqlite-worker.ts'
import type { WriterOptions, WriterSettings } from './sqlite-writer.ts'

export interface SqliteStoreOptions {
  path: string
  /** The Clerk instance, as in the token's `iss`; a trail of another one is refused. */
  issuer: string
  /** Told each time a writing thread has opened the trail, how its connection is set. */
  onOpen?: (settings: WriterSettings) => void
  /** Told when the writing thread died and a new one is started. */
  onRestart?: (cause: unknown) => void
  /** How a writing thread is started; tests hold on to it to end it. */
  startWorker?: (options: WriterOptions) => Worker
}

/** Opens or creates the trail. @throws {TrailError} when it cannot be this service's trail. */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<TrailStore> {
  const path = realPath(options.path)
  const lock = holdLock(path)
  const store = new SqliteStore({ ...options, path }, lock)
  try {
    await store.head()
    return store
  } catch (error) {
    await store.close()
    throw error
  }
}

/** Where the path leads, links followed: one trail under two names is still one trail with one lock. */
function realPath(path: string): string {
  return existsSync(path) ? realpathSync(path) : resolve(path)
}

interface Waiting {
  resolve: (value: WriterReply) => void
  reject: (error: TrailError) => void
}

/** One thread and the replies it still owes, in order. */
interface Thread {
  worker: Worker
  owed: Waiting[]
  /** Why it ended: it answers nothing more. */
  ended: TrailError | null
  /** ms on the monotonic clock. */
  startedAt: number
  opened: boolean
}

const RESTART_INTERVAL_MS = 1000

class SqliteStore implements TrailStore {
  readonly #options: SqliteStoreOptions
  readonly #lock: Disposable
  #thread: Promise<Thread>
  #known: KnownTrail | null = null
  #reader: TrailReader | null = null
  readonly #closing = new AbortController()

  constructor(options: SqliteStoreOptions, lock: Disposable) {
    this.#options = options
    this.#lock = lock
    this.#thread = this.#start()
  }

  async append(batch: readonly Report[], recordedAt: number): Promise<AppendResult[]> {
    return (await this.#ask({ do: 'append', batch, recordedAt })) as AppendResult[]
  }

  async read(after: number, limit: number): Promise<Entry[]> {
    if (this.#closed) throw closed()
    this.#reader ??= openSqliteReader(this.#options.path)
    return this.#reader.read(after, limit)
  }

  async head(): Promise<TrailHead> {
    return (await this.#ask({ do: 'head' })) as TrailHead
  }

  async check(): Promise<void> {
    await this.#ask({ do: 'check' })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closing.abort()
    // Whoever asked a thread that did not start, or that dies meanwhile, has been told; nothing of it is left to close.
    const [started] = await Promise.allSettled([this.#thread])
    if (started.status === 'fulfilled') {
      await Promise.allSettled([this.#send(started.value, { do: 'close' })])
      await started.value.worker.terminate()
    }
    this.#reader?.close()
    this.#lock[Symbol.dispose]()
  }

  get #closed(): boolean {
    return this.#closing.signal.aborted
  }

  async #ask(request: WriterRequest): Promise<unknown> {
    if (this.#closed) throw closed()
    const reply = await this.#send(await this.#thread, request)
    if (!reply.ok) throw new TrailError(reply.code, reply.message)
    return reply.value
  }

  #send({ worker, owed, ended }: Thread, request: WriterRequest): Promise<WriterReply> {
    if (ended) return Promise.reject(ended)
    return new Promise((resolve, reject) => {
      // First: what cannot be sent throws, and is owed no reply.
      worker.postMessage(request)
      owed.push({ resolve, reject })
    })
  }

  async #start(): Promise<Thread> {
    const { path, issuer, startWorker = startSqliteWorker } = this.#options
    const worker = startWorker({ path, issuer, known: this.#known })
    const thread: Thread = { worker, owed: [], ended: null, startedAt: performance.now(), opened: false }
    worker.on('message', (reply: WriterReply) => thread.owed.shift()?.resolve(reply))
    let cause: unknown
    worker.on('error', (error) => (cause = error))
    worker.once('exit', () => this.#ended(thread, cause))
    const reply = await this.#send(thread, { do: 'open' })
    if (reply.ok) {
      thread.opened = true
      const { head, settings } = reply.value as Opened
      this.#known ??= { trailId: head.trailId, identity: fileIdentity(path) }
      this.#options.onOpen?.(settings)
      return thread
    }
    await worker.terminate()
    throw new TrailError(reply.code, reply.message)
  }

  #ended(thread: Thread, cause: unknown): void {
    const error = new TrailError('trail-unavailable', 'The writing thread ended unexpectedly.', { cause })
    thread.ended = error
    for (const waiting of thread.owed.splice(0)) waiting.reject(error)
    // Before the first opening the caller hears of it and decides.
    if (this.#closed || this.#known === null) return
    if (thread.opened) this.#options.onRestart?.(cause)
    this.#thread = this.#restart(thread.startedAt + RESTART_INTERVAL_MS - performance.now())
    // Whoever asks next awaits it and is told; until then a failure is nobody's unhandled rejection.
    this.#thread.catch(ignoredUntilAsked)
  }

  /** At once after a long life; a thread that keeps dying is started at most once a second. */
  async #restart(delayMs: number): Promise<Thread> {
    try {
      await sleep(Math.max(delayMs, 0), undefined, { signal: this.#closing.signal })
    } catch (cause) {
      throw closed(cause)
    }
    return this.#start()
  }
}

function startSqliteWorker(options: WriterOptions): Worker {
  // The same code runs as TypeScript in the repository and as JavaScript in the package.
  const file = `./sqlite-worker${extname(import.meta.url)}`
  return new Worker(new URL(file, import.meta.url), {
    workerData: options,
    // A batch is garbage once it is answered: collected often, it takes little room.
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
  })
}

const YOUNG_MB = 8

function closed(cause?: unknown): TrailError {
  return new TrailError('trail-closed', 'The trail is closed.', { cause })
}

function ignoredUntilAsked(): void {
  return undefined
}
