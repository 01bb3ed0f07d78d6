/** Clerk's Backend API, as far as @clerk/backend is used for sessions, users and tickets. It never revokes by itself. */
import { Hono, type Context } from 'hono'
import type { StandInParts } from './parts.ts'
import { clerkError, sessionJson, sessionToken, userJson } from './shapes.ts'
import { isActive, type Session, type SessionStatus, type User } from './world.ts'

export function backendApi(parts: StandInParts): Hono {
  const { world, instance, clock } = parts
  const app = new Hono()

  app.use(async (c, next) => {
    if (c.req.header('authorization') === `Bearer ${parts.secretKey}`) return next()
    return c.json(clerkError('clerk_key_invalid', 'The provided Clerk Secret Key is invalid.'), 401)
  })
  app.get('/v1/jwks', (c) => c.json({ keys: [instance.jwk] }))

  app.get('/v1/sessions', (c) => {
    const { user_id: userId, client_id: clientId, status } = c.req.query()
    if (!userId && !clientId) {
      return c.json(clerkError('form_param_missing', 'client_id or user_id must be included.'), 422)
    }
    const found = [...world.sessions.keys()]
      .flatMap((id) => world.session(id) ?? [])
      .filter((session) => !userId || session.userId === userId)
      .filter((session) => !clientId || session.clientId === clientId)
      .filter((session) => !status || session.status === (status as SessionStatus))
      .toReversed()
    return c.json(pageOf(c, found.map(sessionJson)))
  })
  app.post('/v1/sessions', async (c) => {
    const { user_id: userId } = await c.req.json<{ user_id?: string }>()
    const user = world.users.get(userId ?? '')
    return user ? c.json(sessionJson(world.signIn(user, world.newClient()))) : notFound(c, `user ${userId}`)
  })
  app.get('/v1/sessions/:id', (c) => withSession(c, (session) => c.json(sessionJson(session))))
  app.post('/v1/sessions/:id/revoke', (c) =>
    withSession(c, (session) => c.json(sessionJson(world.end(session.id, 'revoke') ?? session))),
  )
  app.post('/v1/sessions/:id/tokens', (c) =>
    withSession(c, (session) =>
      isActive(session)
        ? c.json({
            object: 'token',
            jwt: sessionToken(instance, session, { origin: null, now: clock.now() }),
          })
        : notFound(c, `active session ${session.id}`),
    ),
  )

  app.get('/v1/users', (c) => c.json(pageOf(c, [...world.users.values()].map(userJson))))
  app.get('/v1/users/count', (c) => c.json({ object: 'total_count', total_count: world.users.size }))
  app.post('/v1/users', async (c) => {
    const given = await c.req.json<{ first_name?: string; last_name?: string; email_address?: string[] }>()
    const [email] = given.email_address ?? []
    const user = world.addUser({
      ...(given.first_name ? { firstName: given.first_name } : {}),
      ...(given.last_name ? { lastName: given.last_name } : {}),
      ...(email ? { email } : {}),
    })
    return c.json(userJson(user))
  })
  app.get('/v1/users/:id', (c) => withUser(c, (user) => c.json(userJson(user))))
  app.delete('/v1/users/:id', (c) =>
    withUser(c, (user) => {
      world.deleteUser(user)
      return c.json({ object: 'user', id: user.id, deleted: true })
    }),
  )
  app.post('/v1/users/:id/ban', (c) =>
    withUser(c, (user) => {
      world.banUser(user)
      return c.json(userJson(user))
    }),
  )
  app.post('/v1/sign_in_tokens', async (c) => {
    const { user_id: userId = '' } = await c.req.json<{ user_id?: string }>()
    if (!world.users.has(userId)) return notFound(c, `user ${userId}`)
    const ticket = world.newTicket(userId)
    const now = clock.now()
    return c.json({
      object: 'sign_in_token',
      id: `sit_${ticket.slice('ticket_'.length)}`,
      user_id: userId,
      token: ticket,
      status: 'pending',
      url: `${instance.issuer}/v1/tickets/accept?ticket=${ticket}`,
      created_at: now,
      updated_at: now,
    })
  })

  function withSession(c: Context, run: (session: Session) => Response): Response {
    const id = c.req.param('id') ?? ''
    const session = world.session(id)
    return session ? run(session) : notFound(c, `session ${id}`)
  }
  function withUser(c: Context, run: (user: User) => Response): Response {
    const id = c.req.param('id') ?? ''
    const user = world.users.get(id)
    return user ? run(user) : notFound(c, `user ${id}`)
  }
  return app
}

function notFound(c: Context, what: string): Response {
  return c.json(clerkError('resource_not_found', `No ${what} was found.`), 404)
}

/** Clerk's `limit` (10, at most 500), `offset`, and `paginated`: with the total, as @clerk/backend asks for it. */
function pageOf(c: Context, all: object[]) {
  const limit = Math.min(Number(c.req.query('limit') ?? 10), 500)
  const offset = Number(c.req.query('offset') ?? 0)
  const data = all.slice(offset, offset + limit)
  return c.req.query('paginated') === 'true' ? { data, total_count: all.length } : data
}
