/** What tests and the demo tell the stand-in, over HTTP: all of it under `/stand-in`, JSON in and out. */
import { Hono, type Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { z } from 'zod'
import { groups } from './faults.ts'
import type { StandInParts } from './parts.ts'
import { sessionJson, sessionToken } from './shapes.ts'
import { actions, eventTypes, type User } from './world.ts'

/** In every answer. */
export const NOTICE = 'A local stand-in: not Clerk, and no account of anybody.'

const share = z.number().min(0).max(1)
const shapes = {
  user: z.object({
    id: z.string().startsWith('user_').optional(),
    first_name: z.string().optional(),
    last_name: z.string().optional(),
    email: z.string().optional(),
    organisation: z.object({ id: z.string().startsWith('org_'), name: z.string() }).optional(),
  }),
  ticket: z.object({ user_id: z.string() }),
  signIn: z.object({ user_id: z.string(), user_agent: z.string().optional(), origin: z.string().optional() }),
  action: z.object({ action: z.enum(['sign-out', 'end', 'revoke', 'replace', 'forget', 'touch']) }),
  userAction: z.object({ action: z.enum(['ban', 'delete']) }),
  fires: z.partialRecord(z.enum(actions), z.array(z.enum(eventTypes))),
  fault: z.object({
    group: z.enum(groups),
    trouble: z.union([z.number().int().min(400).max(599), z.enum(['down', 'hang', 'late', 'slow'])]),
    matching: z.string().optional(),
    times: z.number().int().positive().optional(),
    delayMs: z.number().int().nonnegative().optional(),
    retryAfterSeconds: z.number().int().nonnegative().optional(),
  }),
  webhooks: z.object({
    url: z.url().nullable().optional(),
    sending: z.enum(['at once', 'held']).optional(),
    lose: share.optional(),
    repeat: share.optional(),
    delayMs: z.number().int().nonnegative().optional(),
  }),
  release: z.object({ order: z.enum(['as sent', 'reversed', 'shuffled']).default('as sent') }),
  clock: z.object({ advance_ms: z.number().int().nonnegative() }),
}

export function controls(parts: StandInParts): Hono {
  const { world, webhooks, faults, fires, clock } = parts
  const app = new Hono()
  app.onError((error, c) => {
    if (error instanceof HTTPException)
      return c.json({ stand_in: NOTICE, error: error.message }, error.status)
    throw error
  })

  app.get('/state', (c) => ok(c, state(parts)))
  app.get('/requests', (c) => ok(c, { requests: parts.requests, unknown: parts.unknown }))
  app.get('/webhooks', (c) => ok(c, { deliveries: webhooks.deliveries }))

  app.post('/users', async (c) => {
    const { id, first_name: firstName, last_name: lastName, email, organisation } = await read(c, shapes.user)
    const given: Partial<User> = {
      ...(id ? { id } : {}),
      ...(firstName ? { firstName } : {}),
      ...(lastName ? { lastName } : {}),
      ...(email ? { email } : {}),
    }
    if (organisation) {
      given.organisations = [
        { ...organisation, slug: organisation.id.slice('org_'.length), role: 'org:member' },
      ]
    }
    return ok(c, { user_id: world.addUser(given).id })
  })
  app.post('/tickets', async (c) => {
    const { user_id: userId } = await read(c, shapes.ticket)
    return ok(c, { ticket: world.newTicket(knownUser(parts, userId).id) })
  })
  app.post('/sign-ins', async (c) => {
    const { user_id: userId, user_agent: userAgent, origin } = await read(c, shapes.signIn)
    const user = knownUser(parts, userId)
    const session = world.signIn(user, world.newClient(), { device: parts.deviceOf(userAgent) })
    const token = sessionToken(parts.instance, session, { origin: origin ?? null, now: clock.now() })
    return ok(c, { session_id: session.id, client_id: session.clientId, token })
  })
  app.post('/sessions/:id', async (c) => {
    const { action } = await read(c, shapes.action)
    const id = c.req.param('id')
    const session = world.session(id)
    if (!session) throw new HTTPException(404, { message: `There is no session ${id}.` })
    if (action === 'forget') world.forget(id)
    else if (action === 'replace') world.replace(id)
    else if (action === 'touch') world.touch(session)
    else world.end(id, action)
    return ok(c, { session: sessionJson(session) })
  })
  app.post('/users/:id', async (c) => {
    const { action } = await read(c, shapes.userAction)
    const user = knownUser(parts, c.req.param('id'))
    if (action === 'ban') world.banUser(user)
    else world.deleteUser(user)
    return ok(c)
  })

  app.put('/fires', async (c) => {
    Object.assign(fires, await read(c, shapes.fires))
    return ok(c, { fires })
  })
  app.post('/faults', async (c) => {
    faults.set(await read(c, shapes.fault))
    return ok(c, { faults: faults.list })
  })
  app.delete('/faults', (c) => {
    faults.clear()
    faults.release()
    return ok(c, { faults: faults.list })
  })
  app.put('/webhooks', async (c) => {
    const { url, ...settings } = await read(c, shapes.webhooks)
    if (url !== undefined) webhooks.url = url
    Object.assign(webhooks.settings, settings)
    return ok(c, { url: webhooks.url, ...webhooks.settings })
  })
  app.post('/webhooks/release', async (c) => {
    webhooks.release((await read(c, shapes.release)).order)
    await webhooks.idle()
    return ok(c)
  })
  app.post('/webhooks/:id/replay', (c) => {
    const id = c.req.param('id')
    if (!webhooks.replay(id)) throw new HTTPException(404, { message: `There is no webhook ${id}.` })
    return ok(c)
  })
  app.post('/clock', async (c) => {
    clock.advance((await read(c, shapes.clock)).advance_ms)
    webhooks.retryDue()
    return ok(c, { now: new Date(clock.now()).toISOString(), ahead_ms: clock.aheadMs() })
  })
  app.notFound((c) => c.json({ stand_in: NOTICE, error: `There is no ${c.req.method} ${c.req.path}.` }, 404))
  return app
}

function ok(c: Context, body: object = {}): Response {
  return c.json({ stand_in: NOTICE, ...body })
}

function state({ world, webhooks, faults, fires, clock, instance }: StandInParts) {
  return {
    now: new Date(clock.now()).toISOString(),
    clock_ahead_ms: clock.aheadMs(),
    instance: {
      publishable_key: instance.publishableKey,
      issuer: instance.issuer,
      jwt_key: instance.publicPem,
    },
    users: [...world.users.values()].map(({ id, firstName, lastName, email, organisations, banned }) => ({
      id,
      name: `${firstName} ${lastName}`,
      email,
      organisations,
      banned,
    })),
    sessions: [...world.sessions.keys()].flatMap((id) => {
      const session = world.session(id)
      return session ? [sessionJson(session)] : []
    }),
    fires,
    fires_are: 'assumptions: Clerk documents no table of which action sends which webhook',
    faults: faults.list,
    webhooks: { url: webhooks.url, ...webhooks.settings, made: webhooks.made, attempts: webhooks.attempts },
  }
}

function knownUser({ world }: StandInParts, id: string): User {
  const user = world.users.get(id)
  if (user) return user
  throw new HTTPException(404, { message: `There is no user ${id}; /stand-in/state lists them.` })
}

/** @throws {HTTPException} 400 naming the field. */
async function read<T>(c: Context, shape: z.ZodType<T>): Promise<T> {
  const body: unknown = await c.req.json().catch(() => {
    throw new HTTPException(400, { message: 'The body must be JSON.' })
  })
  const parsed = shape.safeParse(body)
  if (parsed.success) return parsed.data
  throw new HTTPException(400, { message: z.prettifyError(parsed.error) })
}
