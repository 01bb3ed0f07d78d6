import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readLogout } from './logout-request.ts'

function read(url: string, headers: Record<string, string> = {}) {
  return readLogout(
    new Request(`https://api.example.com/v1/auth/session${url}`, { method: 'DELETE', headers }),
    0,
  )
}

describe('the intent of a logout', () => {
  for (const intent of ['user', 'idle', 'switch-account', 'security']) {
    it(`is ${intent} when the query says so`, () => {
      assert.equal(read(`?intent=${intent}`).intent, intent)
      assert.equal(read(`?intent=${intent}`).unknownIntent, false)
    })
  }

  it('is none when the query says nothing', () => {
    assert.equal(read('').intent, null)
    assert.equal(read('?x=1').intent, null)
    assert.equal(read('').unknownIntent, false)
  })

  it('is none, and counted, for another value', () => {
    for (const query of [
      '?intent=',
      '?intent=User',
      '?intent=__proto__',
      '?intent=%00',
      `?intent=${'a'.repeat(9000)}`,
    ]) {
      assert.equal(read(query).intent, null)
      assert.equal(read(query).unknownIntent, true)
    }
  })
})

describe('the trace id', () => {
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
  const parent = '00f067aa0ba902b7'

  it('comes from a valid traceparent', () => {
    assert.equal(read('', { traceparent: `00-${trace}-${parent}-01` }).traceId, trace)
  })

  it('comes from a later version with more fields', () => {
    assert.equal(read('', { traceparent: `cc-${trace}-${parent}-01-what-the-future-brings` }).traceId, trace)
  })

  const invalid = {
    'no header': '',
    'version ff': `ff-${trace}-${parent}-01`,
    'a trace id of zeros': `00-${'0'.repeat(32)}-${parent}-01`,
    'a parent id of zeros': `00-${trace}-${'0'.repeat(16)}-01`,
    'capital letters': `00-${trace.toUpperCase()}-${parent}-01`,
    'more fields in version 00': `00-${trace}-${parent}-01-more`,
    'too few digits': `00-${trace.slice(1)}-${parent}-01`,
    'something else': 'hello',
  }
  for (const [name, traceparent] of Object.entries(invalid)) {
    it(`is none for ${name}`, () => {
      assert.equal(read('', { traceparent }).traceId, null)
    })
  }
})

describe('the request id', () => {
  it('is 32 hexadecimal digits, new each time', () => {
    const ids = Array.from({ length: 100 }, () => read('').requestId)

    assert.equal(new Set(ids).size, 100)
    for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/)
  })
})
