/**
 * The handshake: a document request without fresh cookies is sent here by Clerk's middleware, and back with a signed list
 * of the cookies to set. Read in @clerk/backend's source; Clerk documents it nowhere.
 */
import type { Handler } from 'hono'
import { cookieSuffix, signJwt } from './instance.ts'
import type { StandInParts } from './parts.ts'
import { clerkError, sessionToken } from './shapes.ts'
import type { Client } from './world.ts'

const LIFETIME_SECONDS = 60
const REMEMBERED = 'Path=/; SameSite=Lax; Max-Age=31536000'
const FORGOTTEN = 'Path=/; SameSite=Lax; Max-Age=0'

export function handshake(parts: StandInParts): Handler {
  return (c) => {
    const target = c.req.query('redirect_url') ?? ''
    if (!isLocal(target)) {
      return c.json(
        clerkError('form_param_value_invalid', 'redirect_url must be a page on this machine.'),
        400,
      )
    }
    const known = parts.browsers.of(c.req.query('__clerk_db_jwt'))
    const devBrowser = (known && c.req.query('__clerk_db_jwt')) ?? parts.browsers.add()
    const client = parts.browsers.of(devBrowser)
    const iat = Math.floor(parts.clock.now() / 1000)
    const cookies = client ? cookiesFor(client, { parts, devBrowser, origin: new URL(target).origin }) : []
    const answer = new URL(target)
    const times = { iat, nbf: iat - 10, exp: iat + LIFETIME_SECONDS }
    answer.searchParams.set(
      '__clerk_handshake',
      signJwt({ handshake: cookies, ...times, iss: parts.instance.issuer }, parts.instance),
    )
    return c.redirect(answer.href, 307)
  }
}

interface Cookies {
  parts: StandInParts
  devBrowser: string
  origin: string
}

/** Each cookie plain, and with the suffix of this instance. */
function cookiesFor(client: Client, { parts, devBrowser, origin }: Cookies): string[] {
  const { world, instance, clock } = parts
  const suffix = cookieSuffix(instance.publishableKey)
  const both = (name: string, rest: string) => [`${name}=${rest}`, `${name}_${suffix}=${rest}`]
  const session = world.session(client.lastActiveSessionId ?? '')
  const signedIn = session && world.activeSessions(client).includes(session)
  const token = signedIn ? sessionToken(instance, session, { origin, now: clock.now() }) : null
  const since = signedIn ? Math.floor(session.createdAt / 1000) : 0
  return [
    ...both('__clerk_db_jwt', `${devBrowser}; ${REMEMBERED}`),
    ...both('__client_uat', `${since}; ${REMEMBERED}`),
    ...both('__session', token ? `${token}; ${REMEMBERED}` : `; ${FORGOTTEN}`),
  ]
}

function isLocal(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  return /^https?:$/.test(protocol) && ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
}
