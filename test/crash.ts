/**
 * kill -9 at a random moment under load, then look; again and again, on the same trail.
 *
 * What a kill proves and what not: the kernel keeps what the process has written, synced or not, so this shows that
 * nothing is promised before it is written, and that the file recovers. That it is synced is shown by `syncs.slow.ts`.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { testClerk } from './clerk-instance.ts'
import { chanceFrom } from './disk-image.ts'
import { Logouts, putLoadOn, sendOnce } from './load.ts'
import { checkPromises, checkWhole, lookAt, type Seen } from './look.ts'
import { startService, temporaryFolder, type RunningService } from './service.ts'

export interface CrashOptions {
  kills: number
  /** The n-th life of the service has as many connections as this says, and then begins again at the first. */
  connections: readonly number[]
  /**
   * Decides the moments and what is sent, and is in every message: `SEED=… npm run test:slow` takes it again. How far
   * the service gets until then stays a matter of chance.
   */
  seed: number
}

export interface CrashReport {
  entries: number
  /** What the requests were answered, all lives together. */
  outcomes: Record<string, number>
  /** From the start of the process to its first line that says where it listens, for each start. */
  startsMs: number[]
  /** How many requests had no whole answer at each kill. */
  cutShort: number[]
}

/** The moment of the kill, after the first answer to the load. */
const EARLIEST_KILL_MS = 20
const LATEST_KILL_MS = 600

/** Generous: machines are shared. */
const START_LIMIT_MS = 5000

/** More than the service takes in the longest life. */
const TOKENS_FOR_A_LIFE = 2500

/** `SEED` of the environment, or a new one. */
export function seedOfThisRun(): number {
  return Number(process.env['SEED'] ?? randomInt(2 ** 31))
}

/** Fails at the first promise that was broken, and says after which kill, of which seed. */
export async function killAgainAndAgain({ kills, connections, seed }: CrashOptions): Promise<CrashReport> {
  const random = chanceFrom(seed)
  const clerk = testClerk()
  const logouts = new Logouts(clerk, random)
  const folder = temporaryFolder()
  const report: CrashReport = { entries: 0, outcomes: {}, startsMs: [], cutShort: [] }
  const env = { CLERK_ISSUER: clerk.issuer, CLERK_JWT_KEY: clerk.publicPem }
  let seen: Seen | null = null
  let when = `seed ${seed}, the first life`

  async function live(use: (service: RunningService) => Promise<void>): Promise<void> {
    logouts.prepare(TOKENS_FOR_A_LIFE)
    const startedAt = performance.now()
    await using service = await startService({ folder, env })
    report.startsMs.push(Math.round(performance.now() - startedAt))
    assert.ok(
      (report.startsMs.at(-1) ?? NaN) < START_LIMIT_MS,
      `${when}: ${report.startsMs.at(-1)} ms to listen`,
    )
    await checkAlive(service, logouts, when)
    await use(service)
  }

  function look(): void {
    const now = lookAt(folder)
    checkWhole(now, seen, when)
    checkPromises(now, logouts, when)
    seen = now
    report.entries = now.indexes.length
  }

  for (let kill = 1; kill <= kills; kill += 1) {
    await live(async (service) => {
      const lanes = connections[(kill - 1) % connections.length] ?? 1
      const delayMs = Math.round(EARLIEST_KILL_MS + random() * (LATEST_KILL_MS - EARLIEST_KILL_MS))
      report.cutShort.push(await killUnderLoad(service, logouts, { lanes, delayMs }))
      when = `seed ${seed}, after kill ${kill}, of ${lanes} connections after ${delayMs} ms`
    })
    look()
  }
  await live(async (service) => {
    service.process.kill('SIGTERM')
    assert.equal(await service.ended, 0, `${when}: told to stop in its last life`)
  })
  look()
  rmSync(folder, { recursive: true })
  report.outcomes = outcomesOf(logouts)
  return report
}

/** The trail takes what is new, and knows what it once promised. */
async function checkAlive({ url }: RunningService, logouts: Logouts, when: string): Promise<void> {
  const [promised] = logouts.answered('durable')
  const latest = logouts.answered('durable').at(-1)
  assert.equal(await sendOnce(url, logouts.fresh()), 'durable', `${when}: a fresh token`)
  if (!promised || !latest) return
  assert.equal(await sendOnce(url, promised), 'duplicate', `${when}: the first token that was durable`)
  assert.equal(await sendOnce(url, latest), 'duplicate', `${when}: the last token that was durable`)
}

/** How many requests were left without a whole answer. */
async function killUnderLoad(
  service: RunningService,
  logouts: Logouts,
  { lanes, delayMs }: { lanes: number; delayMs: number },
): Promise<number> {
  const before = outcomesOf(logouts)
  const load = putLoadOn(service.url, logouts, lanes)
  await load.begun
  const killer = killAfter(delayMs, service.process.pid)
  assert.equal(await service.ended, 'SIGKILL')
  await killer
  await load.ended
  const after = outcomesOf(logouts)
  const grown = (outcome: string) => (after[outcome] ?? 0) - (before[outcome] ?? 0)
  return grown('unanswered') + grown('cut off')
}

/**
 * From another process: a timer of ours would strike only when all answers that came are read and the next requests
 * are sent, and would always miss the moment right after an answer.
 */
async function killAfter(delayMs: number, pid: number | undefined): Promise<void> {
  const killer = spawn('sh', ['-c', `sleep ${delayMs / 1000} && kill -9 ${pid}`], { stdio: 'inherit' })
  await once(killer, 'close')
}

export function outcomesOf(logouts: Logouts): Record<string, number> {
  const count: Record<string, number> = {}
  for (const { outcomes } of logouts.sent)
    for (const outcome of outcomes) count[outcome] = (count[outcome] ?? 0) + 1
  return count
}
