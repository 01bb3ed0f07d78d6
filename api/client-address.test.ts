import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  clientAddress,
  clientNetwork,
  isLoopback,
  parseRange,
  type AddressRange,
  type IpPolicy,
} from './client-address.ts'

function rules(policy: IpPolicy, ...ranges: string[]) {
  return { policy, trustedProxies: ranges.map((range) => parseRange(range) as AddressRange) }
}

describe('the address of the client', () => {
  it('is the peer when no proxy is trusted, whatever is forwarded', () => {
    assert.equal(clientAddress('203.0.113.7', '198.51.100.1', rules('full')), '203.0.113.7')
  })

  it('is known from a proxy that forwards the port too', () => {
    for (const [forwarded, address] of [
      ['198.51.100.1:4711', '198.51.100.1'],
      ['[2001:db8::1]:4711', '2001:db8::1'],
      ['[2001:db8::1]', '2001:db8::1'],
      ['198.51.100.1:', null],
      ['[198.51.100.1', null],
      ['2001:db8::1]:4711', null],
    ] as const) {
      assert.equal(clientAddress('10.0.0.1', forwarded, rules('full', '10.0.0.0/8')), address, forwarded)
    }
  })

  it('is the rightmost forwarded address that is not a trusted proxy', () => {
    const forwarded = '1.1.1.1, 198.51.100.1, 10.0.0.2'

    assert.equal(clientAddress('10.0.0.1', forwarded, rules('full', '10.0.0.0/8')), '198.51.100.1')
  })

  it('is the peer when a stranger forwards', () => {
    assert.equal(clientAddress('203.0.113.7', '198.51.100.1', rules('full', '10.0.0.0/8')), '203.0.113.7')
  })

  it('is the last of the chain when every hop is trusted', () => {
    assert.equal(clientAddress('10.0.0.1', '10.0.0.3, 10.0.0.2', rules('full', '10.0.0.0/8')), '10.0.0.3')
  })

  it('is unknown when a trusted proxy forwards something that is no address', () => {
    assert.equal(clientAddress('10.0.0.1', 'unknown', rules('full', '10.0.0.1')), null)
    assert.equal(clientAddress('10.0.0.1', '1.1.1.1, 127.1', rules('full', '10.0.0.1')), null)
  })

  it('is unknown after more hops than anybody has, and quickly so for 30 kB of them', () => {
    const forwarded = Array.from({ length: 3000 }, () => '10.0.0.9').join(', ')

    assert.equal(clientAddress('10.0.0.1', forwarded, rules('full', '10.0.0.0/8')), null)
  })

  it('is IPv4 when IPv4 is written inside IPv6', () => {
    assert.equal(clientAddress('::ffff:203.0.113.7', null, rules('full')), '203.0.113.7')
    assert.equal(
      clientAddress('::ffff:10.0.0.1', '198.51.100.1', rules('full', '10.0.0.0/8')),
      '198.51.100.1',
    )
  })

  it('is its network under truncate: /24 of IPv4, /48 of IPv6', () => {
    assert.equal(clientAddress('203.0.113.77', null, rules('truncate')), '203.0.113.0')
    assert.equal(clientAddress('2001:db8:1:2:3:4:5:6', null, rules('truncate')), '2001:db8:1::')
  })

  it('is nothing under drop, and without a peer', () => {
    assert.equal(clientAddress('203.0.113.77', null, rules('drop')), null)
    assert.equal(clientAddress(undefined, null, rules('full')), null)
  })
})

describe('the network of the client', () => {
  const { trustedProxies } = rules('full', '10.0.0.0/8', '2001:db8:ffff::/48')

  it('is the whole address of IPv4, also when it is written inside IPv6', () => {
    assert.equal(clientNetwork('203.0.113.77', null, []), '203.0.113.77')
    assert.equal(clientNetwork('::ffff:203.0.113.77', null, []), '203.0.113.77')
  })

  it('is the /64 of IPv6', () => {
    assert.equal(clientNetwork('2001:db8:1:2:3:4:5:6', null, []), '2001:db8:1:2::')
    assert.equal(clientNetwork('2001:db8:1:3:3:4:5:6', null, []), '2001:db8:1:3::')
  })

  it('is that of the client behind trusted proxies, and of the peer when a stranger forwards', () => {
    const forwarded = '1.1.1.1, 198.51.100.1, 10.0.0.2'
    assert.equal(clientNetwork('10.0.0.1', forwarded, trustedProxies), '198.51.100.1')
    assert.equal(clientNetwork('2001:db8:ffff::1', '2001:db8:1:2:3::', trustedProxies), '2001:db8:1:2::')
    assert.equal(clientNetwork('203.0.113.7', forwarded, trustedProxies), '203.0.113.7')
  })

  it('is that of a trusted proxy which forwards something that is no address', () => {
    assert.equal(clientNetwork('10.0.0.1', 'unknown', trustedProxies), '10.0.0.1')
  })

  it('is unknown without a peer', () => {
    assert.equal(clientNetwork(undefined, '198.51.100.1', trustedProxies), null)
  })
})

describe('parseRange', () => {
  it('reads addresses and ranges, and nothing else', () => {
    for (const text of ['10.0.0.0/8', '::1', '192.0.2.1', '2001:db8::/32'])
      assert.notEqual(parseRange(text), null)
    for (const text of ['', 'localhost', '10.0.0.0/33', '10.0.0.0/8/8', 'any', '10', '10/8', '0x7f.1'])
      assert.equal(parseRange(text), null)
  })
})

describe('isLoopback', () => {
  it('is true for loopback alone', () => {
    for (const peer of ['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'])
      assert.equal(isLoopback(peer), true)
    for (const peer of ['10.0.0.1', '0.0.0.0', 'localhost', undefined]) assert.equal(isLoopback(peer), false)
  })
})
