import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Figures } from '../session-ends/views-reader.ts'
import { webhookSilence } from './webhook-silence.ts'

const HOUR_MS = 3_600_000

function open({ sinceHour = 0 } = {}) {
  const state = { now: 0, told: [] as string[] }
  const silence = webhookSilence({
    hours: 6,
    since: sinceHour * HOUR_MS,
    now: () => state.now,
    onSilence: (hours) => state.told.push(`silent for ${hours} h`),
    onHeard: () => state.told.push('heard'),
  })
  /** At this hour; the hours of the first and the last logout without a webhook. */
  const look = (hour: number, unanswered: [first: number, last: number] | null): string[] => {
    state.now = hour * HOUR_MS
    const [first = 0, last = 0] = unanswered ?? []
    const figures = { unanswered: unanswered && { first: first * HOUR_MS, last: last * HOUR_MS } }
    silence.look(figures as Figures)
    return state.told.splice(0)
  }
  return { look, silence }
}

describe('webhooks that do not come', () => {
  it('are warned about once, when logouts have come in for long enough', () => {
    const { look } = open()
    assert.deepEqual(look(1, [1, 1]), [])
    assert.deepEqual(look(6.9, [1, 6.9]), [])
    assert.deepEqual(look(7, [1, 7]), [])
    assert.deepEqual(look(7.2, [1, 7.2]), ['silent for 6 h'])
    assert.deepEqual(look(9, [1, 9]), [])
  })

  it('are said to come again once, and warned about anew the next time', () => {
    const { look } = open()
    look(7, [1, 7])
    look(7.2, [1, 7])
    assert.deepEqual(look(8, null), ['heard'])
    assert.deepEqual(look(9, null), [])
    look(16, [10, 16])
    assert.deepEqual(look(16.2, [10, 16.1]), ['silent for 6 h'])
  })

  it('are no matter while nobody logs out, however long that is', () => {
    const { look, silence } = open()
    assert.deepEqual(look(1000, null), [])
    assert.equal(silence.lastsMs(), 0)
  })

  it('are no matter after one last logout: on a Friday, or whose webhook came a moment before it', () => {
    const { look, silence } = open()
    for (let hour = 1; hour < 72; hour += 1) assert.deepEqual(look(hour, [1, 1]), [])
    assert.equal(silence.lastsMs(), 0)
    // On Monday the report of a logout comes, and then its webhook.
    assert.deepEqual(look(72, [1, 72]), [])
    assert.deepEqual(look(72.05, null), [])
  })

  it('do not count from before the start: perhaps nobody wanted them then', () => {
    const { look, silence } = open({ sinceHour: 1000 })
    assert.deepEqual(look(1000, [1, 1000]), [])
    assert.deepEqual(look(1005.9, [1, 1005.9]), [])
    assert.equal(silence.lastsMs(), 5.9 * HOUR_MS)
    look(1006, [1, 1006])
    assert.deepEqual(look(1006.2, [1, 1006]), ['silent for 6 h'])
  })

  it('are not silent for a negative time when the clock is set back', () => {
    const { look, silence } = open({ sinceHour: 3 })
    assert.deepEqual(look(1, [2, 2]), [])
    assert.equal(silence.lastsMs(), 0)
  })
})
