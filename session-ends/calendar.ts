/**
 * Hours, days, weeks and months of a time zone, as instants. Node's own data of zones says how far a zone's clocks are from UTC at
 * an instant; a day begins at the first instant of its date, so days on which the clocks change have 23 or 25 hours.
 */

export const bucketSizes = ['hour', 'day', 'week', 'month'] as const
export type BucketSize = (typeof bucketSizes)[number]

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const QUARTER_MS = HOUR_MS / 4

/** `Europe/Lisbon`, and no offset: its days would be wrong for half of the year. */
const NAME = /^[A-Za-z][\w+-]*(\/[A-Za-z][\w+-]*)*$/

export function isZone(name: string): boolean {
  if (!NAME.test(name)) return false
  try {
    clockOf(name)
    return true
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

/** What the clocks of a zone show: ms as if it were UTC. */
type Clock = (ms: number) => number

const clocks = new Map<string, Clock>()

/** There are some 600 zones; a name may be written in many ways. */
const KEPT = 1000

function clockOf(tz: string): Clock {
  const known = clocks.get(tz)
  if (known) return known
  const clock = newClock(tz)
  if (clocks.size >= KEPT) clocks.clear()
  clocks.set(tz, clock)
  return clock
}

/** @throws {RangeError} when there is no such zone. */
function newClock(tz: string): Clock {
  if (tz === 'UTC') return (ms) => ms
  const two = '2-digit'
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: tz,
    hourCycle: 'h23',
    year: 'numeric',
    month: two,
    day: two,
    hour: two,
    minute: two,
    second: two,
  })
  const shown = /^(\d+)\/(\d+)\/(\d+), (\d+):(\d+):(\d+)$/
  return (ms) => {
    const [, day, month, year, hour, minute, second] = (shown.exec(format.format(ms)) ?? []).map(Number)
    return Date.UTC(year ?? NaN, (month ?? NaN) - 1, day, hour, minute, second)
  }
}

/** The day of a zone in which the instant lies, as that day in UTC. */
export function dayIn(tz: string, ms: number): number {
  return Math.floor(clockOf(tz)(ms) / DAY_MS) * DAY_MS
}

/**
 * When a day of a zone begins. `day`: midnight of that day in UTC, ms. Where the clocks skip midnight, it is when they skip it; where
 * they show it twice, the first time.
 */
export function startOfDay(tz: string, day: number): number {
  const clock = clockOf(tz)
  const offsets = [day - DAY_MS, day + DAY_MS].map((near) => clock(near) - near)
  const candidates = offsets.map((offset) => day - offset).toSorted((a, b) => a - b)
  return candidates.find((at) => clock(at) === day) ?? candidates.at(-1) ?? day
}

export interface Buckets {
  /** ms since 1970, both on a quarter of an hour. */
  from: number
  to: number
  tz: string
  bucket: BucketSize
}

/**
 * When each bucket begins, the first at `from` or before, the last before `to`: ms since 1970, on a quarter of an hour. Null: they
 * are more than `most`.
 */
export function bucketStarts({ from, to, tz, bucket }: Buckets, most: number): number[] | null {
  const starts: number[] = []
  for (const start of bucket === 'hour' ? hours(tz, from) : dates(tz, bucket, from)) {
    if (start >= to) return starts
    // A date that a zone skipped begins when the next one does.
    if (starts.at(-1) === start) continue
    starts.push(start)
    if (starts.length > most) return null
  }
  return starts
}

function* dates(tz: string, bucket: BucketSize, from: number): Generator<number> {
  for (let day = firstDateOf(bucket, dayIn(tz, from)); ; day = nextDate(bucket, day)) {
    // Only before 1972 were there zones that are not whole quarters from UTC.
    yield Math.floor(startOfDay(tz, day) / QUARTER_MS) * QUARTER_MS
  }
}

function firstDateOf(bucket: BucketSize, day: number): number {
  const date = new Date(day)
  if (bucket === 'month') return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1)
  // Weeks begin on Monday.
  return bucket === 'week' ? day - ((date.getUTCDay() + 6) % 7) * DAY_MS : day
}

function nextDate(bucket: BucketSize, day: number): number {
  if (bucket === 'month') {
    const date = new Date(day)
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1)
  }
  return day + (bucket === 'week' ? 7 : 1) * DAY_MS
}

/** An hour begins when the clocks show a whole one, and when they are put to another: an hour that comes twice is two. */
function* hours(tz: string, from: number): Generator<number> {
  const clock = clockOf(tz)
  let at = from
  while (!beginsHour(clock(at - QUARTER_MS), clock(at))) at -= QUARTER_MS
  let before = clock(at - QUARTER_MS)
  for (; ; at += QUARTER_MS) {
    const now = clock(at)
    if (beginsHour(before, now)) yield at
    before = now
  }
}

function beginsHour(before: number, now: number): boolean {
  return now % HOUR_MS === 0 || Math.floor(now / HOUR_MS) > Math.floor(before / HOUR_MS)
}
