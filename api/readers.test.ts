import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readersOf } from './readers.ts'

const ALICE = 'a'.repeat(32)
const BOB = 'b'.repeat(40)

function request(headers: Record<string, string>): Request {
  return new Request('https://trail.example.com/metrics', { headers })
}

describe('a reader', () => {
  const readerOf = readersOf([
    { name: 'alice', secret: ALICE },
    { name: 'bob', secret: BOB },
  ])

  it('is named by its key', () => {
    assert.deepEqual(readerOf(request({ Authorization: `Bearer ${ALICE}` })), { name: 'alice' })
    assert.deepEqual(readerOf(request({ Authorization: `bearer ${BOB}` })), { name: 'bob' })
  })

  it('is nobody without a key, with a wrong one, or with a cookie', () => {
    assert.equal(readerOf(request({})), null)
    assert.equal(readerOf(request({ Authorization: `Bearer ${ALICE}x` })), null)
    assert.equal(readerOf(request({ Authorization: `Basic ${ALICE}` })), null)
    assert.equal(readerOf(request({ Cookie: `__session=${ALICE}; key=${ALICE}` })), null)
  })

  it('is nobody when there are no keys', () => {
    assert.equal(readersOf([])(request({ Authorization: 'Bearer ' })), null)
  })
})
