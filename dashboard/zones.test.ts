import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addDays, dayOf, isDay, isZone, startOfDay } from './zones.ts'

const iso = (ms: number) => new Date(ms).toISOString()

describe('the first moment of a day', () => {
  const days = [
    ['2026-11-01', 'UTC', '2026-11-01T00:00:00.000Z'],
    ['2026-11-01', 'Europe/Berlin', '2026-10-31T23:00:00.000Z'],
    ['2026-07-01', 'Europe/Berlin', '2026-06-30T22:00:00.000Z'],
    // The clocks change on this day, after its first moment.
    ['2026-03-29', 'Europe/Berlin', '2026-03-28T23:00:00.000Z'],
    ['2026-10-25', 'Europe/Berlin', '2026-10-24T22:00:00.000Z'],
    ['2026-10-26', 'Europe/Berlin', '2026-10-25T23:00:00.000Z'],
    ['2026-11-01', 'Asia/Kathmandu', '2026-10-31T18:15:00.000Z'],
    ['2026-11-01', 'America/New_York', '2026-11-01T04:00:00.000Z'],
    ['2026-11-02', 'America/New_York', '2026-11-02T05:00:00.000Z'],
    ['2026-11-01', 'Pacific/Kiritimati', '2026-10-31T10:00:00.000Z'],
  ] as const

  for (const [day, zone, expected] of days) {
    it(`${day} in ${zone} is ${expected}`, () => assert.equal(iso(startOfDay(day, zone)), expected))
  }

  it('is later than midnight where the clocks skip it', () => {
    // In Santiago on 6 September 2026 the clocks go from 24:00 to 1:00.
    const start = startOfDay('2026-09-06', 'America/Santiago')

    assert.equal(iso(start), '2026-09-06T04:00:00.000Z')
    assert.equal(dayOf(start, 'America/Santiago'), '2026-09-06')
    assert.equal(dayOf(start - 1, 'America/Santiago'), '2026-09-05')
  })

  it('is the one that begins it, for every day of a year and many zones', () => {
    for (const zone of [
      'Europe/Berlin',
      'America/Santiago',
      'Africa/Cairo',
      'Australia/Lord_Howe',
      'Asia/Beirut',
    ]) {
      for (let day = '2026-01-01'; day < '2027-01-01'; day = addDays(day, 1)) {
        const start = startOfDay(day, zone)
        assert.deepEqual(
          [dayOf(start - 1, zone), dayOf(start, zone)],
          [addDays(day, -1), day],
          `${day} ${zone}`,
        )
      }
    }
  })
})

describe('a day', () => {
  it('is one of the calendar', () => {
    assert.deepEqual(['2026-02-28', '2026-02-30', '2026-2-3', 'today', ''].map(isDay), [
      true,
      false,
      false,
      false,
      false,
    ])
  })

  it('has others before and after it, over months and years', () => {
    assert.equal(addDays('2026-12-31', 1), '2027-01-01')
    assert.equal(addDays('2026-03-01', -1), '2026-02-28')
  })
})

describe('a time zone', () => {
  it('is one that the browser knows', () => {
    assert.deepEqual(['UTC', 'Asia/Kathmandu', 'Mars/Olympus'].map(isZone), [true, true, false])
    // The service takes names only.
    assert.deepEqual(['+05:30', '-08:00', ''].map(isZone), [false, false, false])
  })
})
