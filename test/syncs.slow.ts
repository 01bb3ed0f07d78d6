/**
 * What kill -9 cannot show, because the kernel outlives it: that each answer `durable` comes after a sync of the
 * write-ahead log with its entry in it. Seen with strace, attached to the running service.
 *
 * One thread writes the log and syncs it, one after the other; strace writes a line when a call ends, while the thread
 * that made it stands still. So a sync that is in strace's output before an answer was over before that answer was begun.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { durable, signIn, startClerkService, type ClerkService } from './clerk-service.ts'
import { loadOf } from './load.ts'

const CALLS = 'fsync,fdatasync,pwrite64,pwritev,write,writev'
/** A page of the log, with every byte written as up to four characters, and what is around it. */
const SHOWN_BYTES = 4096

function whyNot(): string | false {
  const tried = spawnSync('strace', ['-f', '-o', '/dev/null', 'true'], { encoding: 'utf8' })
  const reason = tried.error ? 'strace is not installed (apt-get install strace)' : tried.stderr
  if (tried.status === 0) return false
  console.error(`SKIPPED: that syncs come before answers was not looked at: ${reason}`)
  return reason
}

/** Watches the service until it is told to end; gives what was seen, line by line. */
async function watch({ process: service, folder }: ClerkService) {
  const output = join(folder, 'strace.txt')
  const args = [
    '-f',
    '-y',
    '-s',
    String(SHOWN_BYTES),
    '-e',
    `trace=${CALLS}`,
    '-o',
    output,
    '-p',
    String(service.pid),
  ]
  const strace = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = once(strace, 'close')
  for await (const line of createInterface(strace.stderr)) if (/attached/.test(line)) break
  // The other threads, one after the other.
  await sleep(500)
  return async () => {
    strace.kill('SIGINT')
    await ended
    return readFileSync(output, 'latin1').split('\n')
  }
}

const WRITES_LOG = /^\d+ +pwrite(64|v)\(\d+<[^>]*trail\.db-wal>/
const SYNCS_LOG = /^(\d+) +f(data)?sync\(\d+<[^>]*trail\.db-wal>/
const RESUMES_SYNC = /^(\d+) +<\.\.\. f(data)?sync resumed>/
const ANSWERS = /^\d+ +writev?\(\d+<socket.*HTTP\/1\.1 200 .*Logout-Record: durable/
const SESSION = /sess_\d+/g

/** What is known after each answer: how many were given, and how many sessions a completed sync had covered. */
interface Step {
  answers: number
  synced: number
}

function stepsIn(lines: string[]): Step[] {
  const written = new Set<string>()
  let syncing = 0
  let synced = 0
  const steps: Step[] = []
  for (const line of lines) {
    if (WRITES_LOG.test(line)) for (const session of line.match(SESSION) ?? []) written.add(session)
    if (SYNCS_LOG.test(line)) syncing = written.size
    const completed = (SYNCS_LOG.test(line) && !line.includes('<unfinished')) || RESUMES_SYNC.test(line)
    if (completed && line.endsWith(' = 0')) synced = syncing
    if (ANSWERS.test(line)) steps.push({ answers: steps.length + 1, synced })
  }
  return steps
}

describe('an answer `durable`', { skip: whyNot() }, () => {
  it('comes after a sync of the log with its entry in it, when there is one request at a time', async () => {
    await using service = await startClerkService()
    const seen = await watch(service)

    for (let sent = 0; sent < 20; sent += 1) assert.deepEqual(await service.logout(signIn()), durable)

    const steps = stepsIn(await seen())
    assert.deepEqual(
      steps,
      Array.from({ length: 20 }, (_, at) => ({ answers: at + 1, synced: at + 1 })),
    )
  })

  it('comes after a sync of the log with its entry in it, under load', async () => {
    await using service = await startClerkService()
    const seen = await watch(service)
    const people = Array.from({ length: 500 }, signIn)

    const { answers, ended } = loadOf(service.url, { people, connections: 32 })
    await ended

    const steps = stepsIn(await seen())
    assert.equal(steps.length, [...answers.values()].flat().filter((record) => record === 'durable').length)
    assert.equal(steps.length, 500)
    // Each session is answered `durable` once: more answers than synced sessions means one was not waited for.
    assert.deepEqual(
      steps.filter((step) => step.answers > step.synced),
      [],
    )
  })

  it('comes from a connection that says of itself that it syncs each commit', async () => {
    await using service = await startClerkService()

    const metrics = await (await fetch(`${service.url}/metrics`)).text()

    assert.match(metrics, /^logout_trail_writer_info\{journal_mode="wal",synchronous="full"\} 1$/m)
  })
})
