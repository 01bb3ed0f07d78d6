/** Trails that live through crashes: reports, repeats and bad reports in any order, a crash at any step, a restart. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { TrailError } from '../trail/error.ts'
import { NOON } from '../trail/stores/conformance.ts'
import { Trail } from '../trail/trail.ts'
import type { Ending, FuseSettings } from './fuse.ts'
import type { FusedProcessData, Told } from './fused-process.ts'
import { reportOf, TrailModel, type Sent } from './trail-model.ts'
import { heard, openInThisThread, type Living, type Open } from './trail-openings.ts'

/** From a start to a crash, or to its end when the fuse outlasts it. */
export interface Life {
  /** Reports sent at once, burst after burst. */
  bursts: Sent[][]
  batchLimit: number
  fuse: Omit<FuseSettings, 'path' | 'image'>
}

const sent = fc.record<Sent>({
  session: fc.nat(30),
  bad: fc.nat(9).map((n) => n === 0),
})

const fuse = fc.record<Life['fuse']>({
  steps: fc.nat(90),
  ending: fc.constantFrom<Ending>('power', 'kill', 'thread'),
  seed: fc.nat(),
  checkpointPages: fc.integer({ min: 1, max: 40 }),
})

const life = fc.record<Life>({
  bursts: fc.array(fc.array(sent, { maxLength: 10 }), { maxLength: 5 }),
  batchLimit: fc.integer({ min: 1, max: 6 }),
  fuse,
})

/** Runs of a program that crashes, one after the other, on one trail. */
export const lives = fc.array(life, { minLength: 1, maxLength: 4 })

const LAST_FUSE: Life['fuse'] = { steps: 1_000_000, ending: 'thread', seed: 0, checkpointPages: 1000 }

/** Lives one life after the other, each with the files that the one before has left, and a last one without a crash. */
export function livesThrough(open: Open) {
  return async (lives: Life[]): Promise<void> =>
    inFolder(async (folder) => {
      const model = new TrailModel()
      let path = join(folder, 'life-0.db')
      for (const [n, life] of lives.entries()) {
        const image = join(folder, `life-${n + 1}.db`)
        if (await liveOnce(life, { open, model, fuse: { ...life.fuse, path, image } })) path = image
      }
      await repeatAll(model, path)
    })
}

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'trail-lives-'))
  try {
    await use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

interface Place {
  open: Open
  model: TrailModel
  fuse: FuseSettings
}

/** Whether the files are elsewhere now, as the crash has left them. */
async function liveOnce(life: Life, { open, model, fuse }: Place): Promise<boolean> {
  const living = await open(fuse).catch((error: unknown) => {
    // The fuse burnt before it was open.
    if (error instanceof TrailError && error.code === 'trail-unavailable') return null
    throw error
  })
  if (living) {
    try {
      // As the crash before has left it: nobody has written to it since.
      model.check(fuse.path)
      await sendBursts(life, living, model)
    } finally {
      await living.end()
    }
  }
  return fuse.ending !== 'thread' && (living?.burnt() ?? true)
}

async function sendBursts(life: Life, living: Living, model: TrailModel): Promise<void> {
  const store = heard(living.append, {
    sent: () => undefined,
    answered: (batch, results) => model.answered(batch, results),
    failed: (batch) => model.unanswered(batch),
  })
  const wrong: unknown[] = []
  // A trail takes whatever is thrown for a failure of its store; what the model finds is none.
  const failed = (error: unknown) => void (error instanceof TrailError || wrong.push(error))
  const { batchLimit } = life
  const trail = new Trail({ store, now: () => NOON, batchLimit, observe: { failed } })
  for (const burst of life.bursts) {
    if (living.burnt()) break
    await sendBurst(trail, burst, model)
    if (wrong.length > 0) throw wrong[0]
  }
  await trail.close()
}

/** Sends at once; what is promised is what the store has said. */
async function sendBurst(trail: Trail, burst: Sent[], model: TrailModel): Promise<void> {
  const outcomes = await Promise.all(burst.map((sent) => trail.append(reportOf(sent))))
  burst.forEach(({ session }, at) => {
    const outcome = outcomes[at]
    const promised = outcome === 'durable' || outcome === 'duplicate'
    if (promised) assert.ok(model.known.has(session), `session ${session} was answered ${outcome}`)
    else assert.match(String(outcome), /^(rejected|store-failed)$/)
  })
}

/** The end of each trail: all is there, a repeat of whatever is there writes nothing, and the next has the next index. */
async function repeatAll(model: TrailModel, path: string): Promise<void> {
  const living = await openInThisThread({ ...LAST_FUSE, path, image: '' })
  try {
    model.check(path)
    const newSession = { session: 1000, bad: false }
    const all = [...model.known.keys()].map((session) => ({ session, bad: false })).concat(newSession)
    const expected = [...model.known.values()].map((index) => ({ result: 'duplicate', index }))
    const results = await living.append(all.map(reportOf), NOON + 1)
    assert.deepEqual(results, [...expected, { result: 'durable', index: model.known.size }])
    model.answered(all, results)
    model.check(path)
  } finally {
    await living.end()
  }
}

const FUSED_PROCESS = join(import.meta.dirname, 'fused-process.ts')

/** Lives in processes of their own, each of which kills itself at the step where its fuse burns. */
export async function killedAgainAndAgain(lives: Life[]): Promise<void> {
  await inFolder(async (folder) => {
    const model = new TrailModel()
    const path = join(folder, 'trail.db')
    for (const { bursts, batchLimit, fuse } of lives) {
      const data: FusedProcessData = {
        bursts,
        batchLimit,
        fuse: { ...fuse, ending: 'thread', path, image: '' },
      }
      hear(model, await toldBy(data))
      // Whoever died while it made the file may have left none.
      if (existsSync(path) && statSync(path).size > 0) await checkReopened(model, path)
    }
    await repeatAll(model, path)
  })
}

async function toldBy(data: FusedProcessData): Promise<Told[]> {
  const child = spawn(process.execPath, [FUSED_PROCESS, JSON.stringify(data)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += String(chunk)))
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  assert.ok(signal === 'SIGKILL' || code === 0, `it ended by ${code ?? signal}`)
  const whole = output.slice(0, output.lastIndexOf('\n') + 1)
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Told)
}

/** A trail has one batch under way: each answer is that of the batch before it. */
function hear(model: TrailModel, all: Told[]): void {
  let underWay: Sent[] | null = null
  for (const told of all) {
    if ('sent' in told) underWay = told.sent
    else {
      model.answered(underWay ?? [], told.answered)
      underWay = null
    }
  }
  model.unanswered(underWay ?? [])
}

async function checkReopened(model: TrailModel, path: string): Promise<void> {
  const living = await openInThisThread({ ...LAST_FUSE, path, image: '' })
  try {
    model.check(path)
  } finally {
    await living.end()
  }
}
