/** Logouts come in, and no webhook of Clerk: the endpoint, its secret or its events are probably wrong. */
import type { Figures } from '../session-ends/views-reader.ts'

export interface SilenceOptions {
  hours: number
  /** ms since 1970. */
  now: () => number
  /** Told once, when it has lasted for `hours`. */
  onSilence: (hours: number) => void
  /** Told once, when a webhook came after all. */
  onHeard: () => void
}

const HOUR_MS = 3_600_000

/** Looks at each new state of the records. */
export function webhookSilence({ hours, now, onSilence, onHeard }: SilenceOptions) {
  let told = false
  let silentSince: number | null = null
  const lastsMs = () => (silentSince === null ? 0 : Math.max(0, now() - silentSince))
  return {
    lastsMs,
    look: (figures: Figures): void => {
      silentSince = figures.silentSince
      const silent = lastsMs() >= hours * HOUR_MS
      if (silent && !told) onSilence(hours)
      if (told && silentSince === null) onHeard()
      told = silent || (told && silentSince !== null)
    },
  }
}
