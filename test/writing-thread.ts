/** Ends the writing thread of a service from outside, as a bug in it would. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from './clerk-service.ts'

export interface MortalThread {
  /** For the environment of the service. */
  env: { NODE_OPTIONS: string }
  /** Fulfils when the thread has thrown what nobody catches. */
  end: () => Promise<void>
}

/** What Node loads into each thread before its own code: the writing thread is the one that is given an issuer. */
const DIES_WHEN_TOLD = `
  import { existsSync, rmSync } from 'node:fs'
  import { isMainThread, workerData } from 'node:worker_threads'
  const order = new URL('end-of-thread', import.meta.url)
  if (!isMainThread && workerData?.issuer) setInterval(() => {
    if (!existsSync(order)) return
    rmSync(order)
    throw new Error('the thread was told to die')
  }, 20).unref()`

/** `folder`: one that the service may write to. */
export function mortalThread(folder: string): MortalThread {
  const module = join(folder, 'dies-when-told.mjs')
  const order = join(folder, 'end-of-thread')
  writeFileSync(module, DIES_WHEN_TOLD)
  return {
    env: { NODE_OPTIONS: `--import=${module}` },
    end: async () => {
      writeFileSync(order, '')
      await until(() => !existsSync(order))
    },
  }
}
