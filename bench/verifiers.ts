/** `npm run bench:verifiers`: what one verified token costs, by library and by the way its signature is checked. */
import { createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { verifyToken } from '@clerk/backend'
import { createVerifier } from 'fast-jwt'
import { importSPKI, jwtVerify } from 'jose'
import { pemKeys } from '../api/clerk/keys.ts'
import { verifyWithNode } from '../api/clerk/node-signature.ts'
import { verifySessionToken } from '../api/clerk/session-token.ts'
import { verifyWithWebCrypto, type VerifySignature } from '../api/clerk/signature.ts'
import { progress } from './progress.ts'
import { spreadOf } from './statistics.ts'
import { ISSUER, tokenFiles } from './tokens.ts'

const ROUNDS = 5
const TOKENS_A_ROUND = 8000
const AT_ONCE = 64

const files = await tokenFiles(join(import.meta.dirname, '.built/tokens'), TOKENS_A_ROUND)
const tokens = readFileSync(files.distinct, 'utf8').split('\n').slice(0, TOKENS_A_ROUND)
const pem = files.jwtKey
const webKey = await importSPKI(pem, 'RS256')
const nodeKey = createPublicKey(pem)
const fastJwt = createVerifier({ key: pem, algorithms: ['RS256'], cache: false })

/** Each rejects or throws when the token is not good. */
const ways: Record<string, (token: string) => unknown> = {
  'verifyToken of @clerk/backend': (token) => verifyToken(token, { jwtKey: pem }),
  'jwtVerify of jose': (token) => jwtVerify(token, webKey, { issuer: ISSUER }),
  'createVerifier of fast-jwt, no cache': (token): unknown => fastJwt(token),
  'our verdict, Web Crypto': ours(verifyWithWebCrypto),
  'our verdict, crypto.verify': ours(verifyWithNode),
  'Web Crypto alone': async (token) => {
    const { text, signature } = partsOf(token)
    good(await crypto.subtle.verify('RSASSA-PKCS1-v1_5', webKey, signature, Buffer.from(text, 'latin1')))
  },
  'crypto.verify alone': (token) => {
    const { text, signature } = partsOf(token)
    good(verify('RSA-SHA256', Buffer.from(text, 'latin1'), nodeKey, signature))
  },
  'our verdict without the signature': ours(() => true),
}

function ours(verifySignature: VerifySignature): (token: string) => unknown {
  const rules = {
    issuer: ISSUER,
    authorizedParties: [],
    expiredTokenMaxAgeMs: 86_400_000,
    keys: pemKeys([pem]),
    now: Date.now,
    verifySignature,
  }
  return async (token) => good((await verifySessionToken(token, rules)).is === 'verified')
}

function partsOf(token: string) {
  const end = token.lastIndexOf('.')
  return { text: token.slice(0, end), signature: Buffer.from(token.slice(end + 1), 'base64url') }
}

function good(verified: boolean): void {
  if (!verified) throw new Error('a good token was refused')
}

/** µs of CPU for each token, all threads of this process. */
async function cpuMicros(verifyOne: (token: string) => unknown): Promise<number> {
  const before = process.cpuUsage()
  for (let at = 0; at < tokens.length; at += AT_ONCE) {
    await Promise.all(tokens.slice(at, at + AT_ONCE).map((token) => verifyOne(token)))
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / tokens.length
}

const measured = new Map<string, number[]>()
// The first round warms up, and is not counted.
for (let round = 0; round <= ROUNDS; round += 1) {
  for (const [name, way] of Object.entries(ways)) {
    progress(`round ${round} of ${ROUNDS} · ${name}`)
    const micros = await cpuMicros(way)
    if (round > 0) measured.set(name, [...(measured.get(name) ?? []), micros])
  }
}
progress('')
console.log(
  `CPU µs for each of ${TOKENS_A_ROUND} tokens, ${ROUNDS} interleaved rounds: median (least–most)\n`,
)
for (const [name, micros] of measured) {
  const { median, least, most } = spreadOf(micros)
  console.log(`${name.padEnd(38)}${median.toFixed(1).padStart(7)}  (${least.toFixed(1)}–${most.toFixed(1)})`)
}
