/** The ways in which a trail with a fuse is opened: in this thread, which is quick, or with its writing thread. */
import { Worker } from 'node:worker_threads'
import type { Report } from '../trail/entry.ts'
import { TrailError } from '../trail/error.ts'
import type { AppendResult, TrailStore } from '../trail/store.ts'
import { ISSUER, UNSTORABLE } from '../trail/stores/conformance.ts'
import { openSqliteStore } from '../trail/stores/sqlite.ts'
import { SqliteWriter, type WriterOptions } from '../trail/stores/sqlite-writer.ts'
import { BURNT_EXIT_CODE, Fuse, light, type FuseSettings } from './fuse.ts'
import type { FusedWorkerData } from './fused-worker.ts'
import type { Sent } from './trail-model.ts'

export interface Living {
  append: TrailStore['append']
  burnt: () => boolean
  /** Ends it as its fuse says, or closes it. */
  end: () => Promise<void>
}

export type Open = (fuse: FuseSettings) => Promise<Living>

/** @throws {TrailError} when the fuse burns while it opens. */
export const openInThisThread: Open = async (settings) => {
  const fuse = new Fuse(settings, () => {
    throw new Burnt()
  })
  let burnt = false
  const withFuse = <T>(run: () => T): T => {
    if (burnt) throw unavailable()
    light(fuse)
    try {
      return run()
    } catch (error) {
      if (!(error instanceof Burnt)) throw error
      burnt = true
      throw unavailable()
    } finally {
      light(null)
    }
  }
  const writer = withFuse(() => new SqliteWriter({ path: settings.path, issuer: ISSUER, known: null }))
  return {
    append: async (batch, recordedAt) => withFuse(() => writer.append(batch, recordedAt)),
    burnt: () => burnt,
    end: async () => {
      if (!burnt) fuse.leaveImage()
      burnt ||= settings.ending !== 'thread'
      writer.close()
    },
  }
}

/** @throws {TrailError} when the fuse burns while it opens. */
export const openWithItsThread: Open = async (settings) => {
  let burnt = false
  let close = async (): Promise<void> => undefined
  let closing: Promise<void> | null = null
  const startWorker = (options: WriterOptions) => {
    const worker = startFusedWorker(options, { fuse: settings, ends: 'thread' })
    worker.once('exit', (code) => {
      burnt = code === BURNT_EXIT_CODE
      // The service ends with it: no other thread is started.
      closing ??= close()
    })
    return worker
  }
  const store = await openSqliteStore({ path: settings.path, issuer: ISSUER, startWorker })
  close = () => store.close()
  return {
    append: (batch, recordedAt) => store.append(batch, recordedAt),
    burnt: () => burnt,
    end: async () => (closing ??= close()),
  }
}

export function startFusedWorker(options: WriterOptions, data: FusedWorkerData): Worker {
  return new Worker(new URL('fused-worker.ts', import.meta.url), { workerData: { ...options, ...data } })
}

export interface Listener {
  sent: (batch: Sent[]) => void
  answered: (batch: Sent[], results: AppendResult[]) => void
  failed: (batch: Sent[]) => void
}

/** A store as a trail has it, that tells of each batch. */
export function heard(append: TrailStore['append'], listener: Listener): TrailStore {
  const noUse = () => Promise.reject(new Error('a trail that is written to does not ask for this'))
  return {
    append: async (batch, recordedAt) => {
      const sents = batch.map(sentOf)
      listener.sent(sents)
      const results = await append(batch, recordedAt).catch((error: unknown) => {
        listener.failed(sents)
        throw error
      })
      listener.answered(sents, results)
      return results
    },
    close: async () => undefined,
    read: noUse,
    head: noUse,
    check: noUse,
  }
}

function sentOf({ session_id, occurred_at }: Report): Sent {
  const session = Number(session_id?.slice('sess_'.length))
  return { session, bad: (occurred_at as unknown) === UNSTORABLE.occurred_at }
}

class Burnt extends Error {
  override readonly name = 'Burnt'
}

function unavailable(): TrailError {
  return new TrailError('trail-unavailable', 'The fuse burnt.')
}
