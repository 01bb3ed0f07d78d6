import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Entry } from '../api/contract.ts'
import { Refusal, type Api } from './api.ts'
import { follow, type Connection } from './follow.ts'

/** A service whose answers to the stream are these, one after the other; the last one ends the test. */
function service(answers: (() => Response)[]) {
  const ending = new AbortController()
  const asked: (string | undefined)[] = []
  const entries: number[] = []
  const connections: Connection[] = []
  const api: Api = {
    get: async (path, { headers } = {}) => {
      if (path.startsWith('/v1/entries?'))
        return new Response('{}', { headers: { 'Trail-Position': '1/41' } })
      asked.push(headers?.['Last-Event-ID'])
      const next = answers.shift()
      if (next) return next()
      ending.abort()
      throw new Refusal('no-answer', 'gone')
    },
  }
  const done = follow(api, {
    signal: ending.signal,
    onConnection: (connection) => connections.push(connection),
    onEntries: (more: Entry[]) => entries.push(...more.map(({ index }) => index)),
  })
  return { done, asked, entries, connections }
}

function events(...indexes: number[]): () => Response {
  return () =>
    new Response(indexes.map((index) => `id: ${index}\nevent: entry\ndata: {"index":${index}}\n\n`).join(''))
}

describe('following the trail', () => {
  it('begins with the last thirty entries, and goes on behind what it had', async () => {
    const { done, asked, entries } = service([events(12, 13), events(14)])
    await done

    assert.deepEqual(asked, ['11', '13', '14'])
    assert.deepEqual(entries, [12, 13, 14])
  })

  it('says when it tries again, and waits as long as the service asks', async () => {
    const began = Date.now()
    const { done, connections } = service([
      () => {
        throw new Refusal('rate-limited', 'As many follow as may.', 1)
      },
    ])
    await done

    const waits = connections.flatMap((one) => (one.is === 'waiting' ? [one.at - began] : []))
    assert.equal(waits.length, 1)
    assert.ok((waits[0] ?? 0) >= 1000)
  })

  it('begins anew when the trail ends before what it had', async () => {
    const { done, asked } = service([
      events(50),
      () => {
        throw new Refusal('position-ahead', 'The trail ends before.')
      },
      events(12),
    ])
    await done

    assert.deepEqual(asked, ['11', '50', '11', '12'])
  })

  it('ends when the credential is refused', async () => {
    const refusal = new Refusal('unauthorized', 'No key.')
    const { done, connections } = service([
      () => {
        throw refusal
      },
    ])
    await done

    assert.deepEqual(connections.at(-1), { is: 'refused', refusal })
  })
})
