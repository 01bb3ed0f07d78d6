/** What OpenAPI says of the service itself. */
import { Alive, Ready } from '../contract.ts'
import { details, problemBody } from '../problem.ts'
import { forReaders, inShell, json, problemAnswer, readerRefusals, type Operation } from './parts.ts'

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

export const dashboardOperation: Operation = {
  operationId: 'dashboard',
  ...inShell(`curl -i "$LOGOUT_TRAIL_URL/dashboard"`),
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
