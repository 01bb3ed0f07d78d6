/** Distinct valid session tokens, in files from which the load generators read one token a line. */
import { generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto'
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
  const id = randomUUID().replaceAll('-', '')
  const own = {
    sid: `sess_${id}`,
    sub: `user_${id.slice(0, 27)}`,
    exp: Number(claims['iat']) + LIFETIME_SECONDS,
    jti: id.slice(0, 20),
    o: { id: `org_${id.slice(0, 4)}`, rol: 'member', slg: 'an-organisation', per: 'read,write', fpm: '3' },
    pla: 'o:pro',
    fea: 'o:dashboard,o:teams',
  }
  const header = { alg: 'RS256', cat: 'cl_B7d4PD111AAA', kid: 'ins_2aBcDeFgHiJkLmNoPqRsTuVwXyZ', typ: 'JWT' }
  const signed = `${encodePart(header)}.${encodePart({ ...claims, ...own })}`
  const signature = await signAsync('RSA-SHA256', Buffer.from(signed), key)
  return `${signed}.${signature.toString('base64url')}`
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
