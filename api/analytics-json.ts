/** Analytics as JSON: times are RFC 3339 in UTC with milliseconds. */
import type { Overview, Series, Span } from '../session-ends/analytics.ts'
import { barsOf, spreadOf, type Binned } from '../session-ends/bins.ts'
import type { BucketSize } from '../session-ends/calendar.ts'
import type { Dimension } from '../session-ends/outcome.ts'
import { rfc3339 } from './session-json.ts'

export interface Asked extends Span {
  tz: string
}

export interface AskedEnds extends Asked {
  bucket: BucketSize
  by: readonly Dimension[]
}

/** What the running service knows and its records do not; without it these keys are left out. */
export interface Sources {
  webhooks_configured: boolean
  sweep_configured: boolean
  /** When a round of the sweep last ended, since the start: ms since 1970. */
  swept_at: number | null
  /** For how long logouts came in without a webhook. */
  webhook_silence_ms: number
}

export function endsJson(
  asked: AskedEnds,
  { starts, series }: { starts: readonly number[]; series: readonly Series[] },
) {
  const { bucket, by } = asked
  return {
    ...spanJson(asked),
    bucket,
    by,
    buckets: starts.map(rfc3339),
    series: series.map((one) => seriesJson(one, by)),
    total: series.reduce((sum, { total }) => sum + total, 0),
  }
}

type SeriesJson = Partial<Record<Dimension, string | null>> & Pick<Series, 'counts' | 'total'>

function seriesJson({ is, counts, total }: Series, by: readonly Dimension[]): SeriesJson {
  const common = Object.fromEntries(by.map((dimension, at) => [dimension, is[at] ?? null]))
  return { ...common, counts, total }
}

export function durationsJson(asked: Asked, bins: readonly Binned[]) {
  const { sessions, percentiles } = spreadOf(bins, [0.5, 0.9, 0.99])
  const [p50_ms = null, p90_ms = null, p99_ms = null] = percentiles
  return { ...spanJson(asked), sessions, p50_ms, p90_ms, p99_ms, histogram: barsOf(bins) }
}

export function overviewJson(
  asked: Asked,
  { confirmations, heard, ...counted }: Overview,
  { swept_at = null, ...sources }: Partial<Sources> & { records_behind: number },
) {
  const { now, ends, previous, coverage, intents } = counted
  const { sessions, percentiles } = spreadOf(confirmations, [0.5, 0.9])
  const [p50_ms = null, p90_ms = null] = percentiles
  return {
    ...spanJson(asked),
    now,
    ends,
    previous,
    confirmation: { sessions, p50_ms, p90_ms },
    coverage,
    intents,
    sources: {
      last_logout_at: rfc3339(heard.api),
      last_webhook_at: rfc3339(heard.webhook),
      last_sweep_at: rfc3339(swept_at ?? heard.sweep),
      ...sources,
    },
  }
}

function spanJson({ from, to, tz }: Asked) {
  return { from: rfc3339(from), to: rfc3339(to), tz }
}
