import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pino } from 'pino'
import type { DueSession } from '../session-ends/due.ts'
import { until } from '../test/clerk-service.ts'
import type { SessionId } from '../trail/entry.ts'
import { openMetrics } from './metrics.ts'
import { startSweep, type RunningSweepParts } from './start-sweep.ts'
import type { Instance, LookUp } from './sweep.ts'

const due: DueSession[] = ['sess_1', 'sess_2', 'sess_3'].map((session_id, id) => ({
  session_id: session_id as SessionId,
  user_id: null,
  requested: false,
  place: { at: 0, id },
}))

const expired: LookUp = { is: 'session', status: 'expired', facts: {} }

/** The messages of a sweep that runs until `isDone`. */
async function messagesOf(parts: Partial<RunningSweepParts>, isDone: () => boolean): Promise<string[]> {
  const messages: string[] = []
  const logger = pino(
    {},
    { write: (line: string) => messages.push((JSON.parse(line) as { msg: string }).msg) },
  )
  const metrics = openMetrics({
    pendingReports: () => 0,
    droppedLines: () => 0,
    streams: () => ({ size: 0, unreadBytes: [] }),
    recordsLag: () => 0,
    figures: () => null,
    webhookMix: () => [],
    webhookSilenceMs: null,
  })
  const end = startSweep({
    due: async ({ after }) => (after ? [] : due),
    instance: async () => ({ is: 'ours' }),
    lookUp: async () => expired,
    record: async () => 'durable',
    now: () => 0,
    intervalMs: 1,
    logger,
    metrics,
    ...parts,
  })
  await until(isDone)
  await end()
  return messages
}

/** Each answer once, the last one for ever; counts them. */
function inTurn<Answer>(answers: readonly Answer[]) {
  const given = { calls: 0 }
  const give = async () => answers[Math.min((given.calls += 1), answers.length) - 1] as Answer
  return { given, give }
}

describe('the log of the sweep', () => {
  it('says once that Clerk asks for patience, and when all is answered again', async () => {
    const busy: LookUp = { is: 'busy', retryAfterMs: 1 }
    const { given, give } = inTurn([busy, busy, busy, expired])
    const messages = await messagesOf({ lookUp: give }, () => given.calls >= 6)
    assert.deepEqual(messages, [
      'Clerk asks for fewer requests; the sweep waits',
      'Clerk answers all that the sweep asks again',
    ])
  })

  it('says once that Clerk cannot be asked, and when it can again', async () => {
    const failed: LookUp = { is: 'failed', error: new Error('fetch failed') }
    const { given, give } = inTurn([failed, failed, failed, expired])
    const messages = await messagesOf({ lookUp: give }, () => given.calls >= 6)
    assert.deepEqual(messages, [
      'Clerk cannot be asked for sessions; it is tried again',
      'Clerk can be asked for sessions again',
    ])
  })

  it('says once that looking for what is due failed, and goes on', async () => {
    let calls = 0
    const failing: RunningSweepParts['due'] = async () => {
      calls += 1
      if (calls < 4) throw new Error('the disk is gone')
      return []
    }
    const messages = await messagesOf({ due: failing }, () => calls >= 5)
    assert.deepEqual(messages, [
      'a round of the sweep ended for a reason nobody expected; it is tried again',
      'the sweep goes on',
    ])
  })

  it('says once that answers cannot be used', async () => {
    const unusable: LookUp = { is: 'unusable', error: new Error('The answer is about sess_9.') }
    const { given, give } = inTurn([unusable])
    const messages = await messagesOf({ lookUp: give }, () => given.calls >= 3)
    assert.equal(messages.length, 1)
    assert.match(messages[0] ?? '', /an answer of Clerk about a session cannot be used/)
  })

  it('says once that the secret key is of another instance, and what to do', async () => {
    const another: Instance = { is: 'another' }
    const { given, give } = inTurn([another])
    const messages = await messagesOf({ instance: give }, () => given.calls >= 4)
    assert.equal(messages.length, 1)
    assert.match(
      messages[0] ?? '',
      /^CLERK_SECRET_KEY is of another Clerk instance .* copy it from the instance/,
    )
  })
})
