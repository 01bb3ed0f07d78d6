import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { entryWith } from '../test/entries.ts'
import type { Reading } from '../session-ends/reading.ts'
import type { Entry } from '../trail/entry.ts'
import { entryEvents, entryPage } from './entry-text.ts'

/** A trail to which an entry comes before and after each reading. */
function growing(): Pick<Reading, 'entries' | 'head'> {
  const all: Entry[] = []
  const come = () => all.push(entryWith({ kind: 'session.created', index: all.length, user_agent: 'é “…”' }))
  return {
    entries: async (after) => {
      come()
      const found = all.slice(after + 1)
      come()
      return found
    },
    head: async () => ({ trailId: '', issuer: '', epoch: 3, nextIndex: all.length, schemaVersion: 1 }),
  }
}

describe('a page of entries', () => {
  it('never has an entry beyond its position, when one comes while it is read', async () => {
    const { position, last, json } = await entryPage(growing(), -1, 10)
    assert.deepEqual([last, position], [0, { epoch: 3, index: 1 }])
    assert.equal((JSON.parse(json) as Entry[]).length, 1)
  })
})

describe('events of entries', () => {
  it('say where each begins, in bytes', async () => {
    const trail = growing()
    for (let at = 0; at < 4; at += 1) await trail.entries(-1, 10)
    const { bytes, starts } = await entryEvents(trail, 1, 10)
    assert.equal(starts.length, 7)
    for (const [at, start] of starts.entries()) {
      const event = Buffer.from(bytes.subarray(start, starts[at + 1])).toString()
      assert.match(event, new RegExp(`^id: 3/${at + 2}\\nevent: entry\\ndata: \\{.*é “…”.*\\}\\n\\n$`))
    }
  })
})
