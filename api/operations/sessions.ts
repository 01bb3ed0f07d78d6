/** What OpenAPI says of session records. */
import { SessionDetail, SessionPage } from '../contract.ts'
import { exportFormats } from '../export-text.ts'
import { problemBody } from '../problem.ts'
import {
  filterParameters,
  forReaders,
  inShell,
  json,
  positionHeader,
  problemAnswer,
  queryParameter,
  readerRefusals,
  type Operation,
} from './parts.ts'

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
