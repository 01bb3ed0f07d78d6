/** What the service does while another program holds the write lock of `trail.db`, and afterwards. */
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { durable, duplicate, logged, sessionsIn, signIn, startClerkService, until } from './clerk-service.ts'
import { pipelined } from './pipelined.ts'

/** How long a logout waits for its commit. */
const CONFIRM_WITHIN_MS = 2000

/** For a busy machine. */
const SLACK_MS = 8000

const QUEUE_LIMIT = 10_000

const pendingReports = 'logout_trail_pending_reports'

/** Takes the write lock, as a backup or an operator's shell may; disposing gives it back. */
function holdWriteLock(trail: string): Disposable {
  const db = new DatabaseSync(trail, { timeout: 5000 })
  db.exec('BEGIN IMMEDIATE')
  return { [Symbol.dispose]: () => db.close() }
}

async function elapsedMs(run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await run()
  return performance.now() - startedAt
}

describe('the service whose trail is locked by another program', () => {
  it('answers a logout as logged in bounded time, says that it is not ready, and records again by itself', async () => {
    await using service = await startClerkService()
    const [before, meanwhile, after] = [signIn(), signIn(), signIn()]
    assert.deepEqual(await service.logout(before), durable)

    {
      using _ = holdWriteLock(service.trail)
      const waited = await elapsedMs(async () => {
        assert.deepEqual(await service.logout(meanwhile), logged)
      })
      assert.ok(waited < CONFIRM_WITHIN_MS + SLACK_MS, `${waited} ms`)
      await service.logLine(meanwhile, 'logged')
      assert.deepEqual(await service.logout(before), duplicate)
      assert.equal(await service.notReady(), 'trail: The store did not answer within 2 s.')
    }

    await until(async () => (await service.metric(pendingReports)) === 0)
    assert.equal(await service.notReady(), null)
    assert.deepEqual(await service.logout(after), durable)
    const { record } = await service.logout(meanwhile)
    assert.ok(record === 'durable' || record === 'duplicate')
    assert.deepEqual(
      sessionsIn(service.trail).toSorted(),
      [before, meanwhile, after].map(({ session }) => session).toSorted(),
    )
  })

  it('lets 10,000 wait, answers more than that at once, and has each once when all are sent again', async () => {
    await using service = await startClerkService()
    const { url } = service
    // More than may wait: every 5 s a batch of the waiting ones fails, and the queue stays full all the same.
    const people = Array.from({ length: QUEUE_LIMIT + 1000 }, signIn)
    const refused = Array.from({ length: 5 }, signIn)

    const lock = holdWriteLock(service.trail)
    const answers = pipelined(url, { people, connections: 100 })
    await until(async () => (await service.metric(pendingReports)) === QUEUE_LIMIT)
    const waits: number[] = []
    for (const person of refused) {
      waits.push(
        await elapsedMs(async () => {
          assert.deepEqual(await service.logout(person), logged)
        }),
      )
    }
    lock[Symbol.dispose]()

    // The quickest of them: the machine may be busy, but whoever waits for a commit cannot be answered so early.
    assert.ok(Math.min(...waits) < CONFIRM_WITHIN_MS / 2, `${waits.join(', ')} ms`)
    const first = await answers
    for (const person of people) assert.match(first.get(person) ?? 'none', /^200 (durable|logged)$/)
    await until(async () => (await service.metric(pendingReports)) === 0)
    assert.deepEqual(await service.logout(signIn()), durable)
    assert.equal(await service.notReady(), null)

    const recorded = new Set(sessionsIn(service.trail))
    for (const [person, answer] of first) {
      if (answer === '200 durable') assert.ok(recorded.has(person.session))
    }
    const again = await pipelined(url, { people: [...people, ...refused], connections: 100 })
    for (const [{ session }, answer] of again) {
      assert.equal(answer, recorded.has(session) ? '200 duplicate' : '200 durable')
    }
    const sessions = sessionsIn(service.trail)
    assert.equal(sessions.length, new Set(sessions).size)
    assert.equal(sessions.length, people.length + refused.length + 1)
  })
})
