import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { describe, it } from 'node:test'
import { newFolder } from '../../test/trail-files.ts'
import { holdLock, isLockHeld } from './sqlite-lock.ts'

describe('isLockHeld', () => {
  it('says whether somebody holds the lock, and takes it from nobody', (t) => {
    const folder = newFolder(t)
    const path = `${folder}/trail.db`
    assert.equal(isLockHeld(path), false)
    assert.deepEqual(readdirSync(folder), [])

    const lock = holdLock(path)
    assert.equal(isLockHeld(path), true)
    assert.throws(() => holdLock(path), { code: 'trail-locked' })

    lock[Symbol.dispose]()
    assert.equal(isLockHeld(path), false)
    holdLock(path)[Symbol.dispose]()
  })
})
