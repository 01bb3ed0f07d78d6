/** Says when something starts to fail and when it works again, not each time in between. */
export interface Saying<What extends unknown[]> {
  failed: (...what: What) => void
  worked: () => void
  /** For what strangers can bring about: after it was said it is not said again for this long. */
  restMs?: number
  /** ms since 1970. */
  now?: () => number
}

export function saidOnce<What extends unknown[]>({
  failed,
  worked,
  restMs = 0,
  now = Date.now,
}: Saying<What>) {
  let failing = false
  let saidAt = -Infinity
  return {
    failed: (...what: What) => {
      if (failing || now() - saidAt < restMs) return
      failed(...what)
      saidAt = now()
      failing = true
    },
    worked: () => {
      if (failing) worked()
      failing = false
    },
  }
}
