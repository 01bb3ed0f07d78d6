/** GET /v1/analytics/…: session ends over time, durations, and how things stand; counted, and never session by session. */
import type { Dimension } from '../../session-ends/outcome.ts'
import type { Sources } from '../analytics-json.ts'
import {
  durationsParameters,
  endsParameters,
  spanOf,
  spanParameters,
  tooManyBuckets,
} from '../analytics-query.ts'
import { isRefused, queryOf, refuse } from '../query.ts'
import { answered } from '../read-answer.ts'
import type { Reads } from '../reads.ts'

export interface AnalyticsDeps {
  reading: Pick<Reads, 'sessionEnds' | 'durations' | 'overview'>
  sources: () => Sources
  /** ms since 1970. */
  now: () => number
}

const BY: readonly Dimension[] = ['reason']

export function sessionEndsWith({ reading, now }: AnalyticsDeps) {
  return async function sessionEnds({ url }: Request): Promise<Response> {
    const given = queryOf(url, endsParameters)
    if (isRefused(given)) return refuse(given)
    const { bucket = 'day', by = BY, ...rest } = given
    const span = spanOf(rest, now())
    if (isRefused(span)) return refuse(span)
    const { position, json } = await reading.sessionEnds({ ...span, bucket, by })
    return json === null ? refuse(tooManyBuckets) : answered(position, json)
  }
}

export function durationsWith({ reading, now }: AnalyticsDeps) {
  return async function durations({ url }: Request): Promise<Response> {
    const given = queryOf(url, durationsParameters)
    if (isRefused(given)) return refuse(given)
    const { reason, ...rest } = given
    const span = spanOf(rest, now())
    if (isRefused(span)) return refuse(span)
    const { position, json } = await reading.durations({ ...span, reason })
    return answered(position, json)
  }
}

export function overviewWith({ reading, now, sources }: AnalyticsDeps) {
  return async function overview({ url }: Request): Promise<Response> {
    const given = queryOf(url, spanParameters)
    if (isRefused(given)) return refuse(given)
    const span = spanOf(given, now())
    if (isRefused(span)) return refuse(span)
    const { position, json } = await reading.overview({ ...span, now: now(), sources: sources() })
    return answered(position, json)
  }
}
