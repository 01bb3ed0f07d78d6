/**
 * `npm run soak`: minutes of mixed load on the service in a process of its own, to see what only time shows: memory,
 * handles, latency and files that grow, and whether all that was answered `durable` is in the trail, once.
 *
 * Linux only: it reads /proc. Exits with 1 when something does not hold.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { testClerk } from '../test/clerk-instance.ts'
import { startService, type RunningService } from '../test/service.ts'
import { openForReading } from '../trail/stores/sqlite-schema.ts'
import { Load } from './soak-load.ts'
import { handlesOf, readService, textOf, type Handles } from './soak-readings.ts'
import { printProgress, printTable } from './soak-table.ts'
import { answers, ENOUGH_MINUTES, handles, loss, overTime, type Finding, type Run } from './soak-verdict.ts'
import { quantile } from './statistics.ts'

const USAGE = `npm run soak -- [minutes]

Minutes of mixed load on the service, 10 if none are given: 400 requests a second (1,200 in the first minute), of which 70 % have a new valid token,
10 % are repeats, 10 % forged, 5 % have no token, and 5 % come on a new connection or break off. At the end a table by
minute and what it shows. Below ${ENOUGH_MINUTES} minutes only loss and handles are checked.`

const REQUESTS_PER_SECOND = 400
/** In the first minute, so that the heap finds in it the size that it would otherwise find in the first three. */
const FIRST_REQUESTS_PER_SECOND = 1200
const FIRST_MS = 60_000
const READING_INTERVAL_MS = 10_000
const READINGS_PER_MINUTE = 60_000 / READING_INTERVAL_MS
const SETTLED_WITHIN_MS = 30_000
const SETTLING_STEP_MS = 1000

const { values, positionals } = parseArgs({ options: { help: { type: 'boolean' } }, allowPositionals: true })
const minutes = Number(positionals[0] ?? 10)
if (values.help) {
  console.log(USAGE)
} else if (!(minutes > 0) || positionals.length > 1) {
  console.error(
    `The number of minutes must be a number above 0, and not ${positionals.join(' ')}.\n\n${USAGE}`,
  )
  process.exitCode = 1
} else {
  const findings = await soak()
  for (const { holds, sentence } of findings) console.log(`${holds ? 'holds' : 'FAILS'}  ${sentence}`)
  if (findings.some(({ holds }) => !holds)) process.exitCode = 1
}

async function soak(): Promise<Finding[]> {
  const clerk = testClerk()
  const env = { CLERK_ISSUER: clerk.issuer, CLERK_JWT_KEY: clerk.publicPem }
  await using service = await startService({ env })
  process.once('exit', () => service.process.kill('SIGKILL'))
  process.once('SIGINT', () => process.exit(130))
  const trail = join(service.folder, 'data/trail.db')

  const load = new Load(service.url, clerk)
  // What the service opens once and keeps, such as its thread pool, is there before the load.
  await load.warmUp()
  await readService(service, trail)
  const before = await settledHandles(service, null)
  const run = await loaded(load, service, trail)
  await load.settle()
  const after = await settledHandles(service, before)
  const { droppedLines } = await readService(service, trail)
  service.process.kill('SIGTERM')
  await service.ended

  printTable(run)
  const always = [handles(before, after), loss(load, sessionsOf(trail))]
  const enough = minutes >= ENOUGH_MINUTES
  if (!enough)
    console.log(`Less than ${ENOUGH_MINUTES} minutes prove little: only handles and loss are checked.\n`)
  return enough ? [...overTime(run), ...answers(load, droppedLines), ...always] : always
}

async function loaded(load: Load, service: RunningService, trail: string): Promise<Run> {
  const run: Run = { minutes, readings: [], p99OfMinutes: [] }
  const startedAt = performance.now()
  const signal = AbortSignal.timeout(minutes * 60_000)
  const first = AbortSignal.any([signal, AbortSignal.timeout(FIRST_MS)])
  const sending = load.run(FIRST_REQUESTS_PER_SECOND, first).then(() => load.run(REQUESTS_PER_SECOND, signal))
  let ofMinute: number[] = []
  let answersBefore = load.answers
  for (let at = 1; at * READING_INTERVAL_MS <= minutes * 60_000; at += 1) {
    await sleep(Math.max(startedAt + at * READING_INTERVAL_MS - performance.now(), 0))
    const latencies = load.takeLatencies()
    const state = await readService(service, trail)
    await textOf(`${service.url}/readyz`)
    // They were waited for once, when it started.
    service.lines.length = 0
    run.readings.push({
      ...state,
      atMs: at * READING_INTERVAL_MS,
      answers: load.answers - answersBefore,
      p50Ms: quantile(latencies, 0.5),
      p99Ms: quantile(latencies, 0.99),
    })
    answersBefore = load.answers
    ofMinute.push(...latencies)
    if (at % READINGS_PER_MINUTE === 0) {
      run.p99OfMinutes.push(quantile(ofMinute, 0.99))
      ofMinute = []
    }
    printProgress(run.readings)
  }
  await sending
  return run
}

/** The handles once the service has let go of the connections; as they are when it never gets back to `before`. */
async function settledHandles(service: RunningService, before: Handles | null): Promise<Handles> {
  const { pid } = service.process
  let last = handlesOf(pid)
  for (let waitedMs = 0; waitedMs < SETTLED_WITHIN_MS; waitedMs += SETTLING_STEP_MS) {
    await sleep(SETTLING_STEP_MS)
    const now = handlesOf(pid)
    const settled = before
      ? now.descriptors <= before.descriptors && now.threads <= before.threads
      : now.descriptors === last.descriptors && now.threads === last.threads
    last = now
    if (settled) break
  }
  return last
}

function sessionsOf(trail: string): unknown[] {
  const db = openForReading(trail)
  try {
    return db
      .prepare('SELECT session_id FROM entries')
      .all()
      .map((row) => row['session_id'])
  } finally {
    db.close()
  }
}
