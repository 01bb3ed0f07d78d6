import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { frontendApiOf } from './publishable-key.ts'

function keyFor(text: string, prefix = 'pk_test_'): string {
  return prefix + Buffer.from(text).toString('base64')
}

describe('frontendApiOf', () => {
  it('reads the host out of a publishable key', () => {
    assert.equal(frontendApiOf('pk_test_Y2xlcmsuZXhhbXBsZS5jb20k'), 'clerk.example.com')
    assert.equal(frontendApiOf('pk_live_Y2xlcmsuZXhhbXBsZS5jb20k'), 'clerk.example.com')
  })

  it('reads the host of a development instance', () => {
    assert.equal(
      frontendApiOf(keyFor('evident-lark-7.clerk.accounts.dev$')),
      'evident-lark-7.clerk.accounts.dev',
    )
  })

  it('reads a key with and without the padding of base64', () => {
    assert.equal(keyFor('clerk.example.co$'), 'pk_test_Y2xlcmsuZXhhbXBsZS5jbyQ=')
    assert.equal(frontendApiOf('pk_test_Y2xlcmsuZXhhbXBsZS5jbyQ='), 'clerk.example.co')
    assert.equal(frontendApiOf('pk_test_Y2xlcmsuZXhhbXBsZS5jbyQ'), 'clerk.example.co')
  })

  for (const [what, key] of Object.entries({
    'an empty text': '',
    'a secret key': keyFor('clerk.example.com$', 'sk_test_'),
    'another prefix': keyFor('clerk.example.com$', 'pk_prod_'),
    'a prefix alone': 'pk_test_',
    'a space in front': ` ${keyFor('clerk.example.com$')}`,
    'a newline at the end': `${keyFor('clerk.example.com$')}\n`,
    'no base64': 'pk_test_clerk.example.com$',
    'base64 of an impossible length': 'pk_test_Y2xlc',
    'a key that was cut off': 'pk_test_Y2xlcmsuZXhhbXBsZS5j',
    'a host without the final $': keyFor('clerk.example.com'),
    'two final $': keyFor('clerk.example.com$$'),
    'a $ within': keyFor('clerk$example.com$'),
    'no host': keyFor('$'),
    'a host without a dot': keyFor('localhost$'),
    'a host that ends in a dot': keyFor('clerk.example.com.$'),
    'a port': keyFor('clerk.example.com:8443$'),
    'a path': keyFor('clerk.example.com/evil$'),
    'a user': keyFor('evil@clerk.example.com$'),
    'a scheme': keyFor('https://clerk.example.com$'),
    'a newline in the host': keyFor('clerk.example.com\n$'),
    'a letter that is not ASCII': keyFor('clérk.example.com$'),
  })) {
    it(`refuses ${what}`, () => {
      assert.equal(frontendApiOf(key), null)
    })
  }
})
