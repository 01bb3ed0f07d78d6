/** Distinct valid session tokens, in files from which the load generators read one token a line. */
import { generateKeyPairSync, randomBytes, randomInt, sign, type KeyObject } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { encodePart, publicPemOf, sessionClaims } from '../test/clerk-instance.ts'
import { progress } from './progress.ts'

export const FRONTEND_API = 'clerk.bench.example'
export const ISSUER = `https://${FRONTEND_API}`
export const PUBLISHABLE_KEY = `pk_test_${Buffer.from(`${FRONTEND_API}$`).toString('base64')}`

export const WEBHOOK_SECRET = `whsec_${Buffer.from('only for measuring, no secret').toString('base64')}`

export interface TokenFiles {
  jwtKey: string
  /** Each token is of a session of its own. */
  distinct: string
  /** One token, a thousand times. */
  repeated: string
  /** Tokens that are like the distinct ones in all but the signature. */
  forged: string
}

/** Tokens live for a day; older ones are made anew. */
const LIFETIME_SECONDS = 86_400
const WEEK_SECONDS = 7 * 86_400
const YEAR_SECONDS = 365 * 86_400
const ORGS = 2000
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const AT_ONCE = 64
const signAsync = promisify(sign)

/** Makes what is missing: signing takes about half a millisecond each, so they are kept in `folder` between runs. */
export async function tokenFiles(folder: string, count: number): Promise<TokenFiles> {
  const found = readKept(folder)
  const files = filesIn(folder)
  if (!found || found.count < count || found.at + LIFETIME_SECONDS / 2 < now()) await make(folder, count)
  const { publicPem } = readKept(folder) ?? { publicPem: '' }
  return { jwtKey: publicPem, ...files }
}

interface Kept {
  /** Seconds since 1970. */
  at: number
  count: number
  publicPem: string
}

function filesIn(folder: string) {
  const file = (name: string) => join(folder, `${name}.txt`)
  return { distinct: file('distinct'), repeated: file('repeated'), forged: file('forged') }
}

function readKept(folder: string): Kept | null {
  const file = join(folder, 'tokens.json')
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Kept) : null
}

async function make(folder: string, count: number): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const { privateKey: key } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const tokens: string[] = []
  const lane = async () => {
    while (tokens.length < count) {
      tokens.push('')
      const at = tokens.length - 1
      tokens[at] = await signedToken(key)
      if (at % 1000 === 0) progress(`signing tokens: ${at} of ${count}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  progress('')
  const files = filesIn(folder)
  writeFileSync(files.distinct, tokens.join('\n'))
  writeFileSync(files.repeated, Array.from({ length: 1000 }, () => tokens[0]).join('\n'))
  writeFileSync(files.forged, tokens.map(forged).join('\n'))
  const kept: Kept = { at: now(), count, publicPem: publicPemOf(key) }
  writeFileSync(join(folder, 'tokens.json'), JSON.stringify(kept))
}

/** About 900 characters, as Clerk's own are with an organisation in them. */
async function signedToken(key: KeyObject): Promise<string> {
  const claims = sessionClaims(ISSUER, Date.now() - 1000)
  const iat = Number(claims['iat'])
  const own = {
    sid: `sess_${idMadeAt(iat - Math.random() * WEEK_SECONDS)}`,
    sub: `user_${idMadeAt(iat - Math.random() * YEAR_SECONDS)}`,
    exp: iat + LIFETIME_SECONDS,
    jti: randomBytes(10).toString('hex'),
    o: {
      id: `org_${String(randomInt(ORGS)).padStart(27, '0')}`,
      rol: 'member',
      slg: 'an-organisation',
      per: 'read,write',
      fpm: '3',
    },
    pla: 'o:pro',
    fea: 'o:dashboard,o:teams',
  }
  const header = { alg: 'RS256', cat: 'cl_B7d4PD111AAA', kid: 'ins_2aBcDeFgHiJkLmNoPqRsTuVwXyZ', typ: 'JWT' }
  const signed = `${encodePart(header)}.${encodePart({ ...claims, ...own })}`
  const signature = await signAsync('RSA-SHA256', Buffer.from(signed), key)
  return `${signed}.${signature.toString('base64url')}`
}

/** As Clerk's ids look: 27 letters and digits that begin with when they were made, in seconds, so that ids of a week lie together. */
function idMadeAt(seconds: number): string {
  const time = Buffer.alloc(4)
  time.writeUInt32BE(Math.floor(seconds))
  let value = BigInt(`0x${time.toString('hex')}${randomBytes(16).toString('hex')}`)
  let id = ''
  for (; id.length < 27; value /= 62n) id = (DIGITS[Number(value % 62n)] ?? '') + id
  return id
}

function forged(token: string): string {
  const end = token.slice(-7, -1).split('').toReversed().join('')
  const other = end === token.slice(-7, -1) ? 'AAAAAA' : end
  return token.slice(0, -7) + other + token.slice(-1)
}

/** Seconds since 1970. */
function now(): number {
  return Math.floor(Date.now() / 1000)
}
