/** Says when something starts to fail and when it works again, not each time in between. */
export function saidOnce<What extends unknown[]>(say: {
  failed: (...what: What) => void
  worked: () => void
}) {
  let failing = false
  return {
    failed: (...what: What) => {
      if (!failing) say.failed(...what)
      failing = true
    },
    worked: () => {
      if (failing) say.worked()
      failing = false
    },
  }
}
