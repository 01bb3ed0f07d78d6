import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { webhookRefusals } from './webhook-refusals.ts'

const HOUR_MS = 3_600_000

function open() {
  const state = { now: 0, told: [] as string[] }
  const refusals = webhookRefusals({
    now: () => state.now,
    onRefused: (code, detail) => state.told.push(`${code}: ${detail}`),
    onAccepted: () => state.told.push('accepted'),
  })
  return { state, refusals }
}

describe('webhooks that are refused', () => {
  it('are told of once for each code, with what to do, and once that one was accepted', () => {
    const { state, refusals } = open()
    for (let times = 0; times < 3; times += 1) refusals.refused('webhook-signature-invalid', 'Copy it again.')
    refusals.refused('webhook-timestamp-stale', 'Check the clock.')
    refusals.refused('webhook-timestamp-stale', 'Check the clock.')
    refusals.accepted()
    refusals.accepted()
    assert.deepEqual(state.told, [
      'webhook-signature-invalid: Copy it again.',
      'webhook-timestamp-stale: Check the clock.',
      'accepted',
      'accepted',
    ])
  })

  it('let nobody fill the log, also when good ones come in between', () => {
    const { state, refusals } = open()
    for (state.now = 0; state.now < HOUR_MS; state.now += 1000) {
      refusals.refused('webhook-signature-invalid', 'Copy it again.')
      refusals.accepted()
    }
    assert.equal(state.told.length, 2)
  })

  it('are no matter for the log when the store failed or a stranger sent too much', () => {
    const { state, refusals } = open()
    for (const code of ['webhook-not-recorded', 'body-too-large', 'invalid-request'] as const) {
      refusals.refused(code, 'x')
    }
    assert.deepEqual(state.told, [])
  })
})
