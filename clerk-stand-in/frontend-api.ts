/** Clerk's Frontend API, as far as clerk-js and Clerk's middleware ask for it. */
import { readFile } from 'node:fs/promises'
import { join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Hono, type Context } from 'hono'
import { handshake } from './handshake.ts'
import type { StandInParts } from './parts.ts'
import {
  clerkError,
  clientJson,
  environmentJson,
  frontendSession,
  sessionToken,
  signInJson,
} from './shapes.ts'
import type { Action, Client, Session } from './world.ts'

export function frontendApi(parts: StandInParts): Hono {
  const { world, browsers, instance, clock } = parts
  const app = new Hono()
  const tokenOf = (c: Context) => (session: Session) =>
    sessionToken(instance, session, { origin: originOf(c), now: clock.now() })
  const shaper = (c: Context) => ({ world, tokenOf: tokenOf(c) })
  const told = (c: Context, client: Client) =>
    c.json({ response: clientJson(client, shaper(c)), client: null })

  /** The browser that asks, or Clerk's answer to one that it does not know. */
  const withBrowser = (run: (c: Context, client: Client) => Response | Promise<Response>) => (c: Context) => {
    const client = browsers.of(c.req.query('__clerk_db_jwt'))
    return client ? run(c, client) : c.json(unauthenticated, 401)
  }
  const withSession = (run: (c: Context, found: { client: Client; session: Session }) => Response) =>
    withBrowser((c, client) => {
      const id = c.req.param('id') ?? ''
      const session = world.activeSessions(client).find((session) => session.id === id)
      // Clerk's own answer to a session that ended elsewhere was not seen; with 401 clerk-js asks for the client anew.
      return session
        ? run(c, { client, session })
        : c.json(clerkError('authentication_invalid', `No session ${id}.`), 401)
    })
  const signOut = (action: Action) =>
    withSession((c, { client, session }) => {
      world.end(session.id, action)
      return c.json({ response: frontendSession(session, shaper(c)), client: clientJson(client, shaper(c)) })
    })

  app.post('/v1/dev_browser', (c) => c.json({ id: browsers.add(), object: 'dev_browser' }))
  app.get('/v1/environment', (c) => c.json(environmentJson(parts.applicationName)))
  app.patch('/v1/environment', (c) => c.json(environmentJson(parts.applicationName)))
  app.get('/v1/client/handshake', handshake(parts))
  app.get('/v1/client', withBrowser(told))
  app.put('/v1/client', withBrowser(told))
  app.delete(
    '/v1/client',
    withBrowser((c, client) => {
      for (const { id } of world.activeSessions(client)) world.end(id, 'client-deleted')
      return told(c, client)
    }),
  )
  app.post(
    '/v1/client/sign_ins',
    withBrowser(async (c, client) => {
      const { strategy, ticket } = await c.req.parseBody()
      if (strategy !== 'ticket') {
        return c.json(clerkError('strategy_for_user_invalid', 'The stand-in signs in by ticket only.'), 422)
      }
      const user = world.redeem(typeof ticket === 'string' ? ticket : '')
      if (!user) return c.json(clerkError('ticket_invalid', 'This ticket is not known, or used up.'), 422)
      const session = world.signIn(user, client, { device: parts.deviceOf(c.req.header('user-agent')) })
      return c.json({ response: signInJson(session, user.email), client: clientJson(client, shaper(c)) })
    }),
  )
  app.delete(
    '/v1/client/sessions',
    withBrowser((c, client) => {
      for (const { id } of world.activeSessions(client)) world.end(id, 'sign-out-all')
      return told(c, client)
    }),
  )
  app.post('/v1/client/sessions/:id/remove', signOut('sign-out'))
  app.post('/v1/client/sessions/:id/end', signOut('end'))
  app.post(
    '/v1/client/sessions/:id/touch',
    withSession((c, { client, session }) => {
      world.touch(session)
      return c.json({ response: frontendSession(session, shaper(c)), client: clientJson(client, shaper(c)) })
    }),
  )
  app.post(
    '/v1/client/sessions/:id/tokens',
    withSession((c, { session }) => c.json({ object: 'token', jwt: tokenOf(c)(session) })),
  )
  // The user's profile, "active devices": from one browser, of a session in another. `_clerk_session_id` says who asks.
  app.post(
    '/v1/me/sessions/:id/revoke',
    withBrowser((c, client) => {
      const asking = world.activeSessions(client).find(({ id }) => id === c.req.query('_clerk_session_id'))
      const session = world.session(c.req.param('id') ?? '')
      if (!asking || session?.userId !== asking.userId)
        return c.json(clerkError('resource_not_found', 'The user who asks has no such session.'), 404)
      world.end(session.id, 'revoke-elsewhere')
      return c.json({
        response: frontendSession(session, shaper(c)),
        client: clientJson(client, shaper(c)),
      })
    }),
  )
  app.get('/.well-known/jwks.json', (c) => c.json({ keys: [instance.jwk] }))
  app.get('/npm/@clerk/:package/dist/:file{.+}', (c) => script(c))
  return app
}

const unauthenticated = clerkError('dev_browser_unauthenticated', 'Unable to authenticate this browser.')

/** Where the page is: `azp` of its tokens. */
function originOf(c: Context): string | null {
  const origin = c.req.header('origin')
  if (origin && origin !== 'null') return origin
  const referrer = c.req.header('referer')
  return referrer && URL.canParse(referrer) ? new URL(referrer).origin : null
}

/** Where the built files of the installed clerk-js are. */
const CLERK_JS = fileURLToPath(new URL('.', import.meta.resolve('@clerk/clerk-js/no-rhc')))

/** The scripts that Clerk's Frontend API hosts, from the installed packages: `clerk-js@6`, whatever follows the `@`. */
async function script(c: Context): Promise<Response> {
  const [name] = (c.req.param('package') ?? '').split('@')
  const file = normalize(`/${c.req.param('file')}`)
  if (name !== 'clerk-js')
    return c.json(clerkError('resource_not_found', `The stand-in has no ${name}.`), 404)
  return readFile(join(CLERK_JS, file)).then(
    (text) => c.body(text, 200, { 'content-type': 'text/javascript' }),
    () => c.json(clerkError('resource_not_found', `@clerk/clerk-js has no ${file}.`), 404),
  )
}
