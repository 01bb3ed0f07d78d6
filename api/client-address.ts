/** The address that a request came from, as much of it as the policy keeps. */
import ipaddr from 'ipaddr.js'

export const ipPolicies = ['truncate', 'full', 'drop'] as const
/** `truncate` keeps the network: /24 of IPv4, /48 of IPv6. */
export type IpPolicy = (typeof ipPolicies)[number]

export type AddressRange = readonly [ipaddr.IPv4 | ipaddr.IPv6, number]

export interface AddressRules {
  /** Proxies whose `X-Forwarded-For` is believed. */
  trustedProxies: readonly AddressRange[]
  policy: IpPolicy
}

/** Reads `10.0.0.0/8`, `::1`, …; null when it is neither an address nor a range. */
export function parseRange(text: string): AddressRange | null {
  const [network = '', bits, ...more] = text.split('/')
  const address = parse(network)
  if (!address || more.length > 0) return null
  if (bits === undefined) return [address, address.kind() === 'ipv4' ? 32 : 128]
  return ipaddr.isValidCIDR(text) ? ipaddr.parseCIDR(text) : null
}

/**
 * The client is the rightmost forwarded address that is not a trusted proxy; without trusted proxies it is the peer.
 * Null when that cannot be told, or when the policy drops it.
 */
export function clientAddress(
  peer: string | undefined,
  forwardedFor: string | null,
  { trustedProxies, policy }: AddressRules,
): string | null {
  if (policy === 'drop' || peer === undefined) return null
  const client = clientOf(parse(peer), forwardedFor, trustedProxies)
  return client && kept(client, policy)
}

/**
 * Whose requests are counted together, whatever the policy keeps: an IPv4 address, or a /64 of IPv6, the least that a
 * customer of a provider has. It is the peer's when a trusted proxy forwards no address; null without a peer.
 */
export function clientNetwork(
  peer: string | undefined,
  forwardedFor: string | null,
  trustedProxies: readonly AddressRange[],
): string | null {
  const socket = peer === undefined ? null : parse(peer)
  const client = clientOf(socket, forwardedFor, trustedProxies) ?? socket
  return client && firstBytes(client, { ipv4: 4, ipv6: 8 })
}

/** Of an address that somebody trusted states; null for what is none. */
export function keptAddress(stated: string | null, policy: IpPolicy): string | null {
  if (policy === 'drop' || stated === null) return null
  const address = parse(stated)
  return address && kept(address, policy)
}

function kept(address: Address, policy: 'truncate' | 'full'): string {
  return policy === 'full' ? address.toString() : firstBytes(address, { ipv4: 3, ipv6: 6 })
}

export function isLoopback(peer: string | undefined): boolean {
  return peer !== undefined && parse(peer)?.range() === 'loopback'
}

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** A chain of more hops than this is not one of proxies that we know. */
const HOP_LIMIT = 32

function clientOf(
  peer: Address | null,
  forwardedFor: string | null,
  trusted: readonly AddressRange[],
): Address | null {
  let client = peer
  let rest = forwardedFor ?? ''
  for (let hops = 0; client && rest !== '' && isTrusted(client, trusted); hops += 1) {
    if (hops === HOP_LIMIT) return null
    const comma = rest.lastIndexOf(',')
    client = parse(rest.slice(comma + 1).trim())
    rest = rest.slice(0, Math.max(comma, 0))
  }
  return client
}

function isTrusted(address: Address, trusted: readonly AddressRange[]): boolean {
  return trusted.some(([range, bits]) => address.kind() === range.kind() && address.match(range, bits))
}

/** IPv4 written inside IPv6 (`::ffff:192.0.2.1`) is IPv4. Some proxies forward the port too. */
function parse(text: string): Address | null {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text)
  if (ipaddr.IPv6.isValid(text)) return ipaddr.process(text)
  const [, v6, v4] = /^(?:\[([^[\]]+)\](?::\d{1,5})?|([\d.]+):\d{1,5})$/.exec(text) ?? []
  const address = v6 ?? v4
  return address === undefined ? null : parse(address)
}

/** The address with so many bytes of it; the others are 0. */
function firstBytes(address: Address, counts: Record<'ipv4' | 'ipv6', number>): string {
  const bytes = address.toByteArray()
  const kept = counts[address.kind()]
  return ipaddr.fromByteArray(bytes.map((byte, at) => (at < kept ? byte : 0))).toString()
}
