/** Spans of time, as a person picks them and as the API is asked for them. */
import { addDays, dayOf, isDay, startOfDay } from './zones.ts'

export const presets = [
  { name: '24h', label: '24 h', bucket: 'hour' },
  { name: '7d', label: '7 days', bucket: 'day' },
  { name: '30d', label: '30 days', bucket: 'day' },
  { name: '90d', label: '90 days', bucket: 'day' },
  { name: '365d', label: '1 year', bucket: 'week' },
] as const

export const buckets = ['hour', 'day', 'week', 'month'] as const
export type Bucket = (typeof buckets)[number]

export interface Span {
  /** A day, or a moment in RFC 3339; the first that counts. */
  from: string
  /** The first that does not count any more. */
  to: string
  bucket: Bucket
}

interface Now {
  now: number
  zone: string
}

const HOUR_MS = 3_600_000

/** Null when the address names no span, or one that cannot be. */
export function spanOf(params: Readonly<Record<string, string>>, { now, zone }: Now): Span | null {
  const { range, from, until } = params
  if (from !== undefined || until !== undefined) return customSpan(from, until, { now, zone })
  const preset = presets.find(({ name }) => name === range)
  if (!preset) return null
  if (preset.name === '24h') {
    const end = Math.floor(now / HOUR_MS) * HOUR_MS + HOUR_MS
    const [start, to] = [end - 24 * HOUR_MS, end].map((at) => new Date(at).toISOString())
    return { from: start ?? '', to: to ?? '', bucket: 'hour' }
  }
  const today = dayOf(now, zone)
  const days = Number.parseInt(preset.name, 10)
  return { from: addDays(today, 1 - days), to: addDays(today, 1), bucket: preset.bucket }
}

const LONGEST_IN_HOURS = 3
const LONGEST_IN_DAYS = 180
const LONGEST_IN_WEEKS = 1100

function customSpan(from = '', until = '', { now, zone }: Now): Span | null {
  const last = until === '' ? dayOf(now, zone) : until
  const first = from === '' ? addDays(isDay(last) ? last : dayOf(now, zone), -29) : from
  if (!isDay(first) || !isDay(last) || first > last) return null
  const days = (Date.parse(last) - Date.parse(first)) / (24 * HOUR_MS) + 1
  return { from: first, to: addDays(last, 1), bucket: bucketFor(days) }
}

function bucketFor(days: number): Bucket {
  if (days <= LONGEST_IN_HOURS) return 'hour'
  if (days <= LONGEST_IN_DAYS) return 'day'
  return days <= LONGEST_IN_WEEKS ? 'week' : 'month'
}

/** `GET /v1/sessions` takes a bare day for one in UTC, so it is told moments. */
export function momentsOf({ from, to }: Span, zone: string): { from: string; to: string } {
  const moment = (text: string) => (isDay(text) ? new Date(startOfDay(text, zone)).toISOString() : text)
  return { from: moment(from), to: moment(to) }
}
