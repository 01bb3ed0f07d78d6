/**
 * The package `pg`, for the trail and for the session records: what it is given of DATABASE_URL, and why a connection did
 * not stand. No message holds the password.
 */
import { readFileSync } from 'node:fs'
import { messageOf, TrailError } from './error.ts'

/** `pg` is an optional peer: whoever keeps everything in files need not install it. */
export function withoutPg(cause: unknown): never {
  const message = 'The package "pg" is missing, which DATABASE_URL=postgres://… needs; run `npm install pg`.'
  throw new TrailError('trail-unavailable', message, { cause })
}

/**
 * The address with the `sslmode` that it means.
 *
 * Every mode that asks for TLS verifies the server in `pg` 8 as `verify-full` does, which says so in a warning; in `pg` 9 some
 * will verify less. Here they stay what they are. `sslrootcert=system` is libpq's word for the CAs that Node knows anyway.
 * Whoever writes `uselibpqcompat=true` or `sslmode=no-verify` asks for less, and gets it.
 */
export function addressFor(url: string): string {
  const at = url.indexOf('?')
  const query = url.slice(at)
  if (at < 0 || /[?&]uselibpqcompat=true(?=[&#]|$)/.test(query)) return url
  const verified = query
    .replace(/([?&])sslrootcert=system(?=[&#]|$)/, '$1sslmode=verify-full')
    .replaceAll(/([?&])sslmode=(?:prefer|require|verify-ca)(?=[&#]|$)/g, '$1sslmode=verify-full')
  return url.slice(0, at) + verified
}

/** What `pg` made nothing of: it reads the files that the address names while it reads the address, and says the same of both. */
export function unusableAddress(url: string): TrailError {
  const why = unreadableFileOf(url) ?? 'DATABASE_URL is not an address that PostgreSQL’s client understands.'
  // Without the cause: it holds the whole URL, and the password in it.
  return new TrailError('trail-unavailable', why)
}

function unreadableFileOf(url: string): string | null {
  const parameters = URL.parse(url)?.searchParams
  for (const name of ['sslrootcert', 'sslcert', 'sslkey']) {
    const path = parameters?.get(name)
    if (!path) continue
    try {
      readFileSync(path)
    } catch (error) {
      return `The file of ${name}= in DATABASE_URL cannot be read (${messageOf(error)}).`
    }
  }
  return null
}

const UNKNOWN_CA =
  'name the certificate of the CA behind it in DATABASE_URL, as `?sslmode=verify-full&sslrootcert=/path/to/ca.pem`'
const UNTIMELY = 'renew it on the server, or set the clock of this machine'
const TLS_IS_WANTED = 'the server wants TLS: add `?sslmode=verify-full` to DATABASE_URL'

/**
 * What to do, by SQLSTATE and by Node's codes of certificates
 * (https://nodejs.org/docs/latest-v26.x/api/tls.html#x509-certificate-error-codes).
 */
const remedies: Record<string, string | ((said: string) => string)> = {
  '28P01': 'check the user and the password of DATABASE_URL',
  '28000': (said) =>
    said.includes('no encryption') ? TLS_IS_WANTED : 'check DATABASE_URL, and pg_hba.conf of the server',
  '3D000': 'create it, or name another in DATABASE_URL',
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_CA,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_CA,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_CA,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_CA,
  // Of a CA with the same name, and another key.
  CERT_SIGNATURE_FAILURE: UNKNOWN_CA,
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'it is signed by itself: name a copy of it in DATABASE_URL, as `?sslmode=verify-full&sslrootcert=/path/to/server.pem`',
  ERR_TLS_CERT_ALTNAME_INVALID: 'let DATABASE_URL name the host as the certificate does',
  CERT_HAS_EXPIRED: UNTIMELY,
  CERT_NOT_YET_VALID: UNTIMELY,
}

/** Node's own advice, for whoever has installed the CA on the machine. */
const USE_SYSTEM_CA = /; if the root CA is installed locally.*$/

/** Of `pg`, which gives it no code. */
const NO_TLS = 'The server does not support SSL connections'

/** What the server, Node or `pg` said, and what to do; null: the connection stood, or nothing more is known than was said. */
export function whyNotConnected(cause: unknown): string | null {
  const said = withoutFullStop(messageOf(cause)).replace(USE_SYSTEM_CA, '')
  if (said === NO_TLS) return `${said}; turn \`ssl\` on there, or leave \`sslmode\` out of DATABASE_URL`
  const remedy = remedies[String((cause as { code?: unknown } | null)?.code)]
  if (remedy === undefined) return null
  return `${said}; ${typeof remedy === 'string' ? remedy : remedy(said)}`
}

/**
 * SQLSTATE, five characters, when the server itself said no; null for the network and for `pg`.
 * https://www.postgresql.org/docs/18/errcodes-appendix.html
 */
export function sqlState(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return null
  return 'severity' in error && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : null
}

export function withoutFullStop(said: string): string {
  return said.endsWith('.') ? said.slice(0, -1) : said
}
