/** The writing thread as it is, with a fuse: it ends itself, or its whole process, when that burns. */
import { workerData } from 'node:worker_threads'
import { BURNT_EXIT_CODE, Fuse, light, type FuseSettings } from './fuse.ts'

export interface FusedWorkerData {
  fuse: FuseSettings
  /** What ends: `process` is the kill -9 of the whole service. */
  ends: 'thread' | 'process'
}

const { fuse, ends } = workerData as FusedWorkerData

light(
  new Fuse(fuse, () => {
    if (ends === 'process') process.kill(process.pid, 'SIGKILL')
    return process.exit(BURNT_EXIT_CODE)
  }),
)

await import('../trail/stores/sqlite-worker.ts')
