/** Services on one PostgreSQL, and what happens to them: they die, pause, lose their connections, and are started again as by a supervisor. */
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClerkService } from './clerk-service.ts'
import { startOn } from './postgres-services.ts'
import { networkTo, query, type Network } from './postgres-trails.ts'
import type { Target } from './storm-load.ts'

/** The place of a service process, with a network of its own to the database. */
export class Member implements Target {
  /** Of its connections, as PostgreSQL knows them. */
  readonly name: string
  readonly network: Network
  disturbances = 0
  /** How often it did not come up at once. */
  failedStarts = 0
  #service: ClerkService | null = null
  #busy = false

  private constructor(name: string, network: Network) {
    this.name = name
    this.network = network
  }

  static async in(t: TestContext, database: string, name: string): Promise<Member> {
    const member = new Member(name, await networkTo(t, database))
    await member.#start()
    t.after(() => member.#service?.[Symbol.asyncDispose]())
    return member
  }

  get url(): string | null {
    return this.#service?.url ?? null
  }

  /** @throws while there is none */
  get service(): ClerkService {
    if (!this.#service) throw new Error(`${this.name} does not run`)
    return this.#service
  }

  get process() {
    return this.service.process
  }

  /** Something happens to it already. */
  get busy(): boolean {
    return this.#busy
  }

  async killAndStart(): Promise<void> {
    await this.#meanwhile(async () => {
      const { service } = this
      this.disturbances += 1
      this.#service = null
      await service[Symbol.asyncDispose]()
      await this.#start()
    })
  }

  /** Stands still until `until` fulfils. */
  async pause(until: () => Promise<unknown>): Promise<void> {
    await this.#meanwhile(async () => {
      this.disturbances += 1
      this.process.kill('SIGSTOP')
      await until()
      this.disturbances += 1
      this.process.kill('SIGCONT')
    })
  }

  async lose(how: 'silent' | 'deaf', ms: number): Promise<void> {
    await this.#meanwhile(async () => {
      this.network.is = how
      await sleep(ms)
      this.network.is = 'open'
    })
  }

  async #meanwhile(happens: () => Promise<void>): Promise<void> {
    this.#busy = true
    await happens()
    this.#busy = false
  }

  async #start(): Promise<void> {
    const named = `${this.network.url}?application_name=${this.name}`
    while (!this.#service) {
      this.#service = await startOn(named).catch((error: Error) => {
        if (!/trail-unavailable/.test(error.message)) throw error
        this.failedStarts += 1
        return null
      })
    }
  }
}

type Trouble = readonly [name: string, happens: () => Promise<void>]

export interface StormOptions {
  database: string
  members: readonly Member[]
  random: () => number
  forMs: number
}

/** How often each thing happened; when it fulfils all of them are over. */
export async function storm({
  database,
  members,
  random,
  forMs,
}: StormOptions): Promise<Record<string, number>> {
  const happened: Record<string, number> = {}
  const underWay: Promise<void>[] = []
  const until = performance.now() + forMs
  while (performance.now() < until) {
    await sleep(300 + random() * 900)
    const free = members.filter(({ busy }) => !busy)
    const member = free[Math.floor(random() * free.length)]
    // One of them at least is left alone.
    if (!member || free.length < 2) continue
    const [name, happens] = troubleOf(member, { database, random })
    happened[name] = (happened[name] ?? 0) + 1
    underWay.push(happens())
  }
  await Promise.all(underWay)
  return happened
}

function troubleOf(member: Member, { database, random }: Pick<StormOptions, 'database' | 'random'>): Trouble {
  const between = (from: number, to: number) => from + random() * (to - from)
  const troubles: Trouble[] = [
    ['kill', () => member.killAndStart()],
    ['pause', () => member.pause(() => sleep(between(200, 5000)))],
    ['cut', async () => member.network.cut()],
    ['silence', () => member.lose('silent', between(500, 3000))],
    ['deafness', () => member.lose('deaf', between(500, 3000))],
    ['terminate', () => terminateSome(database, random)],
    ['terminate', () => terminateSome(database, random)],
  ]
  return troubles[Math.floor(random() * troubles.length)] as Trouble
}

/** Ends about half of all backends, unless there is no server now. */
async function terminateSome(database: string, random: () => number): Promise<void> {
  await query(
    database,
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE application_name <> '' AND (pid * $1::integer) % 11 < 5`,
    [1 + Math.floor(random() * 10)],
  ).catch(() => undefined)
}
