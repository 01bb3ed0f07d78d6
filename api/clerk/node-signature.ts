/**
 * RS256 by Node's own `crypto.verify`, at once: less work in all than a job for Web Crypto's threads, which the
 * service's cores have better use for (docs/decisions/0007). Node alone; rung 1 does not know this file.
 */
import { Buffer } from 'node:buffer'
import { KeyObject, verify } from 'node:crypto'
import type { CryptoKey } from 'jose'
import type { Signed } from './signature.ts'

/** One for each key: making it costs more than a signature. */
const keyObjects = new WeakMap<CryptoKey, KeyObject>()

export function verifyWithNode(key: CryptoKey, { text, signature }: Signed): boolean {
  return verify('RSA-SHA256', Buffer.from(text, 'latin1'), keyObjectOf(key), signature)
}

function keyObjectOf(key: CryptoKey): KeyObject {
  const known = keyObjects.get(key)
  if (known) return known
  const made = KeyObject.from(key)
  keyObjects.set(key, made)
  return made
}
