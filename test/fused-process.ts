/** A service with a fuse on its writing thread, which kills the whole process. It tells of each batch in a line. */
import { writeSync } from 'node:fs'
import { ISSUER, NOON } from '../trail/stores/conformance.ts'
import { openSqliteStore } from '../trail/stores/sqlite.ts'
import { Trail } from '../trail/trail.ts'
import type { FuseSettings } from './fuse.ts'
import type { AppendResult } from '../trail/store.ts'
import { reportOf, type Sent } from './trail-model.ts'
import { heard, startFusedWorker } from './trail-openings.ts'

export interface FusedProcessData {
  fuse: FuseSettings
  bursts: Sent[][]
  batchLimit: number
}

export type Told = { sent: Sent[] } | { answered: AppendResult[] }

const { fuse, bursts, batchLimit } = JSON.parse(process.argv[2] ?? '') as FusedProcessData

// At once, past every buffer of ours: what is told outlives the process.
const tell = (told: Told) => void writeSync(1, `${JSON.stringify(told)}\n`)

const opened = await openSqliteStore({
  path: fuse.path,
  issuer: ISSUER,
  startWorker: (options) => startFusedWorker(options, { fuse, ends: 'process' }),
})
const store = heard((batch, recordedAt) => opened.append(batch, recordedAt), {
  sent: (sent) => tell({ sent }),
  answered: (_, answered) => tell({ answered }),
  failed: () => undefined,
})
const trail = new Trail({ store, now: () => NOON, batchLimit })
for (const burst of bursts) await Promise.all(burst.map((sent) => trail.append(reportOf(sent))))
await trail.close()
await opened.close()
