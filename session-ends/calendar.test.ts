import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { bucketStarts, isZone, startOfDay, type BucketSize } from './calendar.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

function starts(tz: string, bucket: BucketSize, [from, to]: readonly [string, string]): string[] {
  const found = bucketStarts({ from: Date.parse(from), to: Date.parse(to), tz, bucket }, 1000)
  return (found ?? []).map((at) => new Date(at).toISOString().slice(0, 16))
}

/** What a Node that has it knows of days; the service runs on others too. */
const { Temporal } = globalThis as unknown as {
  Temporal: {
    PlainDate: { from: (date: string) => { toZonedDateTime: (tz: string) => { epochMilliseconds: number } } }
  }
}

/** Each day from the first instant to the last, written out. */
const days: [tz: string, what: string, expected: string[]][] = [
  [
    'Europe/Lisbon',
    'summer time begins on 29 March 2026, which has 23 hours',
    ['2026-03-28T00:00', '2026-03-29T00:00', '2026-03-29T23:00', '2026-03-30T23:00'],
  ],
  [
    'Europe/Lisbon',
    'summer time ends on 25 October 2026, which has 25 hours',
    ['2026-10-23T23:00', '2026-10-24T23:00', '2026-10-26T00:00', '2026-10-27T00:00'],
  ],
  [
    'America/New_York',
    'summer time begins on 8 March 2026',
    ['2026-03-07T05:00', '2026-03-08T05:00', '2026-03-09T04:00', '2026-03-10T04:00'],
  ],
  [
    'America/New_York',
    'summer time ends on 1 November 2026',
    ['2026-10-31T04:00', '2026-11-01T04:00', '2026-11-02T05:00', '2026-11-03T05:00'],
  ],
  ['Asia/Kathmandu', 'is 5:45 ahead all year', ['2026-03-28T18:15', '2026-03-29T18:15', '2026-03-30T18:15']],
  [
    'Pacific/Chatham',
    'is 13:45 ahead, and 12:45 from 5 April 2026 on, which has 25 hours',
    ['2026-04-03T10:15', '2026-04-04T10:15', '2026-04-05T11:15', '2026-04-06T11:15'],
  ],
  [
    'Pacific/Chatham',
    'is 13:45 ahead again from 27 September 2026 on',
    ['2026-09-25T11:15', '2026-09-26T11:15', '2026-09-27T10:15', '2026-09-28T10:15'],
  ],
  [
    'Australia/Lord_Howe',
    'changes by half an hour: 5 April 2026 has 24.5 hours',
    ['2026-04-03T13:00', '2026-04-04T13:00', '2026-04-05T13:30', '2026-04-06T13:30'],
  ],
  [
    'Australia/Lord_Howe',
    'and 4 October 2026 has 23.5',
    ['2026-10-02T13:30', '2026-10-03T13:30', '2026-10-04T13:00', '2026-10-05T13:00'],
  ],
  ['UTC', 'has days of 24 hours', ['2026-03-28T00:00', '2026-03-29T00:00', '2026-03-30T00:00']],
  // The clocks go from 23:59 to 1:00, and there is no midnight.
  [
    'Africa/Cairo',
    'skips midnight on 24 April 2026',
    ['2026-04-22T22:00', '2026-04-23T22:00', '2026-04-24T21:00'],
  ],
  ['Pacific/Apia', 'had no 30 December 2011', ['2011-12-29T10:00', '2011-12-30T10:00', '2011-12-31T10:00']],
]

describe('the days of a zone', () => {
  for (const [tz, what, expected] of days) {
    it(`${tz} ${what}`, () => {
      const [from = '', to = ''] = [expected[0], expected.at(-1)]
      const until = new Date(Date.parse(`${to}Z`) + 1).toISOString()
      assert.deepEqual(starts(tz, 'day', [`${from}Z`, until]), expected)
    })
  }

  it('begin when Temporal says that they do, in every zone, on every day of ten years', () => {
    const zones = Intl.supportedValuesOf('timeZone')
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.integer({ min: 16_500, max: 20_500 }).map((days) => days * DAY_MS),
        (tz, day) => {
          const date = Temporal.PlainDate.from(new Date(day).toISOString().slice(0, 10))
          assert.equal(startOfDay(tz, day), date.toZonedDateTime(tz).epochMilliseconds)
        },
      ),
      { numRuns: 3000 },
    )
  })

  it('begin when Temporal says so on every day of 2026, in zones with their own ways', () => {
    for (const tz of [
      'Africa/Cairo',
      'Africa/Casablanca',
      'Asia/Beirut',
      'America/Havana',
      'Europe/Dublin',
    ]) {
      for (let day = Date.UTC(2026, 0, 1); day < Date.UTC(2027, 0, 1); day += DAY_MS) {
        const date = Temporal.PlainDate.from(new Date(day).toISOString().slice(0, 10))
        assert.equal(
          startOfDay(tz, day),
          date.toZonedDateTime(tz).epochMilliseconds,
          `${tz} ${new Date(day).toISOString()}`,
        )
      }
    }
  })
})

describe('the weeks and months of a zone', () => {
  it('begin on Mondays and on the first, also where that is another day in UTC', () => {
    assert.deepEqual(starts('Asia/Kathmandu', 'week', ['2026-11-04T00:00Z', '2026-11-16T00:00Z']), [
      '2026-11-01T18:15',
      '2026-11-08T18:15',
      '2026-11-15T18:15',
    ])
    assert.deepEqual(starts('Europe/Lisbon', 'month', ['2026-03-05T00:00Z', '2026-11-01T00:00Z']), [
      '2026-03-01T00:00',
      '2026-03-31T23:00',
      '2026-04-30T23:00',
      '2026-05-31T23:00',
      '2026-06-30T23:00',
      '2026-07-31T23:00',
      '2026-08-31T23:00',
      '2026-09-30T23:00',
    ])
  })
})

describe('the hours of a zone', () => {
  it('begin when the clocks show a whole one', () => {
    assert.deepEqual(starts('Asia/Kathmandu', 'hour', ['2026-11-04T00:00Z', '2026-11-04T02:00Z']), [
      '2026-11-03T23:15',
      '2026-11-04T00:15',
      '2026-11-04T01:15',
    ])
  })

  it('are two when one comes twice', () => {
    assert.deepEqual(starts('America/New_York', 'hour', ['2026-11-01T05:00Z', '2026-11-01T08:00Z']), [
      '2026-11-01T05:00',
      '2026-11-01T06:00',
      '2026-11-01T07:00',
    ])
  })

  it('are longer and shorter where the clocks change by half an hour', () => {
    assert.deepEqual(starts('Australia/Lord_Howe', 'hour', ['2026-04-04T13:00Z', '2026-04-04T17:00Z']), [
      '2026-04-04T13:00',
      '2026-04-04T14:00',
      '2026-04-04T15:30',
      '2026-04-04T16:30',
    ])
    assert.deepEqual(starts('Australia/Lord_Howe', 'hour', ['2026-10-03T14:30Z', '2026-10-03T17:00Z']), [
      '2026-10-03T14:30',
      '2026-10-03T15:30',
      '2026-10-03T16:00',
    ])
  })
})

describe('buckets', () => {
  it('are not more than wanted', () => {
    const month = { from: 0, to: 100 * 365 * DAY_MS, tz: 'UTC' } as const
    assert.equal(bucketStarts({ ...month, bucket: 'hour' }, 1000), null)
    assert.equal(bucketStarts({ ...month, bucket: 'month' }, 1000), null)
    assert.equal(bucketStarts({ from: 0, to: 1000 * DAY_MS, tz: 'UTC', bucket: 'day' }, 1000)?.length, 1000)
  })
})

it('a zone has a name of the IANA, and an offset is none', () => {
  for (const name of [
    'UTC',
    'Europe/Lisbon',
    'America/Argentina/Buenos_Aires',
    'Etc/GMT+5',
    'asia/kathmandu',
  ])
    assert.ok(isZone(name), name)
  for (const name of ['', 'Lisbon', '+05:45', 'Europe/', 'Europe/Atlantis', 'UTC+1', 'x'.repeat(300)])
    assert.ok(!isZone(name), name)
})
