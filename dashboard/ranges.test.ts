import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { momentsOf, spanOf } from './ranges.ts'

const NOW = { now: Date.parse('2026-11-25T23:30:00Z'), zone: 'Europe/Berlin' }

describe('a span of time', () => {
  it('of days ends with today, of the time zone', () => {
    assert.deepEqual(spanOf({ range: '7d' }, NOW), { from: '2026-11-20', to: '2026-11-27', bucket: 'day' })
    assert.deepEqual(spanOf({ range: '7d' }, { ...NOW, zone: 'UTC' }), {
      from: '2026-11-19',
      to: '2026-11-26',
      bucket: 'day',
    })
  })

  it('of 24 hours ends with this hour', () => {
    assert.deepEqual(spanOf({ range: '24h' }, NOW), {
      from: '2026-11-25T00:00:00.000Z',
      to: '2026-11-26T00:00:00.000Z',
      bucket: 'hour',
    })
  })

  it('between two days has both of them', () => {
    assert.deepEqual(spanOf({ from: '2026-11-01', until: '2026-11-30' }, NOW), {
      from: '2026-11-01',
      to: '2026-12-01',
      bucket: 'day',
    })
  })

  it('from a day on ends with today, and up to a day has 30', () => {
    assert.partialDeepStrictEqual(spanOf({ from: '2026-11-24' }, NOW), {
      from: '2026-11-24',
      to: '2026-11-27',
    })
    assert.partialDeepStrictEqual(spanOf({ until: '2026-11-30' }, NOW), {
      from: '2026-11-01',
      to: '2026-12-01',
    })
  })

  it('has columns that suit its length', () => {
    const bucketOf = (from: string) => spanOf({ from, until: '2026-11-25' }, NOW)?.bucket

    assert.deepEqual(['2026-11-25', '2026-11-01', '2025-01-01', '1990-01-01'].map(bucketOf), [
      'hour',
      'day',
      'week',
      'month',
    ])
  })

  it('is none when it is not named, or cannot be', () => {
    const none = [{}, { range: 'ever' }, { from: '2026-12-01', until: '2026-11-01' }, { from: 'x' }]

    assert.deepEqual(
      none.map((params) => spanOf(params, NOW)),
      [null, null, null, null],
    )
  })

  it('is told to the session list as moments', () => {
    const span = spanOf({ from: '2026-11-01', until: '2026-11-30' }, NOW)
    assert.ok(span)

    assert.deepEqual(momentsOf(span, 'Europe/Berlin'), {
      from: '2026-10-31T23:00:00.000Z',
      to: '2026-11-30T23:00:00.000Z',
    })
  })
})
