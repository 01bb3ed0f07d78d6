/**
 * A preload (`NODE_OPTIONS=--import …`) for a process under test: its clock is ahead of the real one by the milliseconds that the
 * file of `CLOCK_AHEAD_FILE` holds, which may change at any time. Timers and the monotonic clock stay as they are.
 */
import { readFileSync } from 'node:fs'

const RealDate = Date
const READ_AGAIN_AFTER_MS = 2

let aheadMs = 0
let readAt = -Infinity

function now(): number {
  const at = performance.now()
  if (at - readAt > READ_AGAIN_AFTER_MS) {
    readAt = at
    aheadMs = Number(readFileSync(process.env['CLOCK_AHEAD_FILE'] ?? '', 'utf8'))
  }
  return RealDate.now() + aheadMs
}

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args: [] | [number]) => new target(args[0] ?? now()),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
})
