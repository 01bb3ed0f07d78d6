/** Errors that a client can see: problem details (RFC 9457) with a stable code. */

/** The codes and their HTTP status; a closed list. */
export const problemStatus = {
  'not-found': 404,
  'method-not-allowed': 405,
  unauthorized: 401,
  forbidden: 403,
  'invalid-request': 400,
  'unknown-filter': 400,
  'invalid-cursor': 400,
  'position-ahead': 409,
  'body-too-large': 413,
  'rate-limited': 429,
  'webhook-signature-invalid': 400,
  'webhook-timestamp-stale': 400,
  'webhook-body-invalid': 400,
  'webhooks-not-configured': 503,
  'webhook-not-recorded': 503,
  'logout-not-recorded': 503,
  'not-ready': 503,
  internal: 500,
} as const
export type ProblemCode = keyof typeof problemStatus

const titles: Record<ProblemCode, string> = {
  'not-found': 'Not found',
  'method-not-allowed': 'Method not allowed',
  unauthorized: 'Unauthorized',
  forbidden: 'Forbidden',
  'invalid-request': 'The request is not valid',
  'unknown-filter': 'There is no such filter',
  'invalid-cursor': 'The cursor is not valid',
  'position-ahead': 'The trail ends before that',
  'body-too-large': 'Body too large',
  'rate-limited': 'Too many requests',
  'webhook-signature-invalid': 'The signature is not Clerk’s',
  'webhook-timestamp-stale': 'The webhook is too old or too new',
  'webhook-body-invalid': 'The body is not that of a webhook',
  'webhooks-not-configured': 'Webhooks are not configured',
  'webhook-not-recorded': 'The webhook was not recorded',
  'logout-not-recorded': 'The logout was not recorded',
  'not-ready': 'Not ready',
  internal: 'Internal error',
}

/** What two places say of these: the answer, and its example in the contract. */
export const details = {
  'logout-not-recorded': 'Clerk still ends the session. Send this request again to have it recorded.',
  'body-too-large': 'A webhook has at most 256 kB.',
  'webhooks-not-configured': 'Set CLERK_WEBHOOK_SIGNING_SECRET: nothing is accepted unsigned.',
  'webhook-not-recorded': 'The trail could not confirm it. Svix sends it again by itself.',
  'position-ahead':
    'Trail-Position says where the trail ends. A restored backup has a higher epoch, and gives indexes out again: when the ' +
    'epoch rose, read from the first entry again; else go on from an index that you were given.',
  'streams-full': 'As many follow as may at a time: connect again later.',
  'dashboard-missing': 'The dashboard was not built: `npm run build` makes it; then restart the service.',
  stopping: 'The service is stopping: connect again.',
} as const

export function problemBody(code: ProblemCode, detail: string) {
  return { type: 'about:blank', title: titles[code], status: problemStatus[code], detail, code }
}

/** `detail` is a sentence or two that say what to do; it never holds a value that a caller sent. */
export function problem(code: ProblemCode, detail: string, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(problemBody(code, detail)), {
    status: problemStatus[code],
    headers: { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store', ...headers },
  })
}
