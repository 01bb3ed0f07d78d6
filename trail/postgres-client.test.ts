import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addressFor, whyNotConnected } from './postgres-client.ts'

const VERIFIED = 'postgres://me@db/trail?sslmode=verify-full'

describe('the address that pg is given', () => {
  const addresses: [given: string, address: string][] = [
    ['postgres://me:?sslmode@db/trail', 'postgres://me:?sslmode@db/trail'],
    ['postgres://me@db/trail?sslmode=disable', 'postgres://me@db/trail?sslmode=disable'],
    ['postgres://me@db/trail?sslmode=no-verify', 'postgres://me@db/trail?sslmode=no-verify'],
    ['postgres://me@db/trail?sslmode=prefer', VERIFIED],
    ['postgres://me@db/trail?sslmode=require', VERIFIED],
    ['postgres://me@db/trail?sslmode=verify-ca', VERIFIED],
    [VERIFIED, VERIFIED],
    ['postgres://me@db/trail?sslmode=require&sslrootcert=/a/b.pem', `${VERIFIED}&sslrootcert=/a/b.pem`],
    ['postgres://me@db/trail?sslrootcert=system', VERIFIED],
    ['postgres://me@db/trail?sslmode=verify-full&sslrootcert=system', `${VERIFIED}&sslmode=verify-full`],
    [
      'postgres://me@db/trail?uselibpqcompat=true&sslmode=require',
      'postgres://me@db/trail?uselibpqcompat=true&sslmode=require',
    ],
  ]
  for (const [given, address] of addresses) {
    it(`of ${given} is ${address}`, () => {
      assert.equal(addressFor(given), address)
    })
  }
})

describe('why a connection does not stand', () => {
  const said = (code: string, message: string) => whyNotConnected(Object.assign(new Error(message), { code }))

  it('is known of certificates, with what to do', () => {
    assert.match(
      said('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain') ?? '',
      /^self-signed certificate in certificate chain; .*sslmode=verify-full&sslrootcert=\/path\/to\/ca\.pem/,
    )
    assert.match(
      said('CERT_NOT_YET_VALID', 'certificate is not yet valid') ?? '',
      /; .* clock of this machine/,
    )
  })

  it('is not known of what is no matter of connecting', () => {
    assert.equal(said('23505', 'duplicate key'), null)
    assert.equal(said('ECONNREFUSED', 'connect ECONNREFUSED'), null)
  })
})
