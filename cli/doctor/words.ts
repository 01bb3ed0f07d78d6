/** Numbers, sizes and times as people say them. */

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}

const UNITS = [
  [1e12, 'TB'],
  [1e9, 'GB'],
  [1e6, 'MB'],
  [1e3, 'kB'],
] as const

export function size(bytes: number): string {
  const [unit, name] = UNITS.find(([least]) => bytes >= least) ?? [1, 'B']
  return `${unit === 1 ? bytes : (bytes / unit).toFixed(1)} ${name}`
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

export function duration(ms: number): string {
  if (ms < MINUTE_MS) return counted(Math.floor(ms / 1000), 'second')
  if (ms < HOUR_MS) return counted(Math.floor(ms / MINUTE_MS), 'minute')
  if (ms < 2 * DAY_MS) return counted(Math.floor(ms / HOUR_MS), 'hour')
  return counted(Math.floor(ms / DAY_MS), 'day')
}

/** `2026-11-23T12:00:00Z (3 minutes ago)`; of another clock it may be ahead. */
export function moment(at: number, now: number): string {
  const exact = new Date(at).toISOString().replace(/\.\d+Z$/, 'Z')
  return `${exact} (${duration(Math.max(0, now - at))} ago)`
}
