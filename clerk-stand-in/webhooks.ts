/**
 * Webhooks, signed and delivered as Svix does for Clerk: `svix-id` stays the same over all attempts, each attempt has a
 * new timestamp and signature.
 *
 * The timestamp of an attempt is of the real clock, whatever the stand-in's clock says: receivers refuse what is over five
 * minutes off; for a receiver whose clock was moved too, it can be of the stand-in's. The time in the body is the stand-in's. How often Svix tries again: https://docs.svix.com/retries.
 */
import { randomUUID } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import type { Clock } from './clock.ts'
import type { Instance } from './instance.ts'
import { sessionJson, userJson } from './shapes.ts'
import type { WorldEvent } from './world.ts'

export interface WebhookSettings {
  /** `held`: nothing is sent before `release`. */
  sending: 'at once' | 'held'
  /** 0 to 1: of this share nothing ever arrives. */
  lose: number
  /** 0 to 1: this share arrives twice. */
  repeat: number
  /** Before each first attempt. */
  delayMs: number
}

export interface Attempt {
  /** ms since 1970, by the real clock. */
  at: number
  /** The status that was answered, or why there is none. */
  result: number | string
}

export interface Delivery {
  /** The `svix-id`. */
  id: string
  type: string
  body: string
  state: 'held' | 'waiting' | 'delivered' | 'failed' | 'lost'
  attempts: Attempt[]
  /** When it is tried again, by the stand-in's clock. */
  dueAt: number | null
}

export type Order = 'as sent' | 'reversed' | 'shuffled'

export interface WebhooksOptions {
  instance: Instance
  clock: Clock
  /** Null: nobody receives webhooks. */
  url: string | null
  /** `whsec_` and base64. */
  secret: string
  /** From 0 up to 1. */
  random: () => number
  /** How many attempts are under way at once. */
  concurrency: number
  /** Of the timestamps of attempts. */
  signedBy: 'the real clock' | 'its own clock'
}

const SECOND_MS = 1000
const HOUR_MS = 3_600_000

/** Between an attempt and the next. */
const RETRY_AFTER_MS = [
  5 * SECOND_MS,
  300 * SECOND_MS,
  0.5 * HOUR_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  10 * HOUR_MS,
]

const ANSWER_WITHIN_MS = 15 * SECOND_MS

/** Older ones are forgotten once they are done. */
const KEPT = 1000

export class Webhooks {
  readonly settings: WebhookSettings = { sending: 'at once', lose: 0, repeat: 0, delayMs: 0 }
  /** How many were made, and how many attempts at sending them. */
  made = 0
  attempts = 0
  readonly #options: WebhooksOptions
  readonly #deliveries = new Map<string, Delivery>()
  readonly #line: Delivery[] = []
  #underWay = 0
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #closing = new AbortController()
  readonly #idle: (() => void)[] = []

  constructor(options: WebhooksOptions) {
    this.#options = options
  }

  get url(): string | null {
    return this.#options.url
  }

  set url(url: string | null) {
    this.#options.url = url
  }

  get deliveries(): Delivery[] {
    return [...this.#deliveries.values()]
  }

  send(event: WorldEvent): void {
    this.made += 1
    const { lose, repeat, sending, delayMs } = this.settings
    const delivery: Delivery = {
      id: `msg_${randomUUID().replaceAll('-', '')}`,
      type: event.type,
      body: JSON.stringify(envelope(event, this.#options.instance)),
      state: sending === 'held' ? 'held' : 'waiting',
      attempts: [],
      dueAt: null,
    }
    this.#keep(delivery)
    if (this.#options.random() < lose) delivery.state = 'lost'
    const copies = this.#options.random() < repeat ? 2 : 1
    for (let copy = 0; copy < copies; copy += 1) {
      if (delivery.state === 'held') this.#line.push(delivery)
      if (delivery.state === 'waiting') this.#after(delayMs, () => this.#queue(delivery))
    }
  }

  /** Sends what is held. */
  release(order: Order = 'as sent'): void {
    const held = this.#line.filter(({ state }) => state === 'held')
    for (const delivery of held) delivery.state = 'waiting'
    if (order === 'reversed') this.#line.reverse()
    if (order === 'shuffled') shuffle(this.#line, this.#options.random)
    this.#next()
  }

  /** Sends it once more, as the Replay button of Clerk's dashboard does. */
  replay(id: string): boolean {
    const delivery = this.#deliveries.get(id)
    if (!delivery) return false
    delivery.state = 'waiting'
    this.#queue(delivery)
    return true
  }

  /** Sends again what has become due: called when the stand-in's clock was advanced. */
  retryDue(): void {
    const now = this.#options.clock.now()
    for (const delivery of this.#deliveries.values()) {
      if (delivery.state !== 'waiting' || delivery.dueAt === null || delivery.dueAt > now) continue
      delivery.dueAt = null
      this.#queue(delivery)
    }
  }

  /** Fulfils when nothing is under way or about to be; what is held, and retries that are not due, may remain. */
  idle(): Promise<void> {
    if (this.#isIdle) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  close(): void {
    this.#closing.abort()
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    this.#line.length = 0
  }

  get #isIdle(): boolean {
    return (
      this.#underWay === 0 && this.#timers.size === 0 && !this.#line.some(({ state }) => state === 'waiting')
    )
  }

  #keep(delivery: Delivery): void {
    this.#deliveries.set(delivery.id, delivery)
    if (this.#deliveries.size <= KEPT) return
    for (const { id, state } of this.#deliveries.values()) {
      if (this.#deliveries.size <= KEPT) return
      if (state !== 'held' && state !== 'waiting') this.#deliveries.delete(id)
    }
  }

  #after(ms: number, run: () => void): void {
    if (ms === 0) return run()
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      run()
    }, ms)
    this.#timers.add(timer)
  }

  #queue(delivery: Delivery): void {
    this.#line.push(delivery)
    this.#next()
  }

  #next(): void {
    const { url, concurrency } = this.#options
    while (this.#underWay < concurrency) {
      const at = this.#line.findIndex(({ state }) => state !== 'held')
      if (at < 0) break
      const [delivery] = this.#line.splice(at, 1)
      if (!delivery || delivery.state === 'lost') continue
      if (url === null) delivery.state = 'lost'
      else this.#attempt(delivery, url).catch((error: unknown) => this.#cannotSend(delivery, error))
    }
    if (this.#isIdle) for (const resolve of this.#idle.splice(0)) resolve()
  }

  async #attempt(delivery: Delivery, url: string): Promise<void> {
    this.#underWay += 1
    this.attempts += 1
    const result = await post(url, this.#signed(delivery), this.#closing.signal)
    delivery.attempts.push({ at: Date.now(), result })
    this.#underWay -= 1
    if (typeof result === 'number' && result >= 200 && result < 300) delivery.state = 'delivered'
    else if (delivery.state !== 'delivered') this.#again(delivery)
    this.#next()
  }

  /** The secret is none that can sign, say. */
  #cannotSend(delivery: Delivery, error: unknown): void {
    this.#underWay -= 1
    delivery.state = 'failed'
    delivery.attempts.push({ at: Date.now(), result: String(error) })
    this.#next()
  }

  #again(delivery: Delivery): void {
    const wait = RETRY_AFTER_MS[delivery.attempts.length - 1]
    if (wait === undefined || this.#closing.signal.aborted) {
      delivery.state = 'failed'
      return
    }
    delivery.state = 'waiting'
    delivery.dueAt = this.#options.clock.now() + wait
    setTimeout(() => this.retryDue(), wait).unref()
  }

  #signed({ id, body }: Delivery): RequestInit {
    const { signedBy, clock } = this.#options
    const at = new Date(signedBy === 'its own clock' ? clock.now() : Date.now())
    return {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Svix-Webhooks/1 (clerk-stand-in)',
        'svix-id': id,
        'svix-timestamp': String(Math.floor(at.getTime() / SECOND_MS)),
        'svix-signature': new Webhook(this.#options.secret).sign(id, at, body),
      },
    }
  }
}

/** The status, or what went wrong. */
async function post(url: string, init: RequestInit, closing: AbortSignal): Promise<number | string> {
  try {
    const signal = AbortSignal.any([closing, AbortSignal.timeout(ANSWER_WITHIN_MS)])
    const response = await fetch(url, { ...init, signal, redirect: 'manual' })
    await response.arrayBuffer()
    return response.status
  } catch (error) {
    const { cause } = error as Error
    return cause instanceof Error ? cause.message : (error as Error).message
  }
}

/** The whole user comes with each session, as Clerk sends it. */
function envelope(event: WorldEvent, { id }: Instance) {
  return {
    data: dataOf(event),
    object: 'event',
    type: event.type,
    timestamp: event.at,
    instance_id: id,
    event_attributes: {
      http_request: { client_ip: event.device.ip, user_agent: event.device.userAgent },
    },
  }
}

function dataOf(event: WorldEvent) {
  if ('session' in event) {
    return { ...sessionJson(event.session), user: event.user ? userJson(event.user) : null }
  }
  return event.type === 'user.deleted'
    ? { id: event.user.id, object: 'user', deleted: true }
    : userJson(event.user)
}

function shuffle(list: Delivery[], random: () => number): void {
  for (let at = list.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1))
    const [a, b] = [list[at], list[other]]
    if (a === undefined || b === undefined) continue
    list[at] = b
    list[other] = a
  }
}
