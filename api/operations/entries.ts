/** What OpenAPI says of the entries of the trail. */
import { EntryPage } from '../contract.ts'
import { details, problemBody } from '../problem.ts'
import {
  forReaders,
  inShell,
  json,
  problemAnswer,
  readerRefusals,
  type Operation,
  type Responses,
} from './parts.ts'

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
