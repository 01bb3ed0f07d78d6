/** Numbers and times as a person reads them. Day before month, 24 hours: nobody mistakes 3 November for 11 March. */

const LOCALE = 'en-GB'
const whole = new Intl.NumberFormat(LOCALE)

export function count(value: number): string {
  return whole.format(value)
}

/** Of a part that is there, never 0 %; of a part that is missing, never 100 %. */
export function percent(part: number, of: number): string {
  if (of === 0) return '–'
  const value = (part / of) * 100
  if (value > 0 && value < 1) return '< 1 %'
  if (value > 99 && value < 100) return '> 99 %'
  return `${Math.round(value)} %`
}

const units = [
  { ms: 86_400_000, name: 'd' },
  { ms: 3_600_000, name: 'h' },
  { ms: 60_000, name: 'min' },
  { ms: 1000, name: 's' },
] as const

/** Its two largest units: “3 h 12 min”. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${Number((ms / 1000).toFixed(1))} s`
  const at = units.findIndex((unit) => ms >= unit.ms)
  const [unit, smaller] = [units[at], units[at + 1]]
  if (!unit) return `${Math.round(ms)} ms`
  if (!smaller) return `${Math.floor(ms / unit.ms)} ${unit.name}`
  const large = Math.floor(ms / unit.ms)
  const small = Math.floor((ms % unit.ms) / smaller.ms)
  return small === 0 ? `${large} ${unit.name}` : `${large} ${unit.name} ${small} ${smaller.name}`
}

/** “3 min ago”. Clocks differ: what lies a little ahead is “just now”. */
export function ago(at: number, now: number): string {
  const ms = now - at
  if (ms < -60_000) return `in ${largest(-ms)}`
  return ms < 5000 ? 'just now' : `${largest(ms)} ago`
}

function largest(ms: number): string {
  const unit = units.find((one) => ms >= one.ms) ?? { ms: 1000, name: 's' }
  return `${Math.max(1, Math.floor(ms / unit.ms))} ${unit.name}`
}

const styles = {
  /** 25 Nov 2026, 14:03:09 */
  moment: {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  },
  /** 25 Nov, 14:03 */
  short: { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' },
  clock: { hour: '2-digit', minute: '2-digit', second: '2-digit' },
  hour: { hour: '2-digit', minute: '2-digit' },
  day: { day: 'numeric', month: 'short' },
  dayOfWeek: { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' },
  month: { month: 'short', year: 'numeric' },
} as const satisfies Record<string, Intl.DateTimeFormatOptions>

export type TimeStyle = keyof typeof styles

const made = new Map<string, Intl.DateTimeFormat>()

/** `at`: ms since 1970, or RFC 3339. */
export function time(at: number | string, zone: string, style: TimeStyle): string {
  const key = `${zone} ${style}`
  const format =
    made.get(key) ?? new Intl.DateTimeFormat(LOCALE, { timeZone: zone, hourCycle: 'h23', ...styles[style] })
  made.set(key, format)
  return format.format(typeof at === 'string' ? Date.parse(at) : at)
}

/** “UTC+1” as it is in force then; a name alone does not say whether it is summer time. */
export function offset(at: number, zone: string): string {
  const parts = new Intl.DateTimeFormat(LOCALE, {
    timeZone: zone,
    timeZoneName: 'shortOffset',
  }).formatToParts(at)
  const name = parts.find(({ type }) => type === 'timeZoneName')?.value ?? ''
  return name === 'GMT+0' ? 'UTC' : name.replace('GMT', 'UTC')
}

/** The first is written on the axis of a chart, the second in its table. */
export function bucketLabels(at: string, zone: string, bucket: string): [string, string] {
  switch (bucket) {
    case 'hour':
      return [time(at, zone, 'hour'), time(at, zone, 'short')]
    case 'week':
      return [time(at, zone, 'day'), `week of ${time(at, zone, 'dayOfWeek')}`]
    case 'month':
      return [time(at, zone, 'month'), time(at, zone, 'month')]
    default:
      return [time(at, zone, 'day'), time(at, zone, 'dayOfWeek')]
  }
}
