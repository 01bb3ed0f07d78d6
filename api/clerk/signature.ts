/** RS256 (RFC 7518 §3.3), by Web Crypto: it is wherever rung 1 runs. */
import type { CryptoKey } from 'jose'

/** What is signed, and the signature over it. */
export interface Signed {
  /** Header and payload as they came, not as they are understood: base64url and one dot, so ASCII. */
  text: string
  signature: Uint8Array<ArrayBuffer>
}

/** Only keys imported for RS256 get here, and `alg` has been checked. */
export type VerifySignature = (key: CryptoKey, signed: Signed) => boolean | Promise<boolean>

const encoder = new TextEncoder()

/** Web Crypto itself: jose's `compactVerify` reads the header once more, and more strictly than Clerk does. */
export function verifyWithWebCrypto(key: CryptoKey, { text, signature }: Signed): Promise<boolean> {
  return crypto.subtle.verify('RSASSA-PKCS1-v1_5', key, signature, encoder.encode(text))
}
