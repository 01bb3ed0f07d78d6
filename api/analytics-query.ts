/** What analytics are asked for, as text: of a query or of a command line. Strict, as `query.ts` is. */
import type { Span } from '../session-ends/analytics.ts'
import { bucketSizes, dayIn, isZone, startOfDay } from '../session-ends/calendar.ts'
import { dimensions, type Dimension } from '../session-ends/outcome.ts'
import { reasons } from '../session-ends/record.ts'
import type { OrgId } from '../trail/entry.ts'
import { invalid, wordOf, type Parameter, type Refused } from './query.ts'
import { filterParameters, timeOf } from './session-filter.ts'

/** A day has no zone of its own: it is midnight in `tz`. */
type Moment = { at: number } | { day: number }

const moment: Parameter<Moment> = {
  parse: (text) => {
    const ms = timeOf(text)
    if (ms === undefined || ms < 0) return undefined
    return /^\d{4}-\d{2}-\d{2}$/.test(text) ? { day: ms } : { at: ms }
  },
  accepts:
    'a time such as 2026-11-01T00:00:00Z, or a day such as 2026-11-01, which begins at midnight in tz; from 1970 on',
}

const zone: Parameter<string> = {
  parse: (text) => (isZone(text) ? text : undefined),
  accepts: 'a time zone of the IANA, such as Europe/Lisbon or UTC',
}

const by: Parameter<Dimension[]> = {
  parse: (text) => {
    const words = text.split(',').map((word) => dimensions.find((one) => one === word))
    const found = words.filter((word) => word !== undefined)
    const isWhole = found.length === words.length && new Set(found).size === found.length
    return isWhole && found.length <= 2 ? found : undefined
  },
  accepts: `one or two of ${dimensions.join(', ')}, with a comma in between`,
}

export const spanParameters = { from: moment, to: moment, tz: zone, org_id: filterParameters.org_id }
export const endsParameters = { ...spanParameters, bucket: wordOf(bucketSizes), by }
export const durationsParameters = { ...spanParameters, reason: wordOf(reasons) }

export interface SpanGiven {
  from?: Moment
  to?: Moment
  tz?: string
  org_id?: OrgId
}

const DAY_MS = 86_400_000
const QUARTER_MS = 900_000
const DAYS = 30

/**
 * By default the last 30 days, up to the end of today. Counts are kept by the quarter of an hour, so the span is widened to whole ones.
 * `now`: ms since 1970.
 */
export function spanOf(given: SpanGiven, now: number): (Span & { tz: string }) | Refused {
  const { tz = 'UTC', org_id } = given
  const instant = (moment: Moment) => ('at' in moment ? moment.at : startOfDay(tz, moment.day))
  const to = given.to ? instant(given.to) : startOfDay(tz, dayIn(tz, now) + DAY_MS)
  const from = given.from ? instant(given.from) : startOfDay(tz, dayIn(tz, to - 1) - (DAYS - 1) * DAY_MS)
  if (from >= to)
    return invalid(
      'from must be before to: from is the first moment, to the first that is too late, by default the end of today.',
    )
  return {
    from: Math.floor(from / QUARTER_MS) * QUARTER_MS,
    to: Math.ceil(to / QUARTER_MS) * QUARTER_MS,
    tz,
    ...(org_id === undefined ? {} : { org_id }),
  }
}

export const BUCKETS_LIMIT = 1000

export const tooManyBuckets: Refused = invalid(
  `bucket must be longer, or the time shorter: there are more than ${BUCKETS_LIMIT.toLocaleString('en')} buckets.`,
)
