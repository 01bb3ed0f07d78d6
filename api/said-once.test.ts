import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { saidOnce } from './said-once.ts'

function open(restMs = 0) {
  const said: string[] = []
  const state = { now: 0 }
  const once = saidOnce<[what: string]>({
    failed: (what) => said.push(what),
    worked: () => said.push('works'),
    restMs,
    now: () => state.now,
  })
  return { said, state, once }
}

describe('what fails again and again', () => {
  it('is said once, and once that it works', () => {
    const { said, once } = open()
    once.worked()
    for (const what of ['no disk', 'no disk', 'no file']) once.failed(what)
    once.worked()
    once.worked()
    once.failed('no disk')
    assert.deepEqual(said, ['no disk', 'works', 'no disk'])
  })

  it('is said seldom when strangers can bring it about, however often it works in between', () => {
    const { said, state, once } = open(1000)
    for (state.now = 0; state.now < 2000; state.now += 100) {
      once.failed(String(state.now))
      once.worked()
    }
    assert.deepEqual(said, ['0', 'works', '1000', 'works'])
  })
})
