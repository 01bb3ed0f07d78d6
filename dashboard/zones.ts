/** Days and moments in a named time zone (IANA). A day is written 2026-11-01. */

const formats = new Map<string, Intl.DateTimeFormat>()

function wallFormat(zone: string): Intl.DateTimeFormat {
  const made =
    formats.get(zone) ??
    new Intl.DateTimeFormat('en-CA', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    })
  formats.set(zone, made)
  return made
}

/** As the service has it: a name, and no offset. */
const NAME = /^[A-Za-z][\w+-]*(\/[A-Za-z][\w+-]*)*$/

export function isZone(name: string): boolean {
  if (!NAME.test(name)) return false
  try {
    return wallFormat(name) instanceof Intl.DateTimeFormat
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

/** The zone of this browser. */
export function ownZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone
}

export function zoneNames(): string[] {
  return Intl.supportedValuesOf('timeZone')
}

/** What the clocks there show, as ms since 1970 of a clock in UTC. */
function wallMs(at: number, zone: string): number {
  const parts = Object.fromEntries(
    wallFormat(zone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  )
  const { year, month, day, hour, minute, second } = parts
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
}

export function dayOf(at: number, zone: string): string {
  return new Date(wallMs(at, zone)).toISOString().slice(0, 10)
}

export function isDay(text: string): boolean {
  const at = Date.parse(`${text}T00:00:00Z`)
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(at) && new Date(at).toISOString().startsWith(text)
}

export function addDays(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10)
}

const DAY_MS = 86_400_000

const MINUTE_MS = 60_000

/** The first moment of a day there: midnight, or later where clocks skip it. Offsets are of whole minutes. */
export function startOfDay(day: string, zone: string): number {
  const midnight = Date.parse(`${day}T00:00:00Z`)
  // No clock is further than this from UTC.
  let [before, within] = [midnight - 16 * 60 * MINUTE_MS, midnight + 16 * 60 * MINUTE_MS]
  while (within - before > MINUTE_MS) {
    const middle = before + Math.floor((within - before) / MINUTE_MS / 2) * MINUTE_MS
    if (dayOf(middle, zone) < day) before = middle
    else within = middle
  }
  return within
}
