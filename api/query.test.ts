import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { isRefused, queryOf, wholeNumber } from './query.ts'

const known = { after: wholeNumber({ least: -1, most: 100 }), limit: wholeNumber({ least: 1, most: 5 }) }

const read = (query: string) => queryOf(`http://localhost/v1/entries${query}`, known)

function refusal(query: string): string {
  const read = queryOf(`http://localhost/v1/entries${query}`, known)
  assert.ok(isRefused(read), query)
  return `${read.refused}: ${read.detail}`
}

describe('a query', () => {
  it('has the values that are given', () => {
    assert.deepEqual(read(''), {})
    assert.deepEqual(read('?after=-1'), { after: -1 })
    assert.deepEqual(read('?limit=5&after=100'), { limit: 5, after: 100 })
  })

  it('is refused for a name that is not known, with those that are', () => {
    const answer = 'unknown-filter: There is no “befor” here; there are after, limit.'
    assert.equal(refusal('?befor=1'), answer)
    assert.match(refusal('?toString=1'), /^unknown-filter: There is no “toString” here/)
    assert.match(refusal('?__proto__=1'), /^unknown-filter/)
  })

  it('does not repeat what is hardly a name', () => {
    for (const name of ['%3Cscript%3E', 'a'.repeat(65), '%0Ax', '']) {
      const answer = 'unknown-filter: There is no parameter of that name here; there are after, limit.'
      assert.equal(refusal(`?${name}=1`), answer)
    }
  })

  it('is refused for a value that stands twice', () => {
    assert.equal(refusal('?after=1&after=1'), 'invalid-request: after is given twice; give it once.')
  })

  it('is refused for a number in any other writing, with what is accepted', () => {
    assert.equal(
      refusal('?after='),
      'invalid-request: after is empty; it must be a whole number from -1 to 100.',
    )
    for (const text of ['1.5', '01', '+1', '1e1', '0x1', '%201', '1%20', '-0', 'NaN', '-2', '101', '１']) {
      const answer = 'invalid-request: after must be a whole number from -1 to 100.'
      assert.equal(refusal(`?after=${text}`), answer, text)
    }
  })
})

describe('a whole number', () => {
  it('is read back as it was written, up to the last that is exact', () => {
    const index = wholeNumber({ least: -1, most: Number.MAX_SAFE_INTEGER })
    fc.assert(
      fc.property(fc.bigInt({ min: -5n, max: 2n ** 60n }), (value) => {
        const wanted = value >= -1n && value < 2n ** 53n ? Number(value) : undefined
        assert.equal(index.parse(String(value)), wanted)
      }),
    )
    assert.equal(index.parse('9007199254740991'), 9007199254740991)
    assert.equal(index.parse('9007199254740992'), undefined)
    assert.equal(index.parse('9007199254740993'), undefined)
  })
})
