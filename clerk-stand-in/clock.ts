/** The stand-in's own clock: as far from the real one as it was told to be. */
export interface Clock {
  /** ms since 1970. */
  now: () => number
  /** Lets time pass. */
  advance: (ms: number) => void
  /** How far it is from the real clock, in ms. */
  aheadMs: () => number
}

export function newClock(real: () => number): Clock {
  let aheadMs = 0
  return {
    now: () => real() + aheadMs,
    advance: (ms) => (aheadMs += ms),
    aheadMs: () => aheadMs,
  }
}
