const BAR = 30

/** A bar on standard error for people; programs see nothing. */
export function progress(what: string): (done: number, of: number) => void {
  let shown = -1
  return (done, of) => {
    const percent = of === 0 ? 100 : Math.min(100, Math.floor((done / of) * 100))
    if (!process.stderr.isTTY || percent === shown) return
    shown = percent
    const full = '█'.repeat(Math.round((percent / 100) * BAR)).padEnd(BAR, '░')
    process.stderr.write(`\r${full} ${percent} % of ${of} ${what}${done >= of ? '\n' : ''}`)
  }
}
