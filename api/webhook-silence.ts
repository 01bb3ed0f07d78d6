/** Logouts come in, and no webhook of Clerk: the endpoint, its secret or its events are probably wrong. */
import type { Figures } from '../session-ends/views-reader.ts'

export interface SilenceOptions {
  hours: number
  /** ms since 1970: of a silence before it nothing is known, because perhaps no webhooks were wanted. */
  since: number
  /** ms since 1970. */
  now: () => number
  /** Told once, when logouts have come in for `hours`. */
  onSilence: (hours: number) => void
  /** Told once, when a webhook came after all. */
  onHeard: () => void
}

const HOUR_MS = 3_600_000

/** The last logout may still be followed by its webhook: Svix tries again after 5 s and after 5 min. */
const GRACE_MS = 600_000

/**
 * Looks at each new state of the records. A quiet night is no silence: what counts is from the first logout without a webhook to
 * the last.
 */
export function webhookSilence({ hours, since, now, onSilence, onHeard }: SilenceOptions) {
  let told = false
  let unanswered: Figures['unanswered'] = null
  let silentFrom: number | null = null
  const lastsMs = () => (unanswered ? Math.max(0, unanswered.last - Math.max(unanswered.first, since)) : 0)
  return {
    lastsMs,
    look: (figures: Figures): void => {
      unanswered = figures.unanswered
      silentFrom = lastsMs() >= hours * HOUR_MS ? (silentFrom ?? now()) : null
      const silent = silentFrom !== null && now() - silentFrom >= GRACE_MS
      if (silent && !told) onSilence(hours)
      if (told && unanswered === null) onHeard()
      told = silent || (told && unanswered !== null)
    },
  }
}
