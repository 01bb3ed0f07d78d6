/**
 * What Clerk would know: people, the browsers they use, and their sessions. No HTTP here.
 *
 * What happens is an action, and what an action fires is a setting: Clerk documents no table of which action sends which
 * webhook. The defaults are assumptions; `README.md` says where each comes from.
 */
import { randomUUID } from 'node:crypto'

export interface Organisation {
  id: string
  name: string
  slug: string
  role: string
}

export interface User {
  id: string
  firstName: string
  lastName: string
  email: string
  /** The first is active in a new session. */
  organisations: Organisation[]
  banned: boolean
  createdAt: number
}

/** As Clerk's `latest_activity` states it. */
export interface Device {
  type: string
  isMobile: boolean
  browser: string
  userAgent: string
  ip: string
  city: string | null
  country: string | null
}

/** Clerk's words. */
export type SessionStatus =
  | 'active'
  | 'pending'
  | 'ended'
  | 'removed'
  | 'revoked'
  | 'expired'
  | 'abandoned'
  | 'replaced'

export interface Session {
  id: string
  userId: string
  /** The browser it was begun in. */
  clientId: string
  status: SessionStatus
  device: Device
  orgId: string | null
  /** Who acts for the user, when somebody does (impersonation). */
  actor: { sub: string } | null
  // ms since 1970, by the stand-in's clock
  createdAt: number
  updatedAt: number
  lastActiveAt: number
  expireAt: number
  abandonAt: number
}

/** A browser. */
export interface Client {
  id: string
  sessionIds: string[]
  lastActiveSessionId: string | null
  createdAt: number
}

/** What can happen. */
export const actions = [
  'sign-in',
  'sign-out',
  'sign-out-all',
  'end',
  'client-deleted',
  'revoke',
  'revoke-elsewhere',
  'user-deleted',
  'user-banned',
] as const
export type Action = (typeof actions)[number]

export const eventTypes = [
  'session.created',
  'session.pending',
  'session.ended',
  'session.removed',
  'session.revoked',
  'user.deleted',
  'user.updated',
] as const
export type EventType = (typeof eventTypes)[number]

/** Which webhooks an action sends, in this order, for each session or user that it touches. */
export type Fires = Record<Action, EventType[]>

/** Assumptions, all of them. */
export const assumedFires: Fires = {
  'sign-in': ['session.created'],
  'sign-out': ['session.removed'],
  'sign-out-all': ['session.removed'],
  end: ['session.ended'],
  'client-deleted': ['session.ended'],
  revoke: ['session.revoked'],
  'revoke-elsewhere': ['session.revoked'],
  'user-deleted': ['user.deleted'],
  'user-banned': ['user.updated'],
}

/** The status in which an action leaves a session. Clerk's status definitions; which action leaves which is assumed. */
const leaves: Partial<Record<Action, SessionStatus>> = {
  'sign-out': 'removed',
  'sign-out-all': 'removed',
  end: 'ended',
  'client-deleted': 'ended',
  revoke: 'revoked',
  'revoke-elsewhere': 'revoked',
  'user-deleted': 'revoked',
  'user-banned': 'revoked',
}

export type WorldEvent =
  | { type: `session.${string}`; session: Session; user: User | null; at: number; device: Device }
  | { type: `user.${string}`; user: User; at: number; device: Device }

export interface WorldOptions {
  /** ms since 1970. */
  now: () => number
  fires: Fires
  /** Clerk's default is 7 days. */
  sessionLifetimeMs: number
  abandonAfterMs: number
  onEvent: (event: WorldEvent) => void
}

const SOMEWHERE: Device = {
  type: 'desktop',
  isMobile: false,
  browser: 'Chromium',
  userAgent:
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36',
  ip: '127.0.0.1',
  city: null,
  country: null,
}

export class World {
  readonly users = new Map<string, User>()
  readonly clients = new Map<string, Client>()
  readonly sessions = new Map<string, Session>()
  readonly #tickets = new Map<string, string>()
  readonly #options: WorldOptions

  constructor(options: WorldOptions) {
    this.#options = options
  }

  addUser(given: Partial<User> = {}): User {
    const id = given.id ?? newId('user')
    const user: User = {
      firstName: 'Ada',
      lastName: 'Example',
      email: `${id}@example.com`,
      organisations: [],
      banned: false,
      createdAt: this.#options.now(),
      ...given,
      id,
    }
    this.users.set(id, user)
    return user
  }

  newClient(): Client {
    const client: Client = {
      id: newId('client'),
      sessionIds: [],
      lastActiveSessionId: null,
      createdAt: this.#options.now(),
    }
    this.clients.set(client.id, client)
    return client
  }

  /** Good for one sign-in, as Clerk's sign-in tokens are. */
  newTicket(userId: string): string {
    const ticket = `ticket_${randomUUID()}`
    this.#tickets.set(ticket, userId)
    return ticket
  }

  /** The user whose ticket it is; the ticket is used up. */
  redeem(ticket: string): User | null {
    const user = this.users.get(this.#tickets.get(ticket) ?? '')
    this.#tickets.delete(ticket)
    return user ?? null
  }

  signIn(
    user: User,
    client: Client,
    details: Partial<Pick<Session, 'device' | 'orgId' | 'actor'>> = {},
  ): Session {
    const now = this.#options.now()
    const session: Session = {
      id: newId('sess'),
      userId: user.id,
      clientId: client.id,
      status: 'active',
      device: SOMEWHERE,
      orgId: user.organisations[0]?.id ?? null,
      actor: null,
      createdAt: now,
      updatedAt: now,
      lastActiveAt: now,
      expireAt: now + this.#options.sessionLifetimeMs,
      abandonAt: now + this.#options.abandonAfterMs,
      ...details,
    }
    this.sessions.set(session.id, session)
    client.sessionIds.push(session.id)
    client.lastActiveSessionId = session.id
    this.#fire('sign-in', session)
    return session
  }

  /** The sessions of a browser that are signed in, the oldest first. */
  activeSessions(client: Client): Session[] {
    return client.sessionIds.flatMap((id) => {
      const session = this.session(id)
      return session && isActive(session) ? [session] : []
    })
  }

  /** As it is now: what has run out by then is over. Clerk sends no webhook for that. */
  session(id: string): Session | null {
    const session = this.sessions.get(id)
    if (!session) return null
    const now = this.#options.now()
    if (isActive(session) && now >= Math.min(session.expireAt, session.abandonAt)) {
      const abandoned = session.abandonAt < session.expireAt
      this.#leave(
        session,
        abandoned ? 'abandoned' : 'expired',
        abandoned ? session.abandonAt : session.expireAt,
      )
    }
    return session
  }

  /** The session is used. */
  touch(session: Session): void {
    session.lastActiveAt = session.updatedAt = this.#options.now()
    session.abandonAt = session.lastActiveAt + this.#options.abandonAfterMs
    const client = this.clients.get(session.clientId)
    if (client) client.lastActiveSessionId = session.id
  }

  /** Does nothing to a session that is over. */
  end(id: string, action: Action): Session | null {
    const session = this.session(id)
    if (!session) return null
    if (!isActive(session)) return session
    this.#leave(session, leaves[action] ?? 'ended', this.#options.now())
    this.#fire(action, session)
    return session
  }

  /** Clerk replaces a session when the same browser begins another in single-session mode. No webhook. */
  replace(id: string): Session | null {
    const session = this.session(id)
    if (session && isActive(session)) this.#leave(session, 'replaced', this.#options.now())
    return session
  }

  /** The sessions end; whether Clerk says so for each of them is a setting too. */
  deleteUser(user: User): void {
    this.#endAllOf(user, 'user-deleted')
    this.#fire('user-deleted', user)
    this.users.delete(user.id)
  }

  banUser(user: User): void {
    user.banned = true
    this.#endAllOf(user, 'user-banned')
    this.#fire('user-banned', user)
  }

  /** Clerk cleans up old sessions from time to time, and no longer knows them. */
  forget(id: string): void {
    const session = this.sessions.get(id)
    const client = session && this.clients.get(session.clientId)
    if (client) client.sessionIds = client.sessionIds.filter((other) => other !== id)
    this.sessions.delete(id)
  }

  #endAllOf(user: User, action: Action): void {
    for (const session of this.sessions.values()) {
      if (session.userId !== user.id || !isActive(session)) continue
      this.#leave(session, leaves[action] ?? 'revoked', this.#options.now())
      for (const type of this.#options.fires[action]) if (isSessionType(type)) this.#tell(type, session)
    }
  }

  #leave(session: Session, status: SessionStatus, at: number): void {
    session.status = status
    session.updatedAt = at
    const client = this.clients.get(session.clientId)
    if (client?.lastActiveSessionId !== session.id) return
    client.lastActiveSessionId = this.activeSessions(client).at(-1)?.id ?? null
  }

  #fire(action: Action, touched: Session | User): void {
    for (const type of this.#options.fires[action]) {
      if ('status' in touched) this.#tell(type, touched)
      else if (!isSessionType(type)) {
        const at = this.#options.now()
        this.#options.onEvent({ type: type as `user.${string}`, user: touched, at, device: SOMEWHERE })
      }
    }
  }

  #tell(type: EventType, session: Session): void {
    const user = this.users.get(session.userId) ?? null
    const { device } = session
    this.#options.onEvent({
      type: type as `session.${string}`,
      session,
      user,
      at: this.#options.now(),
      device,
    })
  }
}

export function isActive({ status }: Session): boolean {
  return status === 'active' || status === 'pending'
}

function isSessionType(type: EventType): boolean {
  return type.startsWith('session.')
}

function newId(prefix: string): string {
  return `${prefix}_${randomUUID().replaceAll('-', '')}`
}
