/** What OpenAPI says of what is told to the service: logouts, and Clerk’s webhooks. */
import { LogoutAnswer, LogoutIntent } from '../contract.ts'
import type { LogoutRecord } from '../logout-event.ts'
import { details, problemBody } from '../problem.ts'
import { inShell, json, problemAnswer, type Operation } from './parts.ts'

function logoutRecordHeader(values: readonly LogoutRecord[], description: string) {
  return { 'Logout-Record': { description, schema: { type: 'string' as const, enum: [...values] } } }
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
