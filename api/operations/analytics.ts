/** What OpenAPI says of the figures. */
import { bucketSizes } from '../../session-ends/calendar.ts'
import { reasons } from '../../session-ends/record.ts'
import { Durations, LogoutIntent, Overview, SessionEndsOverTime } from '../contract.ts'
import { problemBody } from '../problem.ts'
import {
  forReaders,
  inShell,
  json,
  positionHeader,
  problemAnswer,
  queryParameter,
  readerRefusals,
  type Operation,
} from './parts.ts'

const spanParameters = [
  queryParameter(
    'from',
    'At this time or later: RFC 3339 with its zone, or a day, which begins at midnight in `tz`. Widened to a quarter of an hour. Default: 30 days, up to `to`.',
  ),
  queryParameter('to', 'The same, before this time. Default: the end of today.'),
  queryParameter('tz', 'A time zone of the IANA, such as `Europe/Lisbon`. Default: `UTC`.'),
  queryParameter('org_id', 'Of this organisation.'),
]

const analyticsRefused = problemAnswer(
  'A parameter that there is not (`unknown-filter`), or a value that it cannot have (`invalid-request`).',
  problemBody('invalid-request', 'tz must be a time zone of the IANA, such as Europe/Lisbon or UTC.'),
)

const exampleSpan = { from: '2026-11-01T00:00:00.000Z', to: '2026-11-03T00:00:00.000Z', tz: 'UTC' }

export const sessionEndsOperation: Operation = {
  operationId: 'sessionEnds',
  ...inShell(
    `curl -i "$LOGOUT_TRAIL_URL/v1/analytics/session-ends?from=2026-11-01&to=2026-12-01&tz=Europe/Lisbon&bucket=week&by=reason,initiator" -H "Authorization: Bearer $READER_KEY"`,
  ),
  summary: 'Session ends over time',
  description:
    'Counted by hours, days, weeks from Monday or months of a time zone, right on the days on which its clocks change. An end counts at ' +
    '`ended_at`; of an end without a moment, at `ended_at_latest`. A logout that was only asked for is no end.',
  tags: ['Analytics'],
  security: forReaders,
  parameters: [
    ...spanParameters,
    queryParameter('bucket', 'Default: `day`. At most 1,000 of them.', {
      type: 'string',
      enum: [...bucketSizes],
    }),
    queryParameter(
      'by',
      'One or two of `reason`, `initiator`, `confidence`, `device`, with a comma in between. Default: `reason`.',
    ),
  ],
  responses: {
    200: {
      ...json(SessionEndsOverTime, 'The counts.', {
        ...exampleSpan,
        bucket: 'day',
        by: ['reason'],
        buckets: ['2026-11-01T00:00:00.000Z', '2026-11-02T00:00:00.000Z'],
        series: [
          { reason: 'signed-out', counts: [12, 30], total: 42 },
          { reason: 'expired', counts: [3, 1], total: 4 },
        ],
        total: 46,
      }),
      headers: positionHeader,
    },
    400: analyticsRefused,
    ...readerRefusals,
  },
}

export const durationsOperation: Operation = {
  operationId: 'durations',
  ...inShell(
    `curl -i "$LOGOUT_TRAIL_URL/v1/analytics/durations?from=2026-11-01&to=2026-12-01&reason=signed-out" -H "Authorization: Bearer $READER_KEY"`,
  ),
  summary: 'How long sessions lasted',
  description:
    'Of the sessions that ended in the time, and of which the beginning and the moment of the end are known. There is no mean: one session ' +
    'of a week would move it more than a hundred of a minute.',
  tags: ['Analytics'],
  security: forReaders,
  parameters: [
    ...spanParameters,
    queryParameter('reason', 'Why they ended.', { type: 'string', enum: [...reasons] }),
  ],
  responses: {
    200: {
      ...json(Durations, 'Percentiles and a histogram.', {
        ...exampleSpan,
        sessions: 4,
        p50_ms: 40_123,
        p90_ms: 95_800,
        p99_ms: 95_800,
        histogram: [
          { from_ms: 0, to_ms: 60_000, count: 3 },
          { from_ms: 60_000, to_ms: 120_000, count: 1 },
        ],
      }),
      headers: positionHeader,
    },
    400: analyticsRefused,
    ...readerRefusals,
  },
}

export const overviewOperation: Operation = {
  operationId: 'overview',
  ...inShell(
    `curl -i "$LOGOUT_TRAIL_URL/v1/analytics/overview?tz=Europe/Lisbon" -H "Authorization: Bearer $READER_KEY"`,
  ),
  summary: 'How things stand',
  description:
    'What ended in the time and in as long a time before it, whether people wanted it, how complete the records are, and how their ' +
    'sources are.',
  tags: ['Analytics'],
  security: forReaders,
  parameters: spanParameters,
  responses: {
    200: {
      ...json(Overview, 'The figures.', {
        ...exampleSpan,
        now: { open: 120, requested: 2, unconfirmed: 1 },
        ends: { total: 46, voluntary: 40, forced: 6, unknown: 0 },
        previous: { total: 39, voluntary: 35, forced: 3, unknown: 1 },
        confirmation: { sessions: 38, p50_ms: 410, p90_ms: 1200 },
        coverage: { sessions: 44, ended: 43, unknown: 0 },
        intents: [
          ...LogoutIntent.options.map((intent) => ({ intent, count: intent === 'user' ? 38 : 0 })),
          { intent: null, count: 2 },
        ],
        sources: {
          last_logout_at: '2026-11-02T23:12:00.000Z',
          last_webhook_at: '2026-11-02T23:12:00.600Z',
          last_sweep_at: null,
          records_behind: 0,
          webhooks_configured: true,
          sweep_configured: false,
          webhook_silence_ms: 0,
        },
      }),
      headers: positionHeader,
    },
    400: analyticsRefused,
    ...readerRefusals,
  },
}
