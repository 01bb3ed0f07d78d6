/** The guard of every route that reads: who is no reader gets a problem, and the route is not called. */
import type { Context, Handler } from 'hono'
import type { DescribeRouteOptions } from 'hono-openapi'
import { documented } from './openapi.ts'
import { problem } from './problem.ts'
import type { Reader, ReaderOf, RefusedReader } from './readers.ts'

export interface GuardDeps {
  readerOf: ReaderOf
  /** Whom wrong credentials are counted for; null when that cannot be told. */
  networkOf: (c: Context) => string | null
  onRefused: (code: RefusedReader['code']) => void
}

/** A documented handler for readers only. Nothing that it answers may be kept by a cache. */
export type ForReaders = (
  operation: DescribeRouteOptions,
  answer: (c: Context, reader: Reader) => Response | Promise<Response>,
) => Handler

export function readerGuard({ readerOf, networkOf, onRefused }: GuardDeps): ForReaders {
  return (operation, answer) =>
    documented(operation, async (c) => {
      const verdict = await readerOf(c.req.raw, networkOf(c) ?? 'unknown')
      if (verdict.is === 'refused') {
        onRefused(verdict.code)
        return refusal(verdict)
      }
      const { name, until } = verdict
      const response = await answer(c, { name, until })
      response.headers.set('Cache-Control', 'no-store')
      return response
    })
}

function refusal({ code, detail, retryAfterSeconds }: RefusedReader): Response {
  return problem(code, detail, {
    ...(code === 'unauthorized' && { 'WWW-Authenticate': 'Bearer' }),
    ...(retryAfterSeconds !== undefined && { 'Retry-After': String(retryAfterSeconds) }),
  })
}
