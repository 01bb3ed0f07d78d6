import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, it } from 'node:test'
import { publicPemOf, strangerKey, testClerk, TOKEN_TIME } from '../../test/clerk-instance.ts'
import { pemKeys, type KeySource } from './keys.ts'
import { verifySessionToken } from './session-token.ts'

const clerk = testClerk()

/** What a look-up came to: how many keys, or why none. */
async function lookup(source: KeySource, kid: string): Promise<string> {
  const found = await source.keysFor(kid)
  return typeof found === 'string' ? found : `${found.length} key`
}

async function verdict(keys: KeySource, token: string) {
  const rules = { issuer: clerk.issuer, authorizedParties: [], expiredTokenMaxAgeMs: 0 }
  const caller = await verifySessionToken(token, { ...rules, keys, now: () => TOKEN_TIME })
  return caller.is === 'verified' ? caller.tokenState : caller.refused
}

describe('pemKeys', () => {
  it('verifies with the one key, whatever kid a token names', async () => {
    const keys = pemKeys([clerk.publicPem])
    assert.equal(await verdict(keys, clerk.token()), 'valid')
    assert.equal(await verdict(keys, clerk.token({}, { kid: 'ins_other' })), 'valid')
    assert.equal(await verdict(keys, clerk.token({}, { kid: undefined })), 'valid')
  })

  it('verifies with either of two keys, as while Clerk’s key rotates', async () => {
    const next = testClerk()
    const keys = pemKeys([clerk.publicPem, next.publicPem])
    assert.equal(await verdict(keys, clerk.token()), 'valid')
    assert.equal(await verdict(keys, next.token()), 'valid')
    assert.equal(await verdict(keys, testClerk().token()), 'bad-signature')
  })

  it('is ready when the keys are imported, and answers a look-up that comes before', async () => {
    const keys = pemKeys([clerk.publicPem])
    assert.equal(keys.ready(), false)
    assert.equal(await lookup(keys, 'ins_any'), '1 key')
    assert.equal(keys.ready(), true)
    assert.ok(Array.isArray(keys.keysFor('ins_any')))
  })

  const { publicKey: elliptic } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { privateKey: short } = generateKeyPairSync('rsa', { modulusLength: 1024 })
  for (const [what, pems, told] of [
    ['broken', ['-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----'], /./],
    ['no PEM', ['junk'], /"spki" must be SPKI formatted string/],
    ['for ES256', [elliptic.export({ type: 'spki', format: 'pem' })], /./],
    ['of 1024 bits', [publicPemOf(short)], /at least 2048 bits; this one has 1024/],
    ['broken, beside a good one', [publicPemOf(strangerKey()), 'junk'], /./],
  ] as const) {
    it(`is unavailable, and tells, when a key is ${what}`, async (t) => {
      const failures: unknown[] = []
      const keys = pemKeys(pems, (error) => failures.push(error))
      // Nobody has looked for a key yet: the failure is told all the same, and is no unhandled rejection.
      await t.waitFor(() => assert.equal(failures.length, 1), { interval: 1, timeout: 5000 })

      assert.equal(await lookup(keys, clerk.kid), 'unavailable')
      assert.equal(await verdict(keys, clerk.token()), 'key-unavailable')
      assert.equal(keys.ready(), false)
      assert.equal(failures.length, 1)
      assert.match(String(failures[0]), told)
    })
  }

  it('needs nobody to tell', async () => {
    assert.equal(await lookup(pemKeys(['junk']), clerk.kid), 'unavailable')
  })
})
