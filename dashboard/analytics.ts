/** What the analytics routes answer. */

export interface SessionEnds {
  from: string
  to: string
  tz: string
  bucket: string
  /** The start of each, in RFC 3339. */
  buckets: string[]
  /** Largest total first; `counts` is as long as `buckets`. */
  series: { reason: string | null; counts: number[]; total: number }[]
  total: number
}

export interface Durations {
  sessions: number
  p50_ms: number | null
  p90_ms: number | null
  p99_ms: number | null
  histogram: { from_ms: number; to_ms: number; count: number }[]
}

export interface EndCounts {
  total: number
  /** Signed out by the user. */
  voluntary: number
  forced: number
  unknown: number
}

export interface Sources {
  last_logout_at: string | null
  last_webhook_at: string | null
  last_sweep_at: string | null
  records_behind: number
  webhooks_configured: boolean
  sweep_configured: boolean
  webhook_silence_ms: number
}

export interface Overview {
  now: { open: number; requested: number; unconfirmed: number }
  ends: EndCounts
  /** As long, before `from`. */
  previous: EndCounts
  confirmation: { sessions: number; p50_ms: number | null; p90_ms: number | null }
  coverage: { sessions: number; ended: number; unknown: number }
  intents: { intent: string | null; count: number }[]
  sources: Sources
}
