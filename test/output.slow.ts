/** What the service does when nobody reads its standard output: lines are lost and counted, logouts are not. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import {
  clerk,
  durable,
  sessionsIn,
  signIn,
  startClerkService,
  until,
  type ClerkService,
} from './clerk-service.ts'
import { pipelined } from './pipelined.ts'

const withoutProc = existsSync('/proc/self/status') ? false : 'SKIPPED: memory is read from /proc'

const droppedLines = 'logout_trail_dropped_log_lines'

/** The longest that an id of Clerk may be, so that few logouts fill the 4 MiB. */
const LONG = 'x'.repeat(123)

/** Its line is about 600 bytes. */
function signInWithLongIds() {
  const { session } = signIn()
  const now = Math.floor(Date.now() / 1000)
  const ids = {
    sid: `${session}_`.padEnd(128, 'x'),
    sub: `user_${LONG}`,
    org_id: `org_${LONG}`,
    v: undefined,
  }
  return { session: ids.sid, token: clerk.token({ ...ids, iat: now, nbf: now - 10, exp: now + 3600 }) }
}

/** Stops reading; disposing reads on, without which the end of the service would not be seen. */
function withNobodyReading({ process: { stdout } }: ClerkService): Disposable {
  stdout?.pause()
  return { [Symbol.dispose]: () => void stdout?.resume() }
}

function residentMegabytes({ process: { pid } }: ClerkService): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

describe('the service whose standard output nobody reads', { skip: withoutProc }, () => {
  it('records every logout, drops and counts the lines beyond 4 MiB, and stays small', async () => {
    await using service = await startClerkService()
    const { url, lines } = service
    const people = Array.from({ length: 12_000 }, signInWithLongIds)
    const [half, otherHalf] = [people.slice(0, 8000), people.slice(8000)]
    await pipelined(url, { people: Array.from({ length: 1000 }, signIn), connections: 10 })
    const last = signIn()

    {
      using _ = withNobodyReading(service)
      const first = await pipelined(url, { people: half, connections: 10 })
      const droppedFirst = await service.metric(droppedLines)
      const megabytes = residentMegabytes(service)
      const second = await pipelined(url, { people: otherHalf, connections: 10 })

      for (const answer of [...first.values(), ...second.values()]) assert.equal(answer, '200 durable')
      assert.ok(droppedFirst > 0)
      assert.ok((await service.metric(droppedLines)) > droppedFirst)
      assert.ok(residentMegabytes(service) < megabytes + 100, `${megabytes} MB before the last 4,000`)
      assert.deepEqual(await service.logout(signIn()), durable)
      assert.equal(await service.notReady(), null)
    }

    const recorded = new Set(sessionsIn(service.trail))
    for (const { session } of people) assert.ok(recorded.has(session))
    // What was kept comes first; then there is room for new lines.
    await until(() => lines.filter((line) => line.includes('"sess_')).length > 5000)
    assert.deepEqual(await service.logout(last), durable)
    await service.logLine(last, 'durable')
    for (const line of lines) assert.doesNotThrow(() => JSON.parse(line), line)
  })

  it('ends within its time all the same, with exit code 0', async () => {
    await using service = await startClerkService()
    using _ = withNobodyReading(service)
    const people = Array.from({ length: 8000 }, signInWithLongIds)
    await pipelined(service.url, { people, connections: 10 })
    assert.ok((await service.metric(droppedLines)) > 0)

    service.process.kill('SIGTERM')

    assert.deepEqual(await once(service.process, 'exit'), [0, null])
    assert.equal(sessionsIn(service.trail).length, people.length)
  })
})
