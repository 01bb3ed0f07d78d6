import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { barsOf, binOf, edges, spreadOf, valueOf, type Binned } from './bins.ts'

/** From a millisecond to a decade, as evenly in their logarithm as durations are. */
const durations = fc.oneof(
  fc.double({ min: 0, max: 26.5, noNaN: true }).map((power) => Math.floor(Math.exp(power))),
  fc.nat({ max: 300 }),
  fc.constantFrom(...edges.slice(0, -1)),
  fc.constantFrom(...edges.slice(1, -1)).map((edge) => edge - 1),
)

function binned(values: readonly number[]): Binned[] {
  const bins = new Map<number, number>()
  for (const value of values) bins.set(binOf(value), (bins.get(binOf(value)) ?? 0) + 1)
  return [...bins].map(([bin, sessions]) => ({ bin, sessions }))
}

/** By the nearest rank: that of a real value. */
function exact(values: readonly number[], share: number): number {
  const inOrder = values.toSorted((a, b) => a - b)
  return inOrder[Math.ceil(share * inOrder.length) - 1] ?? Number.NaN
}

describe('durations in bins', () => {
  it('give each percentile within 2 % of the exact one', () => {
    fc.assert(
      fc.property(
        fc.array(durations, { minLength: 1, maxLength: 300 }),
        fc.constantFrom(0.5, 0.9, 0.99, 0.001, 1),
        (values, share) => {
          const [found] = spreadOf(binned(values), [share]).percentiles
          const expected = exact(values, share)
          assert.ok(found !== null && found !== undefined)
          assert.ok(Math.abs(found - expected) <= 0.02 * expected, `${found} and not ${expected}`)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('are never more than 2 % below, and exact below 100 ms and at round edges', () => {
    for (let ms = 0; ms < 100; ms += 1) assert.equal(valueOf(binOf(ms)), ms)
    for (const edge of edges.slice(0, -1)) assert.equal(valueOf(binOf(edge)), edge)
    fc.assert(
      fc.property(durations, (ms) => {
        const value = valueOf(binOf(ms))
        return value <= ms && ms - value <= 0.02 * ms
      }),
      { numRuns: 5000 },
    )
  })

  it('give the exact histogram', () => {
    fc.assert(
      fc.property(fc.array(durations, { maxLength: 200 }), (values) => {
        const bars = barsOf(binned(values))
        for (const { from_ms, to_ms, count } of bars) {
          assert.equal(count, values.filter((ms) => ms >= from_ms && ms < to_ms).length)
        }
        assert.equal(
          bars.reduce((sum, { count }) => sum + count, 0),
          values.length,
        )
        assert.notEqual(bars.at(-1)?.count, 0)
      }),
      { numRuns: 500 },
    )
  })

  it('have at most 40 bars, and few bins', () => {
    assert.ok(edges.length - 1 <= 40)
    assert.ok(binOf(365 * 86_400_000) < 1200)
  })

  it('of nothing are nothing', () => {
    assert.deepEqual(spreadOf([], [0.5]), { sessions: 0, percentiles: [null] })
    assert.deepEqual(barsOf([]), [])
  })
})
