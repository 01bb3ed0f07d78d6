/** What the routes of the stand-in share. */
import { randomUUID } from 'node:crypto'
import type { Clock } from './clock.ts'
import type { Faults } from './faults.ts'
import type { Instance } from './instance.ts'
import type { Webhooks } from './webhooks.ts'
import type { Client, Device, Fires, World } from './world.ts'

export interface StandInParts {
  instance: Instance
  clock: Clock
  world: World
  browsers: Browsers
  webhooks: Webhooks
  faults: Faults
  fires: Fires
  secretKey: string
  applicationName: string
  /** What was asked, the newest last: `DELETE /v1/client/sessions`. */
  requests: string[]
  /** What was asked that the stand-in does not have. */
  unknown: string[]
  deviceOf: (userAgent: string | undefined) => Device
}

/**
 * Which browser asks. Clerk's development instances tell browsers apart by the `__clerk_db_jwt` that each was given. With
 * `only` all requests are of that one, as a production instance would see them come with its cookie.
 */
export class Browsers {
  readonly #world: World
  readonly #only: Client | null
  readonly #known = new Map<string, string>()

  constructor(world: World, only: Client | null) {
    this.#world = world
    this.#only = only
  }

  /** A browser that was never here: gives its `__clerk_db_jwt`. */
  add(): string {
    const devBrowser = `dvb_${randomUUID().replaceAll('-', '')}`
    this.#known.set(devBrowser, this.#world.newClient().id)
    return devBrowser
  }

  of(devBrowser: string | undefined): Client | null {
    if (this.#only) return this.#only
    return this.#world.clients.get(this.#known.get(devBrowser ?? '') ?? '') ?? null
  }
}

/** Clerk looks the place up by the address; on this machine there is none. */
export function deviceFrom(userAgent: string | undefined): Device {
  const isMobile = /Mobile|Android|iPhone/.test(userAgent ?? '')
  const [browser = 'Unknown'] = /Firefox|Edg|Chrome|Safari/.exec(userAgent ?? '') ?? []
  return {
    type: isMobile ? 'mobile' : 'desktop',
    isMobile,
    browser,
    userAgent: userAgent ?? '',
    ip: '127.0.0.1',
    city: null,
    country: null,
  }
}
