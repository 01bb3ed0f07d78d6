import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ADDRESSES, FailedAttempts } from './failed-attempts.ts'

function withClock() {
  const clock = { ms: 5000 }
  return { clock, attempts: new FailedAttempts(() => clock.ms) }
}

function fail(attempts: FailedAttempts, address: string, times: number): void {
  for (let time = 0; time < times; time += 1) attempts.add(address)
}

describe('failed attempts', () => {
  it('close an address after the tenth, and no other', () => {
    const { attempts } = withClock()

    fail(attempts, '203.0.113.7', 9)
    assert.equal(attempts.refusedForMs('203.0.113.7'), 0)

    fail(attempts, '203.0.113.7', 1)
    assert.equal(attempts.refusedForMs('203.0.113.7'), 60_000)
    assert.equal(attempts.refusedForMs('203.0.113.8'), 0)
  })

  it('are forgotten a minute after the first', () => {
    const { clock, attempts } = withClock()
    fail(attempts, '203.0.113.7', 1)
    clock.ms += 59_999
    fail(attempts, '203.0.113.7', 9)

    assert.equal(attempts.refusedForMs('203.0.113.7'), 1)
    clock.ms += 1
    assert.equal(attempts.refusedForMs('203.0.113.7'), 0)
  })

  it('are counted anew in the next minute', () => {
    const { clock, attempts } = withClock()
    fail(attempts, '203.0.113.7', 10)
    clock.ms += 60_000
    fail(attempts, '203.0.113.7', 9)

    assert.equal(attempts.refusedForMs('203.0.113.7'), 0)
    fail(attempts, '203.0.113.7', 1)
    assert.equal(attempts.refusedForMs('203.0.113.7'), 60_000)
  })

  it('do not keep an address closed for longer when more come', () => {
    const { clock, attempts } = withClock()
    fail(attempts, '203.0.113.7', 10)
    clock.ms += 30_000
    fail(attempts, '203.0.113.7', 10)

    assert.equal(attempts.refusedForMs('203.0.113.7'), 30_000)
  })

  it('are kept for 10,000 addresses; one more pushes out the oldest', () => {
    const { clock, attempts } = withClock()
    fail(attempts, 'oldest', 10)
    fail(attempts, 'second', 10)
    for (let at = 2; at < ADDRESSES; at += 1) attempts.add(`other ${at}`)
    assert.equal(attempts.refusedForMs('oldest'), 60_000)

    clock.ms += 1
    attempts.add('one more')
    assert.equal(attempts.refusedForMs('oldest'), 0)
    assert.equal(attempts.refusedForMs('second'), 59_999)
  })

  it('make an address that was seen before the youngest again', () => {
    const { clock, attempts } = withClock()
    fail(attempts, 'again', 10)
    clock.ms += 59_000
    fail(attempts, 'oldest', 10)
    clock.ms += 1000
    fail(attempts, 'again', 10)
    for (let at = 2; at < ADDRESSES; at += 1) attempts.add(`other ${at}`)
    assert.equal(attempts.refusedForMs('oldest'), 59_000)

    attempts.add('one more')
    assert.equal(attempts.refusedForMs('oldest'), 0)
    assert.equal(attempts.refusedForMs('again'), 60_000)
  })

  it('push out no other address when one of a full table comes again', () => {
    const { clock, attempts } = withClock()
    fail(attempts, 'oldest', 10)
    attempts.add('again')
    for (let at = 2; at < ADDRESSES; at += 1) attempts.add(`other ${at}`)
    clock.ms += 1000

    attempts.add('again')
    assert.equal(attempts.refusedForMs('oldest'), 59_000)
  })
})
