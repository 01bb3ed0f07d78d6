/** The guard of every route that reads: who is no reader gets a problem, and the route is not called. */
import type { Context, Handler } from 'hono'
import type { DescribeRouteOptions } from 'hono-openapi'
import { TrailError } from '../trail/error.ts'
import { documented } from './openapi.ts'
import { problem } from './problem.ts'
import type { Reader, ReaderOf, RefusedReader } from './readers.ts'

export interface GuardDeps {
  readerOf: ReaderOf
  /** Whom wrong credentials are counted for; null when that cannot be told. */
  networkOf: (c: Context) => string | null
  onRefused: (code: RefusedReader['code']) => void
  /** What was asked for cannot be read (an error), or could (null). */
  onUnreadable: (error: TrailError | null) => void
}

/** A documented handler for readers only. Nothing that it answers may be kept by a cache. */
export type ForReaders = (
  operation: DescribeRouteOptions,
  answer: (c: Context, reader: Reader) => Response | Promise<Response>,
) => Handler

export function readerGuard({ readerOf, networkOf, onRefused, onUnreadable }: GuardDeps): ForReaders {
  return (operation, answer) =>
    documented(operation, async (c) => {
      const verdict = await readerOf(c.req.raw, networkOf(c) ?? 'unknown')
      if (verdict.is === 'refused') {
        onRefused(verdict.code)
        return refusal(verdict)
      }
      const { name, until } = verdict
      try {
        const response = await answer(c, { name, until })
        response.headers.set('Cache-Control', 'no-store')
        onUnreadable(null)
        return response
      } catch (error) {
        if (!(error instanceof TrailError)) throw error
        onUnreadable(error)
        return problem('not-ready', UNREADABLE, { 'Retry-After': '1' })
      }
    })
}

const UNREADABLE = 'It cannot be read now, or too many read at once; ask again in a moment.'

function refusal({ code, detail, retryAfterSeconds }: RefusedReader): Response {
  return problem(code, detail, {
    ...(code === 'unauthorized' && { 'WWW-Authenticate': 'Bearer' }),
    ...(retryAfterSeconds !== undefined && { 'Retry-After': String(retryAfterSeconds) }),
  })
}
