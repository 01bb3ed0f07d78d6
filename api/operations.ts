/** The operations, as OpenAPI describes them. */
import type { DescribeRouteOptions } from 'hono-openapi'
import { resolver } from 'hono-openapi'
import type { z } from 'zod'
import { Alive, EntryPage, LogoutAnswer, LogoutIntent, Problem, Ready, SessionDetail } from './contract.ts'
import type { LogoutRecord } from './logout-event.ts'
import { details, problemBody } from './problem.ts'

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

const anyRecord = logoutRecordHeader(
  ['durable', 'duplicate', 'logged', 'anonymous'],
  '`durable`: recorded in the trail, on disk. `duplicate`: this token’s logout already was. `logged`: only the log ' +
    'is sure; sending it again is safe. `anonymous`: nobody was proved, nothing is recorded.',
)

export const logoutOperation: DescribeRouteOptions = {
  operationId: 'logout',
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

export const clerkWebhookOperation: DescribeRouteOptions = {
  operationId: 'clerkWebhook',
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

export const sessionOperation: DescribeRouteOptions = {
  operationId: 'session',
  summary: 'One session: how it ended, and who says so',
  tags: ['Reading'],
  security: [{ readerKey: [] }],
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
      ...json(SessionDetail, 'The record, and its entries.', {
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
        entries: [],
      }),
      headers: {
        'Trail-Position': {
          description: '`<epoch>/<index>`: up to which entry the records know the trail.',
          schema: { type: 'string' as const },
        },
      },
    },
    401: problemAnswer('No reader key.', problemBody('unauthorized', details.unauthorized)),
    404: problemAnswer(
      'Nothing is known of it.',
      problemBody('not-found', 'No entry of the trail is about this session.'),
    ),
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

const entryProblems = {
  400: problemAnswer(
    'A parameter that there is not (`unknown-filter`), or a value that is none (`invalid-request`).',
    problemBody('invalid-request', 'after: must be a whole number from -1 to 9007199254740991.'),
  ),
  401: problemAnswer('No reader key.', problemBody('unauthorized', details.unauthorized)),
  409: {
    ...problemAnswer(
      'The trail ends before that index.',
      problemBody('position-ahead', details['position-ahead']),
    ),
    headers: endOfTrail,
  },
}

export const entriesOperation: DescribeRouteOptions = {
  operationId: 'entries',
  summary: 'Every entry of the trail, a page at a time',
  description:
    'Lossless: in the order of their index, which has no gap, and as they were recorded. Ask again with `next_after` as ' +
    '`after`, as often as you like: it is always where to go on, also when there was nothing new.',
  tags: ['Reading'],
  security: [{ readerKey: [] }],
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

export const entryStreamOperation: DescribeRouteOptions = {
  operationId: 'entryStream',
  summary: 'Every entry of the trail, as it comes',
  description:
    'Server-Sent Events. First an event `position`, whose data is that of `Trail-Position` and whose id is where the ' +
    'stream begins; then an event `entry` for each entry: its id is the index, its data the entry as JSON. Whoever ' +
    'connects again with the last id as `Last-Event-ID`, as browsers do by themselves, misses nothing and gets nothing ' +
    'twice.\n\n' +
    'A comment comes every 15 s. Whoever is slow gets what it missed at its own pace; whoever takes nothing from one ' +
    'comment to the next is cut off, and may connect again. The stream ends when the service stops, and when the right ' +
    'to read ends.',
  tags: ['Reading'],
  security: [{ readerKey: [] }],
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
      description: 'As `after`, and wins over it.',
      schema: { type: 'integer', minimum: -1 },
    },
  ],
  responses: {
    200: {
      description: 'The stream.',
      content: {
        'text/event-stream': {
          schema: { type: 'string' },
          example:
            'retry: 2000\nid: 41\nevent: position\ndata: 0/41\n\n' +
            `id: 42\nevent: entry\ndata: ${JSON.stringify(EXAMPLE_ENTRY)}\n\n: heartbeat\n\n`,
        },
      },
      headers: endOfTrail,
    },
    ...entryProblems,
    429: problemAnswer(
      'Too many follow; `Retry-After` says when to try again.',
      problemBody('rate-limited', details['streams-full']),
    ),
    503: problemAnswer('The service is stopping.', problemBody('not-ready', details.stopping)),
  },
}

export const livezOperation: DescribeRouteOptions = {
  operationId: 'livez',
  summary: 'Is the process alive?',
  description: 'Looks at nothing else. Restart the service when this fails.',
  tags: ['Operations'],
  responses: { 200: json(Alive, 'It is.', { status: 'alive' }) },
}

export const readyzOperation: DescribeRouteOptions = {
  operationId: 'readyz',
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

export const metricsOperation: DescribeRouteOptions = {
  operationId: 'metrics',
  summary: 'Metrics for Prometheus',
  description:
    'For a peer on loopback that is not a proxy, for a reader key, or for anyone with `METRICS=open`.',
  tags: ['Operations'],
  security: [{}, { readerKey: [] }],
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
    401: problemAnswer(
      'No reader key, and not from loopback.',
      problemBody('unauthorized', details.unauthorized),
    ),
  },
}

export const openApiOperation: DescribeRouteOptions = {
  operationId: 'openapi',
  summary: 'This document',
  tags: ['Operations'],
  responses: {
    200: {
      description: 'OpenAPI 3.1.',
      content: { 'application/json': { schema: { type: 'object' }, example: { openapi: '3.1.0' } } },
    },
  },
}

export const docsOperation: DescribeRouteOptions = {
  operationId: 'docs',
  summary: 'This document, to read',
  tags: ['Operations'],
  responses: {
    200: {
      description: 'A page that loads nothing from elsewhere.',
      content: { 'text/html': { schema: { type: 'string' }, example: '<!doctype html>…' } },
    },
  },
}
