/** What kind of device a session was used on: what Clerk states of it, else what its user agent looks like. */
import { getParser } from 'bowser'
import type { Entry } from '../trail/entry.ts'

/** The place in this list is what the views store: new ones come last. `other`: known, and none of these. */
export const devices = ['desktop', 'mobile', 'tablet', 'other'] as const
export type Device = (typeof devices)[number]

/**
 * A device and who says so: below `devices.length` Clerk, from there on a user agent. Of two the least counts, so that what Clerk
 * states comes first, and the order in which they come does not matter.
 */
export type DeviceFact = number

export function deviceOf(fact: DeviceFact | null): Device | null {
  return fact === null ? null : (devices[fact % devices.length] ?? null)
}

export function deviceFactOf({ device_type, user_agent }: Entry): DeviceFact | null {
  const stated = device_type === null ? null : statedBy(device_type)
  if (stated !== null) return devices.indexOf(stated)
  if (!user_agent && device_type === null) return null
  return devices.length + devices.indexOf(user_agent ? looksLike(user_agent) : 'other')
}

/** Clerk documents no list: it is the system’s or the device’s name (`Macintosh`, `iPhone`), or the kind itself. */
const WORDS: readonly [RegExp, Device][] = [
  [/ipad|tablet/i, 'tablet'],
  [/iphone|ipod|android|mobile|phone/i, 'mobile'],
  [/\bmac|windows|linux|x11|cros|desktop|laptop/i, 'desktop'],
]

function statedBy(word: string): Device | null {
  return WORDS.find(([pattern]) => pattern.test(word))?.[1] ?? null
}

/** People have a few thousand user agents between them; reading one takes a hundred times as long as finding it. */
const KEPT = 2000
const known = new Map<string, Device>()

function looksLike(userAgent: string): Device {
  const found = known.get(userAgent)
  if (found !== undefined) return found
  if (known.size >= KEPT) known.clear()
  const device = parsed(userAgent)
  known.set(userAgent, device)
  return device
}

/** `userAgent` is not empty: Bowser throws at that. */
function parsed(userAgent: string): Device {
  const platform = getParser(userAgent, true).getPlatformType(true)
  return devices.find((one) => one === platform) ?? 'other'
}
