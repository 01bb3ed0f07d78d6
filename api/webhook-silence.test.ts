import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Figures } from '../session-ends/views-reader.ts'
import { webhookSilence } from './webhook-silence.ts'

const HOUR_MS = 3_600_000

function open() {
  const state = { now: 0, told: [] as string[] }
  const silence = webhookSilence({
    hours: 6,
    now: () => state.now,
    onSilence: (hours) => state.told.push(`silent for ${hours} h`),
    onHeard: () => state.told.push('heard'),
  })
  const look = (hour: number, silentSince: number | null): string[] => {
    state.now = hour * HOUR_MS
    silence.look({ silentSince } as Figures)
    return state.told.splice(0)
  }
  return { look, silence }
}

describe('webhooks that do not come', () => {
  it('are warned about once, as soon as the silence is long enough', () => {
    const { look } = open()
    assert.deepEqual(look(1, 1 * HOUR_MS), [])
    assert.deepEqual(look(6.9, 1 * HOUR_MS), [])
    assert.deepEqual(look(7, 1 * HOUR_MS), ['silent for 6 h'])
    assert.deepEqual(look(9, 1 * HOUR_MS), [])
  })

  it('are said to come again once, and warned about anew the next time', () => {
    const { look } = open()
    look(7, 1 * HOUR_MS)
    assert.deepEqual(look(8, null), ['heard'])
    assert.deepEqual(look(9, null), [])
    assert.deepEqual(look(16, 10 * HOUR_MS), ['silent for 6 h'])
  })

  it('are no matter while nobody logs out, however long that is', () => {
    const { look, silence } = open()
    assert.deepEqual(look(1000, null), [])
    assert.equal(silence.lastsMs(), 0)
  })

  it('are not silent for a negative time when the clock is set back', () => {
    const { look, silence } = open()
    assert.deepEqual(look(1, 2 * HOUR_MS), [])
    assert.equal(silence.lastsMs(), 0)
  })
})
