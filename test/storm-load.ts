/** What browsers and Clerk send while services and their database come and go: each thing again until it is promised, as they do. */
import { setTimeout as sleep } from 'node:timers/promises'
import { clerk } from './clerk-service.ts'
import { webhookOf } from './postgres-services.ts'

/** Of a service process, as far as whoever sends needs to know it. */
export interface Target {
  /** Null while there is no process. */
  url: string | null
  /** Rises with each kill, pause and waking. */
  disturbances: number
}

/** One answer. */
export interface Answer {
  /** When it was asked and answered, by `performance.now()`. */
  askedAt: number
  answeredAt: number
  status: number
  /** `Logout-Record`. */
  record: string | null
  /** Nobody killed, paused or woke the process meanwhile. */
  undisturbed: boolean
  from: Target
}

/** A logout or a webhook, and all the answers to it. */
export interface Sending {
  kind:
    | 'logout.requested'
    | 'session.created'
    | 'session.removed'
    | 'session.ended'
    | 'session.revoked'
    | 'user.deleted'
  /** Of the session; for `user.deleted` of the user. */
  id: string
  request: () => { path: string; init: RequestInit }
  answers: Answer[]
}

export function isPromise({ status, record }: Answer): boolean {
  return status === 204 || record === 'durable' || record === 'duplicate'
}

const TOKEN_LIFETIME_SECONDS = 3600
const USERS = 40
const DAY_MS = 86_400_000
const ENDS = ['session.removed', 'session.removed', 'session.ended', 'session.revoked'] as const

/** How far back a repeat or an end goes. */
const RECENT = 200

export class StormLoad {
  readonly sent: Sending[] = []
  readonly #random: () => number
  readonly #people: { session: string; user: string; org: string | null }[] = []
  readonly #unpromised = new Set<Sending>()
  readonly #byName = new Map<string, Sending>()
  readonly #durableAt = new Map<Target, number>()
  #stopping = false
  #lanes: Promise<void>[] = []

  constructor(random: () => number) {
    this.#random = random
  }

  /** So many at a time to each of them, until it is stopped. */
  start(targets: readonly Target[], lanesEach: number): void {
    this.#lanes = targets.flatMap((target) => Array.from({ length: lanesEach }, () => this.#keepBusy(target)))
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#lanes)
  }

  /** When it last called a logout durable, by `performance.now()`. */
  lastDurableAt(target: Target): number {
    return this.#durableAt.get(target) ?? -Infinity
  }

  /** Sends what nobody promised yet again, until all of it is. */
  async deliver(target: Target): Promise<void> {
    for (const sending of this.#unpromised) {
      for (let times = 0; !(await this.#send(target, sending)); times += 1) {
        if (times > 100)
          throw new Error(`${sending.kind} ${sending.id} is not promised, however often it is sent`)
        await sleep(50)
      }
    }
  }

  async #keepBusy(target: Target): Promise<void> {
    while (!this.#stopping) {
      await sleep(10 + this.#random() * 60)
      if (target.url !== null) await this.#send(target, this.#next())
    }
  }

  /** Whether it is promised now. */
  async #send(target: Target, sending: Sending): Promise<boolean> {
    const { disturbances } = target
    const askedAt = performance.now()
    const { path, init } = sending.request()
    const answer = await fetch(`${target.url}${path}`, init).then(
      async (response) => {
        await response.arrayBuffer()
        return response
      },
      // The process was killed: whoever sent it sends it again.
      () => null,
    )
    if (answer) {
      const { status, headers } = answer
      const undisturbed = target.disturbances === disturbances
      const record = headers.get('logout-record')
      if (record === 'durable') this.#durableAt.set(target, performance.now())
      sending.answers.push({
        askedAt,
        answeredAt: performance.now(),
        status,
        record,
        undisturbed,
        from: target,
      })
    }
    const promised = sending.answers.some(isPromise)
    if (promised) this.#unpromised.delete(sending)
    else this.#unpromised.add(sending)
    return promised
  }

  #next(): Sending {
    const dice = this.#random()
    const [unpromised] = this.#unpromised
    if (dice < 0.1 && unpromised) return unpromised
    if (dice < 0.2 && this.sent.length > 0) return this.#recent(this.sent)
    if (dice < 0.3 || this.#people.length === 0) return this.#begin()
    if (dice < 0.305) return this.#tell('user.deleted', this.#recent(this.#people).user)
    if (dice < 0.55) return this.#end()
    return this.#logOut()
  }

  #recent<T>(all: readonly T[]): T {
    const back = Math.min(RECENT, all.length)
    return all[all.length - 1 - Math.floor(this.#random() * back)] as T
  }

  #person() {
    const number = this.#people.length
    const user = `user_${Math.floor(this.#random() * USERS)}`
    // One and the same for all that is told of the session.
    const org = this.#random() < 0.5 ? `org_${number % 5}` : null
    const person = { session: `sess_storm${String(number).padStart(6, '0')}`, user, org }
    this.#people.push(person)
    return person
  }

  #begin(): Sending {
    return this.#tellOf('session.created', this.#person())
  }

  #end(): Sending {
    const kind = ENDS[Math.floor(this.#random() * ENDS.length)] ?? 'session.ended'
    return this.#tellOf(kind, this.#recent(this.#people))
  }

  #tellOf(
    kind: Sending['kind'],
    { session, user, org }: { session: string; user: string; org: string | null },
  ) {
    return this.#tell(kind, session, { user_id: user, last_active_organization_id: org })
  }

  /** What was told before is told again, with the same id. */
  #tell(kind: Sending['kind'], id: string, data: Record<string, unknown> = {}): Sending {
    const before = this.#byName.get(`${kind} ${id}`)
    if (before) return before
    // Over weeks, so that it counts in many quarters and days.
    const at = Math.floor(Date.now() - this.#random() * 20 * DAY_MS)
    const webhook = webhookOf(kind, { id, created_at: at - DAY_MS, ...data }, at)
    return this.#remember({
      kind,
      id,
      request: () => ({ path: '/v1/webhooks/clerk', init: webhook() }),
      answers: [],
    })
  }

  #logOut(): Sending {
    const { session, user } = this.#random() < 0.4 ? this.#recent(this.#people) : this.#person()
    const before = this.#byName.get(`logout.requested ${session}`)
    if (before) return before
    const iat = Math.floor(Date.now() / 1000)
    const token = clerk.token({
      sid: session,
      sub: user,
      iat,
      nbf: iat - 10,
      exp: iat + TOKEN_LIFETIME_SECONDS,
    })
    const init = { method: 'DELETE', headers: { Authorization: `Bearer ${token}` } }
    return this.#remember({
      kind: 'logout.requested',
      id: session,
      request: () => ({ path: '/v1/auth/session', init }),
      answers: [],
    })
  }

  #remember(sending: Sending): Sending {
    this.sent.push(sending)
    this.#byName.set(`${sending.kind} ${sending.id}`, sending)
    return sending
  }
}
