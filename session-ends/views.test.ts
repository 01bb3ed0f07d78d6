import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { entryWith } from '../test/entries.ts'
import type { Position, ViewsStore } from './views-store.ts'
import { Views } from './views.ts'

const beginning: Position = { trailId: 'a trail', epoch: 0, nextIndex: 0, lastHash: '', unanswered: null }

/** Views in a store that takes its time, by a clock of its own. Gives how many entries are taken at once after each batch. */
async function views({ mostAtOnce = 1000 }) {
  let nowMs = 0
  let takesMs = 0
  let position = beginning
  const store: ViewsStore = {
    mostAtOnce,
    position: async () => position,
    sessions: async () => [],
    userEnds: async () => [],
    write: async ({ to }) => {
      nowMs += takesMs
      position = to
    },
    close: async () => undefined,
  }
  const views = await Views.of(store, () => nowMs)
  const apply = async (ms: number, entries: number) => {
    takesMs = ms
    const { nextIndex } = views.position
    await views.apply(
      Array.from({ length: entries }, (_, n) => entryWith({ kind: 'trail.exported', index: nextIndex + n })),
    )
    return views.atOnce
  }
  return {
    first: views.atOnce,
    /** Batches that are as large as they may be, and take so long. */
    full: async (...ms: number[]) => {
      const sizes: number[] = []
      for (const one of ms) sizes.push(await apply(one, views.atOnce))
      return sizes
    },
    apply,
  }
}

describe('how many entries are taken at once', () => {
  it('doubles while a batch takes less than a quarter of a second, up to what the store says', async () => {
    const { first, full } = await views({ mostAtOnce: 1000 })
    assert.equal(first, 100)
    assert.deepEqual(await full(249, 0, 0, 0, 0), [200, 400, 800, 1000, 1000])
  })

  it('is halved when a batch takes more than a second, and is 100 at least', async () => {
    const { full } = await views({ mostAtOnce: 350 })
    assert.deepEqual(await full(0, 0), [200, 350])
    assert.deepEqual(await full(1001, 5000, 5000), [175, 100, 100])
  })

  it('stays as it is in between', async () => {
    const { full } = await views({})
    assert.deepEqual(await full(0, 250, 1000), [200, 200, 200])
  })

  it('does not grow by a batch that was smaller', async () => {
    const { apply } = await views({})
    assert.deepEqual([await apply(0, 99), await apply(0, 1), await apply(0, 0)], [100, 100, 100])
    assert.equal(await apply(0, 100), 200)
  })
})
