/** Counts wrong credentials by the address they come from, so that nobody goes on guessing. */

/**
 * Ten in a minute: a person who pastes the wrong key a few times, or a scraper that asks every 15 s with an old one,
 * is not shut out; who is, is let in again within a minute and needs nobody for it. A guesser has 14,400 tries a day
 * for each address, against secrets of at least 32 characters.
 */
const ATTEMPTS = 10
const WINDOW_MS = 60_000

/**
 * A few megabytes at most, whoever calls. Who commands more addresses than this pushes out the oldest and gets more
 * tries; no table of one service stops that.
 */
export const ADDRESSES = 10_000

interface Window {
  failures: number
  endsAt: number
}

export class FailedAttempts {
  /** In the order in which they began: the first is the oldest, and ends first. In memory only, never written down. */
  readonly #windows = new Map<string, Window>()
  readonly #elapsedMs: () => number

  /** `elapsedMs`: ms on a clock that never jumps. */
  constructor(elapsedMs: () => number = () => performance.now()) {
    this.#elapsedMs = elapsedMs
  }

  /** For how many ms nothing from this address is looked at; 0: it is looked at. */
  refusedForMs(address: string): number {
    const window = this.#current(address)
    return window && window.failures >= ATTEMPTS ? window.endsAt - this.#elapsedMs() : 0
  }

  add(address: string): void {
    const window = this.#current(address)
    if (window) window.failures += 1
    else this.#begin(address)
  }

  #current(address: string): Window | undefined {
    const window = this.#windows.get(address)
    return window && window.endsAt > this.#elapsedMs() ? window : undefined
  }

  #begin(address: string): void {
    // Removed first, so that an address that comes again stands last.
    this.#windows.delete(address)
    const [oldest] = this.#windows.keys()
    if (oldest !== undefined && this.#windows.size >= ADDRESSES) this.#windows.delete(oldest)
    this.#windows.set(address, { failures: 1, endsAt: this.#elapsedMs() + WINDOW_MS })
  }
}
