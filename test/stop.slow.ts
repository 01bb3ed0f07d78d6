import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { testClerk } from './clerk-instance.ts'
import { outcomesOf } from './crash.ts'
import { chanceFrom } from './disk-image.ts'
import { Logouts, putLoadOn } from './load.ts'
import { checkPromises, checkWhole, lookAt } from './look.ts'
import { startService, temporaryFolder } from './service.ts'

/** One stop each; ms after the first answer. */
const STOPS_AFTER_MS = [30, 250, 700]

interface LogLine {
  event?: string
  record?: string
  session_id?: string
}

describe('the service, told to stop under the load of 64 connections', () => {
  for (const delayMs of STOPS_AFTER_MS) {
    it(`records, logs and answers what it has accepted, and exits with 0 (after ${delayMs} ms)`, async (t) => {
      const { logouts, folder, code, lines, stopMs } = await stoppedUnderLoad(delayMs)
      const seen = lookAt(folder)
      rmSync(folder, { recursive: true })
      t.diagnostic(`exit after ${stopMs} ms; ${JSON.stringify(outcomesOf(logouts))}`)

      assert.equal(code, 0)
      assert.match(lines.at(-1) ?? '', /"msg":"stopped"/)
      checkWhole(seen, null, 'after the stop')
      checkPromises(seen, logouts, 'after the stop')
      assert.deepEqual(without(logouts.answered('durable'), durableIn(lines)), [], 'answered without a line')
      checkUnanswered(logouts, seen.sessionIds)
    })
  }
})

async function stoppedUnderLoad(delayMs: number) {
  const clerk = testClerk()
  const logouts = new Logouts(clerk, chanceFrom(delayMs))
  const folder = temporaryFolder()
  const env = { CLERK_ISSUER: clerk.issuer, CLERK_JWT_KEY: clerk.publicPem }
  logouts.prepare(12_000)
  await using service = await startService({ folder, env })
  const load = putLoadOn(service.url, logouts, 64)
  await load.begun
  await sleep(delayMs)
  const toldAt = performance.now()
  service.process.kill('SIGTERM')
  const code = await service.ended
  const stopMs = Math.round(performance.now() - toldAt)
  await load.ended
  return { logouts, folder, code, lines: service.lines, stopMs }
}

function durableIn(lines: string[]): Set<string | undefined> {
  const events = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as LogLine)
  const durable = events.filter(({ event, record }) => event === 'user_logout' && record === 'durable')
  return new Set(durable.map(({ session_id }) => session_id))
}

function without(logouts: { sessionId: string }[], ids: Set<string | undefined>): string[] {
  return logouts.map(({ sessionId }) => sessionId).filter((id) => !ids.has(id))
}

/**
 * A request may stay unanswered for one reason only: it was sent on a kept-alive connection while the service closed
 * it as idle, so that no byte of it was ever read (RFC 9112, section 9.5; a client may send it again). It was not
 * accepted, and so has left nothing in the trail. An answer that breaks off is never permitted, nor is `logged`: the
 * trail stays open until the last answer is given.
 *
 * What this cannot see: a request that was read, left nothing in the trail, and was not answered.
 */
function checkUnanswered(logouts: Logouts, recorded: string[]): void {
  const permitted = new Set(['durable', 'duplicate', 'unanswered'])
  const others = Object.keys(outcomesOf(logouts)).filter((outcome) => !permitted.has(outcome))
  assert.deepEqual(others, [], 'other outcomes')

  const inTrail = new Set(recorded)
  const neverAnswered = logouts.sent.filter(({ outcomes }) => outcomes.every((one) => one === 'unanswered'))
  const accepted = neverAnswered.filter(({ sessionId }) => inTrail.has(sessionId))
  assert.deepEqual(accepted, [], `of ${neverAnswered.length} without an answer these are in the trail`)
}
