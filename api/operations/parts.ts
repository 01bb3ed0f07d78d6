/** What the descriptions of several operations share. */
import { resolver, type DescribeRouteOptions } from 'hono-openapi'
import type { z } from 'zod'
import { confidences, initiators, reasons, states } from '../../session-ends/record.ts'
import { Problem } from '../contract.ts'
import { problemBody } from '../problem.ts'
import { readRefusals } from '../readers.ts'

export interface CodeSample {
  lang: 'Shell'
  source: string
}

/** With a command that can be run as it stands: `x-codeSamples`, as documentation tools have it. */
export type Operation = DescribeRouteOptions & { 'x-codeSamples': CodeSample[] }

export function inShell(source: string): Pick<Operation, 'x-codeSamples'> {
  return { 'x-codeSamples': [{ lang: 'Shell', source }] }
}

export type Responses = NonNullable<DescribeRouteOptions['responses']>
export type Described = Responses[string]

export function json(schema: z.ZodType, description: string, example: unknown): Described {
  return { description, content: { 'application/json': { schema: resolver(schema), example } } }
}

export function problemAnswer(description: string, example: unknown): Described {
  return { description, content: { 'application/problem+json': { schema: resolver(Problem), example } } }
}

/** The `security` of what readers may call: either of the two. */
export const forReaders: NonNullable<DescribeRouteOptions['security']> = [
  { readerKey: [] },
  { clerkSession: [] },
]

/** Among the `responses` of what readers may call. */
export const readerRefusals: Responses = {
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

export function refusalBody(why: keyof typeof readRefusals) {
  const { code, detail } = readRefusals[why]
  return problemBody(code, detail)
}

export const positionHeader = {
  'Trail-Position': {
    description:
      '`<epoch>/<index>`: up to which entry the records know the trail; index -1 before the first.',
    schema: { type: 'string' as const },
  },
}

export interface QuerySchema {
  type: 'string' | 'integer'
  enum?: string[]
}

export function queryParameter(name: string, description: string, schema: QuerySchema = { type: 'string' }) {
  return { name, in: 'query' as const, required: false, description, schema }
}

export const filterParameters = [
  queryParameter('state', 'How it stands.', { type: 'string', enum: [...states] }),
  queryParameter('user_id', 'Of this user.'),
  queryParameter('session_id', 'This session.'),
  queryParameter('org_id', 'Of this organisation.'),
  queryParameter('reason', 'Why it ended.', { type: 'string', enum: [...reasons] }),
  queryParameter('initiator', 'Who ended it.', { type: 'string', enum: [...initiators] }),
  queryParameter('confidence', 'How sure the end is.', { type: 'string', enum: [...confidences] }),
  queryParameter(
    'from',
    'When it ended (at the latest, where only bounds are known), else was asked to, else began: at this time or later. RFC 3339 with its zone, or a day, which begins at midnight UTC.',
  ),
  queryParameter('to', 'The same, before this time.'),
  queryParameter('q', 'The whole id of a session, a user or an organisation.'),
]
