/** The operations, as OpenAPI describes them. */
import type { DescribeRouteOptions } from 'hono-openapi'
import { resolver } from 'hono-openapi'
import type { z } from 'zod'
import { bucketSizes } from '../session-ends/calendar.ts'
import { confidences, initiators, reasons, states } from '../session-ends/record.ts'
import {
  Alive,
  Durations,
  EntryPage,
  LogoutAnswer,
  LogoutIntent,
  Overview,
  Problem,
  Ready,
  SessionDetail,
  SessionEndsOverTime,
  SessionPage,
} from './contract.ts'
import { exportFormats } from './export-text.ts'
import type { LogoutRecord } from './logout-event.ts'
import { details, problemBody } from './problem.ts'
import { readRefusals } from './readers.ts'

export interface CodeSample {
  lang: 'Shell'
  source: string
}

/** With a command that can be run as it stands: `x-codeSamples`, as documentation tools have it. */
export type Operation = DescribeRouteOptions & { 'x-codeSamples': CodeSample[] }

function inShell(source: string): Pick<Operation, 'x-codeSamples'> {
  return { 'x-codeSamples': [{ lang: 'Shell', source }] }
}

type Responses = NonNullable<DescribeRouteOptions['responses']>
type Described = Responses[string]

function json(schema: z.ZodType, description: string, example: unknown): Described {
  return { description, content: { 'application/json': { schema: resolver(schema), example } } }
}

function problemAnswer(description: string, example: unknown): Described {
  return { description, content: { 'application/problem+json': { schema: resolver(Problem), example } } }
}

function logoutRecordHeader(values: readonly LogoutRecord[], description: string) {
  return { 'Logout-Record': { description, schema: { type: 'string' as const, enum: [...values] } } }
}

/** The `security` of what readers may call: either of the two. */
const forReaders: NonNullable<DescribeRouteOptions['security']> = [{ readerKey: [] }, { clerkSession: [] }]

/** Among the `responses` of what readers may call. */
const readerRefusals: Responses = {
  401: {
    ...problemAnswer(
      'No reader: nothing was sent, or it is wrong, or has expired.',
      refusalBody('nothingSent'),
    ),
    headers: { 'WWW-Authenticate': { description: '`Bearer`', schema: { type: 'string' as const } } },
  },
  403: problemAnswer(
    'A genuine session that may not read: its user is not listed, it is pending, or impersonated.',
    refusalBody('unlisted'),
  ),
  429: {
    ...problemAnswer(
      'Ten wrong credentials came from this address within a minute. Until it is over nothing from there is looked at.',
      refusalBody('limited'),
    ),
    headers: { 'Retry-After': { description: 'In seconds.', schema: { type: 'integer' as const } } },
  },
  503: problemAnswer(
    'Clerk’s keys cannot be had, so a session cannot be verified.',
    refusalBody('undecided'),
  ),
}

function refusalBody(why: keyof typeof readRefusals) {
  const { code, detail } = readRefusals[why]
  return problemBody(code, detail)
}

const anyRecord = logoutRecordHeader(
  ['durable', 'duplicate', 'logged', 'anonymous'],
  '`durable`: recorded in the trail, on disk. `duplicate`: this token’s logout already was. `logged`: only the log ' +
    'is sure; sending it again is safe. `anonymous`: nobody was proved, nothing is recorded.',
)

export const logoutOperation: Operation = {
  operationId: 'logout',
  ...inShell(
    `curl -i -X DELETE "$LOGOUT_TRAIL_URL/v1/auth/session?intent=user" -H "Authorization: Bearer $SESSION_TOKEN"`,
  ),
  summary: 'Log out',
  description:
    'Records that a person asked to log out. Clerk ends the session, in the browser: this call ends, stores and ' +
    'revokes nothing. It answers 200 whoever calls, and says in `Logout-Record` how much is promised; only with ' +
    '`AUDIT_REQUIRED=on` a logout that could not be recorded answers 503. A body is never read.\n\n' +
    'The session token is read from `Authorization`. Only when that header is absent it is read from the `__session` ' +
    'cookie, and then only if `Origin` is one of `ALLOWED_ORIGINS`.',
  tags: ['Logout'],
  security: [{}, { clerkSession: [] }],
  parameters: [
    {
      name: 'intent',
      in: 'query',
      required: false,
      description: 'What the click meant. Another value is recorded as none, and counted.',
      schema: { type: 'string', enum: [...LogoutIntent.options] },
    },
    {
      name: 'traceparent',
      in: 'header',
      required: false,
      description: 'W3C Trace Context; its trace id goes into the log line and the entry.',
      schema: { type: 'string' },
    },
  ],
  responses: {
    200: {
      ...json(LogoutAnswer, 'Logged; recorded as far as `Logout-Record` says.', {
        success: true,
        message: 'Logged out successfully',
      }),
      headers: anyRecord,
    },
    503: {
      ...problemAnswer(
        'With `AUDIT_REQUIRED=on` only: the logout is in the log, but could not be confirmed as recorded.',
        problemBody('logout-not-recorded', details['logout-not-recorded']),
      ),
      headers: logoutRecordHeader(['logged'], '`logged`: only the log is sure.'),
    },
  },
}

export const clerkWebhookOperation: Operation = {
  operationId: 'clerkWebhook',
  ...inShell(`# What Svix does: CLERK_WEBHOOK_SIGNING_SECRET without whsec_ is the key, in base64.
id="msg_$(date +%s)" at=$(date +%s)
body='{"type":"session.removed","timestamp":'$at'000,"data":{"id":"sess_2abc","user_id":"user_2abc","status":"removed"}}'
key=$(printf %s "\${CLERK_WEBHOOK_SIGNING_SECRET#whsec_}" | base64 -d | od -An -vtx1 | tr -d ' \\n')
signature=$(printf %s "$id.$at.$body" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)
curl -i "$LOGOUT_TRAIL_URL/v1/webhooks/clerk" -H "svix-id: $id" -H "svix-timestamp: $at" -H "svix-signature: v1,$signature" -d "$body"`),
  summary: 'What Clerk says of sessions',
  description:
    'For Clerk’s webhooks, signed as Svix signs them. Stored are `session.created`, `session.pending`, `session.ended`, ' +
    '`session.removed`, `session.revoked`, `user.deleted`, and `user.updated` when the user is banned; other types are ' +
    'acknowledged and counted. The profile of the user is never stored. A repeat of a `svix-id` is acknowledged and ' +
    'writes nothing.',
  tags: ['Webhooks'],
  security: [{ svix: [] }],
  requestBody: {
    required: true,
    description: 'The envelope that Clerk sends, at most 256 kB.',
    content: {
      'application/json': {
        schema: { type: 'object' },
        example: {
          object: 'event',
          type: 'session.removed',
          timestamp: 1_795_176_000_000,
          data: { object: 'session', id: 'sess_2abc', user_id: 'user_2abc', status: 'removed' },
        },
      },
    },
  },
  responses: {
    204: { description: 'Recorded, on disk; or of a type that is not stored.' },
    400: problemAnswer(
      'Not signed by Clerk, too old, or not what Clerk sends; nothing is written.',
      problemBody('webhook-body-invalid', 'data.user_id: is not an id. Is this a webhook of Clerk?'),
    ),
    413: problemAnswer('Too large.', problemBody('body-too-large', details['body-too-large'])),
    503: problemAnswer(
      'It could not be recorded, so Svix sends it again; or no secret is configured.',
      problemBody('webhook-not-recorded', details['webhook-not-recorded']),
    ),
  },
}

/** Of `sessionOperation` and its list. */
const exampleRecord = {
  session_id: 'sess_2abc',
  user_id: 'user_2abc',
  org_id: null,
  client_id: 'client_2abc',
  actor_id: null,
  state: 'ended',
  started_at: '2026-11-23T08:00:00.000Z',
  requested_at: '2026-11-23T12:00:00.000Z',
  ended_at: '2026-11-23T12:00:00.500Z',
  ended_at_earliest: '2026-11-23T12:00:00.500Z',
  ended_at_latest: '2026-11-23T12:00:00.500Z',
  duration_ms: 14_400_500,
  reason: 'signed-out',
  initiator: 'user',
  confidence: 'confirmed',
  intent: 'user',
  unconfirmed: false,
  sentence: 'Signed out by the user; confirmed by Clerk.',
}

const positionHeader = {
  'Trail-Position': {
    description:
      '`<epoch>/<index>`: up to which entry the records know the trail; index -1 before the first.',
    schema: { type: 'string' as const },
  },
}

interface QuerySchema {
  type: 'string' | 'integer'
  enum?: string[]
}

function queryParameter(name: string, description: string, schema: QuerySchema = { type: 'string' }) {
  return { name, in: 'query' as const, required: false, description, schema }
}

const filterParameters = [
  queryParameter('state', 'How it stands.', { type: 'string', enum: [...states] }),
  queryParameter('user_id', 'Of this user.'),
  queryParameter('session_id', 'This session.'),
  queryParameter('org_id', 'Of this organisation.'),
  queryParameter('reason', 'Why it ended.', { type: 'string', enum: [...reasons] }),
  queryParameter('initiator', 'Who ended it.', { type: 'string', enum: [...initiators] }),
  queryParameter('confidence', 'How sure the end is.', { type: 'string', enum: [...confidences] }),
  queryParameter(
    'from',
    'When it ended, else was asked to, else began: at this time or later. RFC 3339 with its zone, or a day, which begins at midnight UTC.',
  ),
  queryParameter('to', 'The same, before this time.'),
  queryParameter('q', 'The whole id of a session, a user or an organisation.'),
]

export const sessionListOperation: Operation = {
  operationId: 'sessions',
  ...inShell(`# Who was signed out by force in November, 100 at a time; then the same with &cursor=<next_cursor>.
curl -i "$LOGOUT_TRAIL_URL/v1/sessions?reason=revoked&from=2026-11-01&to=2026-12-01&limit=100" -H "Authorization: Bearer $READER_KEY"`),
  summary: 'Session records, found by filters',
  description:
    'All filters that are given must fit. A page ends with `next_cursor`: send it as `cursor`, with the same filters and order, for the ' +
    'next page.\n\n' +
    '`order=newest`: in the order of the first entry about each session, the newest first. That order never changes, so a record that was ' +
    'there at the first page is on exactly one page, whatever is recorded meanwhile; at the end `next_cursor` is null.\n\n' +
    '`order=changes`: in the order of the last entry about each session, for programs that follow along. `cursor=now` begins with what ' +
    'changes from now on, no cursor with the first. `next_cursor` is never null here: go on with it until it is the one that you sent; ' +
    'then there is nothing new, and the same cursor is good later. A page may be empty before that. Whoever goes on so misses no entry ' +
    'about any session that fits. Two things no entry tells: that a session no longer fits a filter such as `state=open` (so follow without ' +
    'it), and that 10 minutes have made a logout `unconfirmed`.',
  tags: ['Reading'],
  security: forReaders,
  parameters: [
    ...filterParameters,
    queryParameter('order', 'Default: `newest`.', { type: 'string', enum: ['newest', 'changes'] }),
    queryParameter('limit', 'From 1 to 200. Default: 50.', { type: 'integer' }),
    queryParameter('cursor', '`next_cursor` of the page before; with `order=changes` also `now`.'),
  ],
  responses: {
    200: {
      ...json(SessionPage, 'A page.', { items: [exampleRecord], next_cursor: null }),
      headers: positionHeader,
    },
    400: problemAnswer(
      'A filter that there is not, a value that it cannot have, or a cursor of another list.',
      problemBody('unknown-filter', 'There is no “users” here; there are state, user_id, session_id, ….'),
    ),
    ...readerRefusals,
  },
}

export const sessionExportOperation: Operation = {
  operationId: 'exportSessions',
  ...inShell(
    `curl -i "$LOGOUT_TRAIL_URL/v1/exports/sessions?format=csv&from=2026-10-01&to=2027-01-01" -H "Authorization: Bearer $READER_KEY"`,
  ),
  summary: 'Session records as a file',
  description:
    'Every record that fits and was first heard of before the export began, the oldest first, however many there are. That it was asked ' +
    'for is an entry of the trail, `trail.exported`.\n\n' +
    'The last line says that the file is whole: how many records it has, the first and the last session, and the positions of the trail at ' +
    'its start and its end. In NDJSON it is `{"trailer":{…}}`; in CSV it is a row whose first column begins with `# complete`. Without ' +
    'it the download broke off.\n\n' +
    'CSV is that of RFC 4180, with a header. A text that a spreadsheet would run as a formula (one that begins with `=`, `+`, `-`, `@`) has an ' +
    'apostrophe in front.',
  tags: ['Reading'],
  security: forReaders,
  parameters: [
    {
      name: 'format',
      in: 'query',
      required: true,
      description: 'The form of the file.',
      schema: { type: 'string', enum: [...exportFormats] },
    },
    ...filterParameters,
  ],
  responses: {
    200: {
      description: 'The file.',
      headers: positionHeader,
      content: {
        'text/csv': {
          schema: { type: 'string' },
          example:
            'session_id,user_id,…\r\nsess_2abc,user_2abc,…\r\n"# complete: 1 records, first sess_2abc, last sess_2abc, start 0/2, end 0/2",,…\r\n',
        },
        'application/x-ndjson': {
          schema: { type: 'string' },
          example:
            '{"session_id":"sess_2abc",…}\n{"trailer":{"count":1,"first":"sess_2abc","last":"sess_2abc","start_position":"0/2","end_position":"0/2"}}\n',
        },
      },
    },
    400: problemAnswer(
      'No format, a filter that there is not, or a value that it cannot have.',
      problemBody('invalid-request', 'format must be one of csv, ndjson.'),
    ),
    ...readerRefusals,
    503: problemAnswer(
      'It could not be recorded that somebody exports.',
      problemBody(
        'not-ready',
        'The trail could not confirm that you export, so nothing is handed out; ask again, and see /readyz.',
      ),
    ),
  },
}

export const sessionOperation: Operation = {
  operationId: 'session',
  ...inShell(`curl -i "$LOGOUT_TRAIL_URL/v1/sessions/sess_2abc" -H "Authorization: Bearer $READER_KEY"`),
  summary: 'One session: how it ended, and who says so',
  tags: ['Reading'],
  security: forReaders,
  parameters: [
    {
      name: 'session_id',
      in: 'path',
      required: true,
      schema: { type: 'string' },
      description: 'Clerk’s id.',
    },
  ],
  responses: {
    200: {
      ...json(SessionDetail, 'The record, and its entries.', { ...exampleRecord, entries: [] }),
      headers: positionHeader,
    },
    ...readerRefusals,
    404: problemAnswer(
      'Nothing is known of it.',
      problemBody(
        'not-found',
        'No entry up to 41 is about this session; what is recorded later is known within seconds.',
      ),
    ),
  },
}

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

export const sessionEndsOperation: DescribeRouteOptions = {
  operationId: 'sessionEnds',
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

export const durationsOperation: DescribeRouteOptions = {
  operationId: 'durations',
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

export const overviewOperation: DescribeRouteOptions = {
  operationId: 'overview',
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

const EXAMPLE_ENTRY = {
  index: 42,
  kind: 'logout.requested',
  source: 'api',
  occurred_at: 1_795_435_200_000,
  recorded_at: 1_795_435_200_004,
  session_id: 'sess_2abc',
  user_id: 'user_2abc',
  client_id: null,
  actor_id: null,
  org_id: null,
  ip: '203.0.113.0',
  user_agent: 'Mozilla/5.0',
  city: null,
  country: null,
  azp: null,
  token_iat: 1_795_435_170,
  token_state: 'valid',
  request_id: '9f86d081884c7d659a2feaa0c55ad015',
  trace_id: null,
  clerk_status: null,
  intent: 'user',
  device_type: null,
  session_created_at: null,
  session_last_active_at: null,
  session_expire_at: null,
  session_abandon_at: null,
}

const afterParameter = {
  name: 'after',
  in: 'query' as const,
  required: false,
  schema: { type: 'integer' as const, minimum: -1 },
}

const endOfTrail = {
  'Trail-Position': {
    description:
      '`<epoch>/<index>`: the end of the trail, `<epoch>/-1` while it is empty. Keep the epoch: it rises when a ' +
      'backup was restored, and then indexes were given out again.',
    schema: { type: 'string' as const },
  },
}

const entryProblems: Responses = {
  ...readerRefusals,
  400: problemAnswer(
    'A parameter that there is not (`unknown-filter`), or a value that is none (`invalid-request`).',
    problemBody('invalid-request', 'after must be a whole number from -1 to 9007199254740991.'),
  ),
  409: {
    ...problemAnswer(
      'The trail ends before that index.',
      problemBody('position-ahead', details['position-ahead']),
    ),
    headers: endOfTrail,
  },
}

export const entriesOperation: Operation = {
  operationId: 'entries',
  ...inShell(
    `curl -i "$LOGOUT_TRAIL_URL/v1/entries?after=-1&limit=100" -H "Authorization: Bearer $READER_KEY"`,
  ),
  summary: 'Every entry of the trail, a page at a time',
  description:
    'Lossless: in the order of their index, which has no gap, and as they were recorded. Ask again with `next_after` as ' +
    '`after`, as often as you like: it is always where to go on, also when there was nothing new.',
  tags: ['Reading'],
  security: forReaders,
  parameters: [
    { ...afterParameter, description: 'Entries with a greater index; by default -1: from the first.' },
    {
      name: 'limit',
      in: 'query',
      required: false,
      description: 'At most so many; by default 50.',
      schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
    },
  ],
  responses: {
    200: {
      ...json(EntryPage, 'The entries that are there.', { items: [EXAMPLE_ENTRY], next_after: 42 }),
      headers: endOfTrail,
    },
    ...entryProblems,
  },
}

export const entryStreamOperation: Operation = {
  operationId: 'entryStream',
  ...inShell(
    `curl -i -N "$LOGOUT_TRAIL_URL/v1/entries/stream?after=-1" -H "Authorization: Bearer $READER_KEY"`,
  ),
  summary: 'Every entry of the trail, as it comes',
  description:
    'Server-Sent Events. First an event `position`, whose data is that of `Trail-Position` and whose id is where the ' +
    'stream begins; then an event `entry` for each entry: its id is `<epoch>/<index>`, its data the entry as JSON. Whoever ' +
    'connects again with the last id as `Last-Event-ID`, as browsers do by themselves, misses nothing and gets nothing ' +
    'twice.\n\n' +
    'A comment comes every 15 s. Whoever is slow gets what it missed at its own pace; whoever takes nothing from one ' +
    'comment to the next is cut off, and may connect again. The stream ends when the service stops, and when the right ' +
    'to read ends.',
  tags: ['Reading'],
  security: forReaders,
  parameters: [
    {
      ...afterParameter,
      description:
        'Entries with a greater index, -1: from the first; by default those that come from now on.',
    },
    {
      name: 'Last-Event-ID',
      in: 'header',
      required: false,
      description: 'The id of the last event; it wins over `after`.',
      schema: { type: 'string' },
    },
  ],
  responses: {
    200: {
      description: 'The stream.',
      content: {
        'text/event-stream': {
          schema: { type: 'string' },
          example:
            'retry: 2000\nid: 0/41\nevent: position\ndata: 0/41\n\n' +
            `id: 0/42\nevent: entry\ndata: ${JSON.stringify(EXAMPLE_ENTRY)}\n\n: heartbeat\n\n`,
        },
      },
      headers: endOfTrail,
    },
    ...entryProblems,
    429: problemAnswer(
      'Too many follow, or ten wrong credentials came from this address; `Retry-After` says when to try again.',
      problemBody('rate-limited', details['streams-full']),
    ),
    503: problemAnswer(
      'The service is stopping, or Clerk’s keys cannot be had.',
      problemBody('not-ready', details.stopping),
    ),
  },
}

export const livezOperation: Operation = {
  operationId: 'livez',
  ...inShell(`curl -i "$LOGOUT_TRAIL_URL/livez"`),
  summary: 'Is the process alive?',
  description: 'Looks at nothing else. Restart the service when this fails.',
  tags: ['Operations'],
  responses: { 200: json(Alive, 'It is.', { status: 'alive' }) },
}

export const readyzOperation: Operation = {
  operationId: 'readyz',
  ...inShell(`curl -i "$LOGOUT_TRAIL_URL/readyz"`),
  summary: 'Can logouts be verified and recorded now?',
  description:
    'Makes a write durable and looks whether there are keys to verify with. The answer is kept for a second. ' +
    'Send no traffic while this fails; logouts that come all the same are answered, with what `Logout-Record` promises.',
  tags: ['Operations'],
  responses: {
    200: json(Ready, 'They can.', { status: 'ready' }),
    503: problemAnswer(
      'They cannot, and why.',
      problemBody('not-ready', 'keys: no key of Clerk could be fetched yet.'),
    ),
  },
}

export const metricsOperation: Operation = {
  operationId: 'metrics',
  ...inShell(`curl -i "$LOGOUT_TRAIL_URL/metrics" -H "Authorization: Bearer $READER_KEY"`),
  summary: 'Metrics for Prometheus',
  description: 'For a peer on loopback that is not a proxy, for readers, or for anyone with `METRICS=open`.',
  tags: ['Operations'],
  security: [{}, ...forReaders],
  responses: {
    200: {
      description: 'The metrics.',
      content: {
        'text/plain': {
          schema: { type: 'string' },
          example: 'logout_trail_logouts_total{record="durable"} 1027\n',
        },
      },
    },
    ...readerRefusals,
  },
}

export const openApiOperation: Operation = {
  operationId: 'openapi',
  ...inShell(`curl -i "$LOGOUT_TRAIL_URL/openapi.json"`),
  summary: 'This document',
  tags: ['Operations'],
  responses: {
    200: {
      description: 'OpenAPI 3.1.',
      content: { 'application/json': { schema: { type: 'object' }, example: { openapi: '3.1.0' } } },
    },
  },
}

export const docsOperation: Operation = {
  operationId: 'docs',
  ...inShell(`curl -i "$LOGOUT_TRAIL_URL/docs"`),
  summary: 'This document, to read',
  tags: ['Operations'],
  responses: {
    200: {
      description: 'A page that loads nothing from elsewhere.',
      content: { 'text/html': { schema: { type: 'string' }, example: '<!doctype html>…' } },
    },
  },
}

export const dashboardOperation: DescribeRouteOptions = {
  operationId: 'dashboard',
  summary: 'The dashboard',
  description:
    'A page without data: what it shows it reads with this API, as a reader. Its parts lie below `/dashboard/`.',
  tags: ['Operations'],
  responses: {
    200: {
      description: 'The page.',
      content: { 'text/html': { schema: { type: 'string' }, example: '<!doctype html>…' } },
    },
    503: problemAnswer('It was not built.', problemBody('not-ready', details['dashboard-missing'])),
  },
}
