import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from './crash.ts'
import { signIn, startClerkService, stop } from './clerk-service.ts'
import { loadOf } from './load.ts'

const CONNECTIONS = 64

describe('the service, told to stop under load', () => {
  it('keeps all that it promised, writes its lines, says the last word, and leaves with 0', async () => {
    await using service = await startClerkService()
    const people = Array.from({ length: 4000 }, signIn)
    const load = loadOf(service.url, { people, connections: CONNECTIONS })
    await sleep(300)

    const code = await stop(service)
    await load.ended

    assert.equal(code, 0)
    assert.match(service.lines.at(-1) ?? '', /"msg":"stopped"/)
    const answered = [...load.answers]
    for (const [, records] of answered)
      for (const record of records) assert.match(record, /^(durable|duplicate)$/)
    const promised = new Set(answered.map(([session]) => session))
    assert.ok(promised.size > 100, `${promised.size} were answered: too few to say anything`)
    inspect(service.trail, { kept: promised, sent: load.sent }, 'after the stop')
    const lines = new Set(
      service.lines.flatMap((line) => /"record":"durable".*"session_id":"([^"]+)"/.exec(line)?.[1] ?? []),
    )
    const durable = answered.flatMap(([session, records]) => (records.includes('durable') ? [session] : []))
    assert.deepEqual(
      durable.filter((session) => !lines.has(session)),
      [],
      'each durable answer has its line',
    )
    // A connection sends one request at a time. What met the end of its connection was never accepted, or its answer
    // was; either way no more than one of each connection is without an answer.
    const unanswered = [...load.sent].filter((session) => !promised.has(session))
    assert.ok(unanswered.length <= CONNECTIONS, `${unanswered.length} without an answer`)
  })
})
