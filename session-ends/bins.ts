/**
 * Durations in bins, so that a percentile is read from a few hundred counts and not from every session. Bins grow by 2 %, and no edge
 * that people read falls into one: a histogram of these edges is exact.
 */

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000

/** The last moment that a date can hold, which no duration exceeds. */
const LONGEST_MS = 8_640_000_000_000_000

/** Of the bars of a histogram, ms. */
export const edges = [
  0,
  ...[1, 2, 5, 10, 15, 20, 30, 45].map((minutes) => minutes * MINUTE_MS),
  ...[1, 1.5, 2, 3, 4, 5, 6, 8, 10, 12, 18].map((hours) => hours * HOUR_MS),
  ...[1, 2, 3, 4, 5, 6, 7, 10, 14, 21, 30, 60, 90, 180, 365].map((days) => days * DAY_MS),
  LONGEST_MS,
]

const GROWTH = 1.02

/** Where each bin begins; below 100 ms each number has its own. */
const begins = beginsOf()

function beginsOf(): number[] {
  const found = [0]
  const roundEdges = edges.slice(1)
  for (let at = 1; at < LONGEST_MS;) {
    found.push(at)
    const next = Math.max(at + 1, Math.floor(at * GROWTH))
    const edge = roundEdges[0] ?? LONGEST_MS
    at = Math.min(next, edge)
    if (at === edge) roundEdges.shift()
  }
  return found
}

/** The bin that this many ms fall into. */
export function binOf(ms: number): number {
  let [low, high] = [0, begins.length]
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if ((begins[middle] ?? Infinity) <= ms) low = middle
    else high = middle
  }
  return low
}

/** What is said of all in a bin: its beginning, at most 2 % too little. So a lifetime that Clerk was set to, as 7 days, is exact. */
export function valueOf(bin: number): number {
  return begins[bin] ?? 0
}

/** How many there are in a bin. */
export interface Binned {
  bin: number
  sessions: number
}

export interface Spread {
  sessions: number
  /** ms; null when there are none. The least value that so many percent do not exceed, within 2 %. */
  percentiles: (number | null)[]
}

/** `shares`: between 0 and 1, as 0.5 for the median. */
export function spreadOf(bins: readonly Binned[], shares: readonly number[]): Spread {
  const inOrder = bins.toSorted((a, b) => a.bin - b.bin)
  const sessions = inOrder.reduce((sum, bin) => sum + bin.sessions, 0)
  return { sessions, percentiles: shares.map((share) => valueAt(inOrder, Math.ceil(share * sessions))) }
}

function valueAt(inOrder: readonly Binned[], rank: number): number | null {
  let passed = 0
  for (const { bin, sessions } of inOrder) {
    passed += sessions
    if (passed >= rank) return valueOf(bin)
  }
  return null
}

export interface Bar {
  from_ms: number
  to_ms: number
  count: number
}

/** Up to the last bar that has any. */
export function barsOf(bins: readonly Binned[]): Bar[] {
  const bars = edges.slice(1).map((to_ms, at): Bar => ({ from_ms: edges[at] ?? 0, to_ms, count: 0 }))
  for (const { bin, sessions } of bins) {
    const bar = bars.find(({ to_ms }) => valueOf(bin) < to_ms)
    if (bar) bar.count += sessions
  }
  return bars.slice(0, bars.findLastIndex(({ count }) => count > 0) + 1)
}
