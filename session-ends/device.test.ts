import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { sessionEntry } from '../test/entries.ts'
import { deviceFactOf, deviceOf, devices } from './device.ts'
import { factsOf, join } from './facts.ts'

const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1'
const IPAD =
  'Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1'
const WINDOWS =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'

function deviceIn(device_type: string | null, user_agent: string | null) {
  return deviceOf(deviceFactOf(sessionEntry({ kind: 'session.created', device_type, user_agent })))
}

describe('the device of a session', () => {
  it('is what Clerk states, else what the user agent looks like', () => {
    for (const [stated, userAgent, device] of [
      ['desktop', null, 'desktop'],
      ['Macintosh', IPHONE, 'desktop'],
      ['iPhone', WINDOWS, 'mobile'],
      ['iPad', null, 'tablet'],
      ['toaster', IPAD, 'tablet'],
      ['toaster', null, 'other'],
      [null, IPHONE, 'mobile'],
      [null, IPAD, 'tablet'],
      [null, WINDOWS, 'desktop'],
      [null, 'curl/8.5.0', 'other'],
      [null, 'Googlebot/2.1 (+http://www.google.com/bot.html)', 'other'],
      [null, '', null],
      [null, null, null],
    ] as const)
      assert.equal(deviceIn(stated, userAgent), device, `${stated} ${userAgent}`)
  })

  it('is one of the list whatever the user agent', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }), (userAgent) => {
        const device = deviceIn(null, userAgent)
        assert.ok(device !== null && devices.includes(device))
      }),
    )
  })

  it('is the same in whatever order the entries come: what Clerk states counts before what is parsed', () => {
    const entry = (device_type: string | null, user_agent: string | null) =>
      factsOf(sessionEntry({ kind: 'session.created', device_type, user_agent }))
    const some = [entry(null, WINDOWS), entry('iPhone', null), entry(null, null), entry(null, 'curl/8.5.0')]
    fc.assert(
      fc.property(fc.shuffledSubarray(some, { minLength: some.length }), (order) => {
        assert.equal(deviceOf(order.reduce(join).device), 'mobile')
      }),
    )
  })
})
