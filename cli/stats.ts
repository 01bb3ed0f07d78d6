import { durationsJson, endsJson, overviewJson, type AskedEnds } from '../api/analytics-json.ts'
import { BUCKETS_LIMIT, endsParameters, spanOf } from '../api/analytics-query.ts'
import { isRefused, valuesOf } from '../api/query.ts'
import type { Span } from '../session-ends/analytics.ts'
import { bucketStarts, type BucketSize } from '../session-ends/calendar.ts'
import { commandOf, OR_OUTPUT } from './command.ts'
import { wrongOption } from './filters.ts'
import { withRecords } from './records.ts'
import { statsText } from './stats-text.ts'
import { UsageError } from './strict.ts'
import { sayOut } from './write-out.ts'

export const statsCommand = commandOf({
  name: 'stats',
  summary: 'Count session ends, and how long sessions lasted.',
  more: 'How many sessions ended over time and why, how long they lasted, and how complete the records are. It may run beside the service.',
  args: {
    from: {
      type: 'string',
      valueHint: 'time',
      description:
        'From this time on: 2026-11-01T00:00:00Z, or 2026-11-01 for midnight in --tz. 30 days by default.',
    },
    to: { type: 'string', valueHint: 'time', description: 'Before this time. The end of today by default.' },
    tz: {
      type: 'string',
      valueHint: 'zone',
      description: 'A time zone such as Europe/Lisbon. UTC by default.',
    },
    by: {
      type: 'string',
      valueHint: 'words',
      description: 'One or two of reason (the default), initiator, confidence and device: reason,device.',
    },
    'org-id': { type: 'string', valueHint: 'id', description: 'Of this organisation.' },
    json: {
      type: 'boolean',
      description: 'For programs: the JSON of the three routes under /v1/analytics, as one object.',
    },
  },
  hint: 'stats takes --from, --to, --tz, --by, --org-id and --json; logout-trail stats --help explains them.',
  exitCodes: { 0: 'Read, whatever was found.', 1: `It cannot be read, ${OR_OUTPUT}` },
  examples: [
    { line: 'logout-trail stats --tz Europe/Lisbon', does: 'The last 30 days, by the days of Lisbon.' },
    {
      line: 'logout-trail stats --from 2026-11-01 --by reason,device',
      does: 'Since the beginning of November (UTC), by reason and device.',
    },
  ],
  run: stats,
})

async function stats(args: Record<string, unknown>): Promise<void> {
  const now = Date.now()
  const asked = askedFor(args, now)
  const starts = bucketStarts(asked, BUCKETS_LIMIT)
  if (starts === null) throw new UsageError('--from and --to are too far apart: 1,000 months at most.')
  await withRecords(async ({ reading }) => {
    const { series } = await reading.sessionEnds({ ...asked, starts })
    const { bins } = await reading.durations(asked)
    const { overview, behind } = await reading.overview({ ...asked, now })
    const found = {
      session_ends: endsJson(asked, { starts, series }),
      durations: durationsJson(asked, bins),
      overview: overviewJson(asked, overview, { records_behind: behind }),
    }
    await sayOut(args['json'] === true ? JSON.stringify(found) : statsText(found))
  })
}

/** @throws {UsageError} naming the option that is wrong. */
function askedFor(args: Record<string, unknown>, now: number): AskedEnds {
  const texts = { from: args['from'], to: args['to'], tz: args['tz'], by: args['by'], org_id: args['org-id'] }
  const given = valuesOf(
    Object.fromEntries(Object.entries(texts).filter(([, text]) => typeof text === 'string')),
    endsParameters,
  )
  if (isRefused(given)) throw wrongOption(given)
  const { by = ['reason'], bucket: _, ...rest } = given
  const span = spanOf(rest, now)
  if (isRefused(span)) throw wrongOption(span)
  return { ...span, bucket: bucketFor(span), by }
}

const DAY_MS = 86_400_000

/** So that there are at most some 50 bars. */
function bucketFor({ from, to }: Span): BucketSize {
  const days = (to - from) / DAY_MS
  if (days <= 2) return 'hour'
  return days <= 50 ? 'day' : days <= 366 ? 'week' : 'month'
}
