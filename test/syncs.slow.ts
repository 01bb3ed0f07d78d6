/**
 * Durable means synced: kill -9 cannot show it, because the kernel keeps what a dead process has written. So strace
 * watches the calls of the service.
 *
 * What its log proves. A thread under strace stops when it enters a call and when it leaves it, and strace writes down
 * each stop before it lets the thread go on. So when the end of one call stands in the log before the beginning of
 * another, the first had returned before the second was made, whatever threads they are of. (Two lines that overlap,
 * `<unfinished ...>`, prove nothing, and are not counted as an order.)
 *
 * The rule, for each answer `durable` or `duplicate`: the request that was last read from its socket names, in its
 * token, a session; the first write to the write-ahead log that holds that session's id had returned before a sync of
 * the write-ahead log began, and that sync had returned, without an error, before the answer was written.
 *
 * The id stands in plain text in the page that SQLite writes to the log. That the page belongs to a commit is for
 * `crash.slow.ts` to show; that the disk itself keeps what it has acknowledged, no test of ours can.
 */
import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { testClerk } from './clerk-instance.ts'
import { outcomesOf } from './crash.ts'
import { chanceFrom } from './disk-image.ts'
import { Logouts, putLoadOn } from './load.ts'
import { startService, temporaryFolder } from './service.ts'
import { callsIn, straceMissing, straceTo, targetOf, type Call } from './strace-log.ts'

const skip = straceMissing()
if (skip) console.error(`\nNOT TESTED: that what is called durable is synced. ${skip}\n`)

describe('what is called durable', { skip }, () => {
  for (const { connections, answers } of [
    { connections: 1, answers: 150 },
    { connections: 32, answers: 1500 },
  ]) {
    it(`is written and synced before its answer, with ${connections} at a time`, async (t) => {
      const { logouts, calls } = await tracedLoad(connections, answers)
      const promises = promisesIn(calls)
      const syncs = calls.filter(isSync)
      const outcomes = outcomesOf(logouts)
      t.diagnostic(`${JSON.stringify(outcomes)}, ${syncs.length} syncs of the write-ahead log`)

      assert.deepEqual(Object.keys(outcomes).toSorted(), ['duplicate', 'durable'])
      assert.equal(count(promises, 'durable'), outcomes['durable'], 'the log shows each durable answer')
      assert.equal(count(promises, 'duplicate'), outcomes['duplicate'], 'and each duplicate')
      const broken = promises.filter((promise) => !isKept(promise, calls, syncs))
      assert.deepEqual(
        broken.slice(0, 5),
        [],
        `${broken.length} of ${promises.length} answers before their sync`,
      )
    })
  }
})

async function tracedLoad(connections: number, answers: number) {
  const clerk = testClerk()
  const logouts = new Logouts(clerk, chanceFrom(connections))
  const folder = temporaryFolder()
  const log = join(folder, 'strace.log')
  logouts.prepare(answers)
  const env = { CLERK_ISSUER: clerk.issuer, CLERK_JWT_KEY: clerk.publicPem }
  await using service = await startService({ folder, env, under: straceTo(log) })
  const load = putLoadOn(service.url, logouts, connections)
  while (load.answers() < answers) await sleep(20)
  await load.stop()
  service.process.kill('SIGTERM')
  assert.equal(await service.ended, 0)
  const calls = callsIn(readFileSync(log, 'latin1'))
  rmSync(folder, { recursive: true })
  return { logouts, calls }
}

/** An answer that promises something of a session. */
interface Promised {
  record: string
  sessionId: string
  /** The line of the log where the answer's write began. */
  answeredAt: number
}

function promisesIn(calls: Call[]): Promised[] {
  const asked = new Map<string, string>()
  const promises: Promised[] = []
  for (const call of calls) {
    const token = /"DELETE .*Bearer [\w-]+\.([\w-]+)\./.exec(call.text)?.[1]
    if (token) asked.set(targetOf(call), sessionIdOf(token))
    const record = /"HTTP\/1\.1 .*Logout-Record: (durable|duplicate)\\r/i.exec(call.text)?.[1]
    if (!record) continue
    promises.push({ record, sessionId: asked.get(targetOf(call)) ?? 'of no request', answeredAt: call.begin })
  }
  return promises
}

function sessionIdOf(payload: string): string {
  const { sid } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { sid: string }
  return sid
}

function count(promises: Promised[], record: string): number {
  return promises.filter((promise) => promise.record === record).length
}

function isOfLog(call: Call): boolean {
  return targetOf(call).endsWith('/trail.db-wal') && !call.failed
}

function isSync(call: Call): boolean {
  return (call.name === 'fsync' || call.name === 'fdatasync') && isOfLog(call)
}

function isKept({ sessionId, answeredAt }: Promised, calls: Call[], syncs: Call[]): boolean {
  const written = calls.find(
    (call) => call.text.includes(sessionId) && /^p?write/.test(call.name) && isOfLog(call),
  )
  const synced = written && syncs.find((sync) => sync.begin > written.end)
  return synced !== undefined && synced.end < answeredAt
}
