import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ago, bucketLabels, count, duration, offset, percent, time } from './formats.ts'

describe('a duration', () => {
  const cases = [
    [0, '0 ms'],
    [840, '840 ms'],
    [1240, '1.2 s'],
    [9990, '10 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [11_520_000, '3 h 12 min'],
    [604_800_000, '7 d'],
    [615_600_000, '7 d 3 h'],
  ] as const

  for (const [ms, expected] of cases) {
    it(`of ${ms} ms is “${expected}”`, () => assert.equal(duration(ms), expected))
  }
})

describe('how long ago', () => {
  it('is never negative for clocks that differ a little', () => {
    assert.deepEqual(
      [10_000, 4000, 0, -59_000].map((ms) => ago(0, ms)),
      ['10 s ago', 'just now', 'just now', 'just now'],
    )
    assert.equal(ago(3_600_000, 0), 'in 1 h')
  })

  it('is told in its largest unit', () => {
    assert.deepEqual(
      [90_000, 7_200_000, 200_000_000].map((ms) => ago(0, ms)),
      ['1 min ago', '2 h ago', '2 d ago'],
    )
  })
})

describe('a share', () => {
  it('is not rounded to nothing, nor to all', () => {
    assert.deepEqual(
      [percent(0, 9), percent(1, 1000), percent(999, 1000), percent(9, 9), percent(1, 3), percent(0, 0)],
      ['0 %', '< 1 %', '> 99 %', '100 %', '33 %', '–'],
    )
  })
})

describe('a number', () => {
  it('has its thousands apart', () => assert.equal(count(1234567), '1,234,567'))
})

describe('a time', () => {
  const at = '2026-10-25T01:30:00.000Z'

  it('is that of the zone, with 24 hours', () => {
    assert.equal(time(at, 'Europe/Berlin', 'moment'), '25 Oct 2026, 02:30:00')
    assert.equal(time(at, 'UTC', 'moment'), '25 Oct 2026, 01:30:00')
    assert.equal(time('2026-10-24T22:00:00Z', 'Europe/Berlin', 'hour'), '00:00')
  })

  it('has the offset that is in force then', () => {
    assert.equal(offset(Date.parse('2026-07-01'), 'Europe/Berlin'), 'UTC+2')
    assert.equal(offset(Date.parse('2026-12-01'), 'Europe/Berlin'), 'UTC+1')
    assert.equal(offset(0, 'UTC'), 'UTC')
  })

  it('of a column is short on the axis and whole in the table', () => {
    assert.deepEqual(bucketLabels(at, 'UTC', 'day'), ['25 Oct', 'Sun, 25 Oct 2026'])
    assert.deepEqual(bucketLabels(at, 'UTC', 'hour'), ['01:30', '25 Oct, 01:30'])
    assert.deepEqual(bucketLabels(at, 'UTC', 'week'), ['25 Oct', 'week of Sun, 25 Oct 2026'])
    assert.deepEqual(bucketLabels(at, 'UTC', 'month'), ['Oct 2026', 'Oct 2026'])
  })
})
