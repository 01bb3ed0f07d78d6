import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { initiators, reasons, states } from '../session-ends/record.ts'
import { intents, kinds, sources } from '../trail/entry.ts'
import {
  initiatorLabels,
  intentLabels,
  kindGroups,
  kindLabels,
  reasonLabels,
  sourceLabels,
  stateLabels,
} from './words.ts'

describe('the words of the dashboard', () => {
  it('say something of each word of the service', () => {
    const pairs: [readonly string[], Record<string, string>][] = [
      [states, stateLabels],
      [reasons, reasonLabels],
      [initiators, initiatorLabels],
      [kinds, kindLabels],
      [sources, sourceLabels],
      [intents, intentLabels],
    ]
    for (const [words, labels] of pairs)
      assert.deepEqual(Object.keys(labels).toSorted(), [...words].toSorted())
  })

  it('never call confirmed what was only asked for', () => {
    assert.match(stateLabels.requested, /not confirmed/)
    assert.doesNotMatch(kindLabels['logout.requested'], /signed out|confirmed|ended/i)
  })

  it('put each kind into one group', () => {
    for (const kind of kinds) {
      assert.equal(Object.values(kindGroups).filter(({ has }) => has(kind)).length, 1, kind)
    }
  })
})
