/** Statistics for a terminal: bars of plain text, 80 columns wide. */
import type { durationsJson, endsJson, overviewJson } from '../api/analytics-json.ts'
import type { BucketSize } from '../session-ends/calendar.ts'

export interface Stats {
  session_ends: ReturnType<typeof endsJson>
  durations: ReturnType<typeof durationsJson>
  overview: ReturnType<typeof overviewJson>
}

const COLUMNS = 80

export function statsText(stats: Stats): string {
  const { session_ends: ends, overview } = stats
  if (ends.total === 0) return nothingEnded(stats)
  return [
    `Session ends from ${dateOf(ends.from, ends.tz)} to ${lastDateOf(ends.to, ends.tz)}, ${ends.tz}`,
    '',
    ...endsLines(overview),
    '',
    ...overTime(ends),
    '',
    `By ${ends.by.join(' and ')}:`,
    ...bySeries(ends),
    '',
    ...durationLines(stats),
    ...standing(overview),
  ].join('\n')
}

function nothingEnded({ overview: { now } }: Stats): string {
  if (now.open === 0 && now.requested === 0)
    return [
      'No session ended in this time, and none is open: --from reaches further back.',
      'The first logout or webhook begins the records.',
    ].join('\n')
  return [
    'No session ended in this time: --from reaches further back.',
    `${counted(now.open, 'session is', 'sessions are')} open; ${counted(now.requested, 'logout', 'logouts')} wait for Clerk’s confirmation.`,
    'Clerk tells of ends by webhooks, and when it is asked: see Webhooks and',
    'The sweep in docs/OPERATE.md.',
  ].join('\n')
}

function endsLines({ ends, previous }: Stats['overview']): string[] {
  const unknown = ends.unknown > 0 ? `, ${number(ends.unknown)} unknown` : ''
  return [
    `${number(ends.total)} ended: ${number(ends.voluntary)} voluntary, ${number(ends.forced)} forced${unknown}.`,
    `In as long a time before: ${number(previous.total)}.`,
  ]
}

function overTime({ buckets, bucket, tz, series }: Stats['session_ends']): string[] {
  const label = labelOf(bucket, tz)
  const lines = buckets.map((start, at) => ({
    label: label(start),
    count: series.reduce((sum, { counts }) => sum + (counts[at] ?? 0), 0),
  }))
  const first = lines.findIndex(({ count }) => count > 0)
  // One line without a bar shows where it begins; many are noise.
  if (first <= 1) return barLines(lines)
  return [`Nothing ended before ${lines[first]?.label.trim()}.`, ...barLines(lines.slice(first))]
}

function bySeries({ series, by, total }: Stats['session_ends']): string[] {
  return barLines(
    series.map((one) => ({
      label: by.map((dimension) => one[dimension] ?? '–').join(', '),
      count: one.total,
      note: share(one.total, total),
    })),
  )
}

interface Line {
  label: string
  count: number
  note?: string
}

function width(texts: readonly string[]): number {
  return Math.max(0, ...texts.map((text) => text.length))
}

/** The longest bar is as long as there is room. */
function barLines(lines: readonly Line[]): string[] {
  const labels = width(lines.map(({ label }) => label))
  const counts = width(lines.map(({ count }) => number(count)))
  const notes = width(lines.map(({ note = '' }) => note))
  const room = COLUMNS - labels - counts - notes - (notes > 0 ? 6 : 4)
  const most = Math.max(1, ...lines.map(({ count }) => count))
  return lines.map(({ label, count, note }) =>
    [
      label.padEnd(labels),
      number(count).padStart(counts),
      ...(notes > 0 ? [(note ?? '').padStart(notes)] : []),
      barOf((count / most) * room),
    ]
      .join('  ')
      .trimEnd(),
  )
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** What there is any of can be seen. */
function barOf(length: number): string {
  if (length <= 0) return ''
  const eighths = Math.max(1, Math.round(length * 8))
  return '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '')
}

function durationLines({ durations: { sessions, ...found } }: Stats): string[] {
  if (sessions === 0) return []
  const [p50, p90, p99] = [found.p50_ms, found.p90_ms, found.p99_ms].map((ms) => lasted(ms ?? 0))
  return [
    `How long they lasted, of ${number(sessions)}:`,
    `half up to ${p50}, 90 % up to ${p90}, 99 % up to ${p99}.`,
    '',
  ]
}

function standing({ now, confirmation: { p50_ms, p90_ms }, coverage }: Stats['overview']): string[] {
  const confirmed =
    p50_ms === null || p90_ms === null
      ? []
      : [`Click to Clerk’s confirmation: half within ${lasted(p50_ms)}, 90 % within ${lasted(p90_ms)}.`]
  const waiting = `Logouts that Clerk has not confirmed: ${number(now.unconfirmed)}. Open sessions: ${number(now.open)}.`
  return [...confirmed, waiting, ...coverageLines(coverage)]
}

function coverageLines({ sessions, ended, unknown }: Stats['overview']['coverage']): string[] {
  if (sessions === 0) return ['No session that was seen to begin had to be over in this time.']
  return [
    `Of ${number(sessions)} that had to be over, ${number(ended)} have an end: ${share(ended, sessions)}.`,
    ...(unknown > 0
      ? [`Of ${number(unknown)} of these ends Clerk only says that it no longer has the session.`]
      : []),
  ]
}

function labelOf(bucket: BucketSize, tz: string): (at: string | null) => string {
  const time = new Intl.DateTimeFormat('en-GB', { timeZone: tz, hour: '2-digit', minute: '2-digit' })
  const weekday = new Intl.DateTimeFormat('en-GB', { timeZone: tz, weekday: 'short' })
  return (at) => {
    const [date, instant] = [dateOf(at, tz), Date.parse(at ?? '')]
    switch (bucket) {
      case 'hour':
        return `${date} ${time.format(instant)}`
      case 'day':
        return `${date} ${weekday.format(instant)}`
      case 'week':
        return `week of ${date}`
      case 'month':
        return date.slice(0, 7)
    }
  }
}

function dateOf(at: string | null, tz: string): string {
  return new Intl.DateTimeFormat('en-CA', { timeZone: tz, dateStyle: 'short' }).format(Date.parse(at ?? ''))
}

/** `to` is the first moment that is too late. */
function lastDateOf(to: string | null, tz: string): string {
  return dateOf(new Date(Date.parse(to ?? '') - 1).toISOString(), tz)
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const

/** In the two largest units: `2 h 10 min`. */
function lasted(ms: number): string {
  if (ms < 60_000) return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`
  const first = UNITS.findIndex(([, size]) => ms >= size)
  let rest = ms
  const parts = UNITS.slice(first, first + 2).map(([name, size]) => {
    const count = Math.floor(rest / size)
    rest -= count * size
    return count > 0 ? `${count} ${name}` : ''
  })
  return parts.join(' ').trimEnd()
}

function share(part: number, whole: number): string {
  return `${((part / whole) * 100).toFixed(1)} %`
}

function number(count: number): string {
  return count.toLocaleString('en')
}

function counted(count: number, one: string, many: string): string {
  return `${number(count)} ${count === 1 ? one : many}`
}
