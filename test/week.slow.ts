/**
 * A week of the lives of 10,000 sessions: the stand-in for Clerk says by HTTP what it says, the service makes records of it, and an
 * oracle that knows what really happened says what they must be.
 */
import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it, type TestContext } from 'node:test'
import { sessionToken } from '../clerk-stand-in/shapes.ts'
import { DEMO_SECRET_KEY, startStandIn } from '../clerk-stand-in/stand-in.ts'
import { isActive, type Action, type EventType, type Session, type User } from '../clerk-stand-in/world.ts'
import { dueSessions } from '../session-ends/due.ts'
import { ViewsReader } from '../session-ends/views-reader.ts'
import { viewsPathOf } from '../session-ends/views-schema.ts'
import { sqliteViews } from '../session-ends/views-sqlite.ts'
import { seedOfThisRun } from './crash.ts'
import { chanceFrom } from './disk-image.ts'
import { startService, temporaryFolder, type RunningService } from './service.ts'
import {
  ABANDONED_AFTER_MS,
  allowed,
  LIFETIME_MS,
  statusAt,
  type Expected,
  type Truth,
} from './week-oracle.ts'

const SESSIONS = 10_000
const USERS = 2000
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const STEP_MS = 30 * MINUTE_MS
const STEPS = (7 * 24 * HOUR_MS) / STEP_MS

const KEY = 'k'.repeat(32)

/** How sessions end here, and how often. */
const fates = [
  { share: 0.57, fate: 'button' },
  { share: 0.03, fate: 'button while offline' },
  { share: 0.27, fate: 'without the button' },
  { share: 0.06, fate: 'revoked' },
  { share: 0.015, fate: 'button, and Clerk fails' },
  { share: 0.01, fate: 'replaced' },
  { share: 0.01, fate: 'forgotten' },
  { share: 0.015, fate: 'used, then runs out' },
  { share: 0.02, fate: 'runs out' },
] as const
type Fate = (typeof fates)[number]['fate']

const ends: readonly EventType[] = ['session.ended', 'session.removed', 'session.revoked']

interface Life {
  truth: Truth
  fate: Fate
  /** The step at which its fate comes. */
  at: number
}

class Week {
  readonly lives: Life[] = []
  readonly #random: () => number
  readonly #standIn
  readonly #folder = temporaryFolder()
  readonly #aheadFile = join(this.#folder, 'ahead-ms')
  readonly #views = new ViewsReader(sqliteViews(viewsPathOf(join(this.#folder, 'trail.db'))))
  readonly #users: User[] = []
  readonly #byId = new Map<string, Life>()
  service: RunningService | null = null
  counts: Record<string, number> = {}

  constructor(standIn: Awaited<ReturnType<typeof startStandIn>>, random: () => number) {
    this.#standIn = standIn
    this.#random = random
    for (let user = 0; user < USERS; user += 1) this.#users.push(standIn.world.addUser())
    standIn.webhooks.settings.sending = 'held'
    standIn.webhooks.settings.lose = 0.01
    standIn.webhooks.settings.repeat = 0.05
    this.#setClock(0)
  }

  async start(): Promise<void> {
    const { instance, webhookSecret, url } = this.#standIn
    this.service = await startService({
      folder: this.#folder,
      env: {
        NODE_OPTIONS: `--import ${resolve(import.meta.dirname, 'moved-clock.ts')}`,
        CLOCK_AHEAD_FILE: this.#aheadFile,
        DATABASE_URL: 'file:trail.db',
        CLERK_PUBLISHABLE_KEY: instance.publishableKey,
        CLERK_JWT_KEY: instance.publicPem,
        CLERK_WEBHOOK_SIGNING_SECRET: webhookSecret,
        CLERK_SECRET_KEY: DEMO_SECRET_KEY,
        CLERK_API_URL: url,
        SWEEP_INTERVAL_SECONDS: '1',
        READER_API_KEYS: `test:${KEY}`,
      },
    })
    this.#standIn.webhooks.url = `${this.service.url}/v1/webhooks/clerk`
  }

  now(): number {
    return this.#standIn.clock.now()
  }

  /** First the service's clock, so that nothing comes to it from the future. */
  async letPass(ms: number): Promise<void> {
    this.#setClock(this.#standIn.clock.aheadMs() + ms)
    await sleep(5)
    this.#standIn.advance(ms)
  }

  #setClock(aheadMs: number): void {
    writeFileSync(`${this.#aheadFile}.next`, String(aheadMs))
    renameSync(`${this.#aheadFile}.next`, this.#aheadFile)
  }

  /** Begins sessions, and brings on what is due. Gives the logouts that are under way. */
  act(step: number): Promise<void>[] {
    const until = Math.ceil(((step + 1) / STEPS) * SESSIONS)
    while (this.lives.length < until) this.#begin(step)
    const due = this.lives.filter(({ at, truth }) => at === step && this.#sessionOf(truth))
    for (const { truth, fate } of this.lives) {
      const age = this.now() - truth.createdAt
      if (fate !== 'used, then runs out' || age > LIFETIME_MS || step % 40 !== 0) continue
      const session = this.#sessionOf(truth)
      if (!session) continue
      this.#standIn.world.touch(session)
      truth.touches.push(session.lastActiveAt)
    }
    return due.flatMap((life) => this.#meet(life))
  }

  /** The account of somebody who is signed in. */
  endAccount(kind: 'account-deleted' | 'account-banned'): void {
    const { world } = this.#standIn
    const withSession = this.lives.flatMap(({ truth }) => (this.#sessionOf(truth) ? truth.userId : []))
    const user = world.users.get(withSession[Math.floor(this.#random() * withSession.length)] ?? '')
    if (!user) return
    this.#users.splice(this.#users.indexOf(user), 1)
    const mix = this.#random() < 0.5 ? [] : this.#mix()
    const own = kind === 'account-deleted' ? 'user.deleted' : 'user.updated'
    const action = kind === 'account-deleted' ? 'user-deleted' : 'user-banned'
    this.#standIn.fires[action] = [own, ...mix]
    const active = this.lives.filter(({ truth }) => truth.userId === user.id && this.#sessionOf(truth))
    const at = this.now()
    const made = this.#made(() => (kind === 'account-deleted' ? world.deleteUser(user) : world.banUser(user)))
    for (const { truth } of active) truth.over ??= { at, status: 'revoked' }
    const heard = made.find(({ type }) => type === own)
    if (!heard) return
    for (const { truth } of this.lives) {
      if (truth.userId === user.id) truth.account = { kind, at: heard.at }
    }
  }

  /** Sends what was held. */
  async release(): Promise<void> {
    this.#standIn.webhooks.release('shuffled')
    await this.#standIn.webhooks.idle()
  }

  /** Until every webhook arrived that can, the records know the trail, and Clerk was asked for what is due. */
  async settle(): Promise<void> {
    await this.release()
    while (!(await this.#isSettled())) await sleep(100)
  }

  async #isSettled(): Promise<boolean> {
    const request = { now: this.now(), after: null, limit: 1 }
    const due = await this.#views.atOneMoment((rows) => dueSessions(rows, request))
    return due?.length === 0
  }

  /** Webhooks that were refused while the service was away. */
  waiting(): number {
    return this.#standIn.webhooks.deliveries.filter(({ state }) => state === 'waiting' || state === 'failed')
      .length
  }

  clerkIsDown(isDown: boolean): void {
    if (isDown) this.#standIn.faults.set({ group: 'backend', trouble: 'down' })
    else this.#standIn.faults.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#views.close()
    await this.service?.[Symbol.asyncDispose]()
  }

  #begin(step: number): void {
    const { world } = this.#standIn
    const user = this.#users[Math.floor(this.#random() * this.#users.length)]
    assert.ok(user)
    this.#standIn.fires['sign-in'] =
      this.#random() < 0.1 ? ['session.pending', 'session.created'] : ['session.created']
    let session: Session | null = null
    const made = this.#made(() => (session = world.signIn(user, world.newClient())))
    const { id, createdAt } = session as unknown as Session
    const truth: Truth = {
      id,
      userId: user.id,
      createdAt,
      touches: [],
      over: null,
      told: made,
      request: null,
      account: null,
    }
    const life = { truth, fate: this.#drawFate(), at: step + 1 + Math.floor(this.#random() * 40) }
    this.lives.push(life)
    this.#byId.set(id, life)
  }

  #drawFate(): Fate {
    let left = this.#random()
    for (const { share, fate } of fates) if ((left -= share) < 0) return fate
    return 'runs out'
  }

  /** Of the ends that Clerk knows: any of them, several, and at times none. */
  #mix(): EventType[] {
    if (this.#random() < 0.03) return []
    const some = ends.filter(() => this.#random() < 0.4)
    return some.length > 0 ? some : ['session.removed']
  }

  /** Null once it is over. */
  #sessionOf({ id }: Truth): Session | null {
    const session = this.#standIn.world.session(id)
    return session && isActive(session) ? session : null
  }

  #meet({ truth, fate }: Life): Promise<void>[] {
    this.counts[fate] = (this.counts[fate] ?? 0) + 1
    const session = this.#sessionOf(truth)
    if (!session) return []
    switch (fate) {
      case 'button': {
        // The report and Clerk's webhooks race, as in a browser.
        const report = this.#logOut(truth, session)
        this.#end(truth, this.#random() < 0.8 ? 'sign-out' : 'sign-out-all')
        return [report]
      }
      case 'button, and Clerk fails':
        return [this.#logOut(truth, session)]
      case 'button while offline':
        this.#end(truth, 'sign-out')
        return []
      case 'without the button':
        this.#end(truth, this.#random() < 0.5 ? 'sign-out' : 'end')
        return []
      case 'revoked':
        this.#end(truth, 'revoke')
        return []
      case 'replaced':
        this.#standIn.world.replace(truth.id)
        truth.over = { at: this.now(), status: 'replaced' }
        return []
      case 'forgotten':
        this.#standIn.world.forget(truth.id)
        truth.over = { at: this.now(), status: 'forgotten' }
        return []
      case 'used, then runs out':
      case 'runs out':
        return []
    }
  }

  #end(truth: Truth, action: Action): void {
    this.#standIn.fires[action] = this.#mix()
    const at = this.now()
    let status: Session['status'] | undefined
    truth.told.push(...this.#made(() => (status = this.#standIn.world.end(truth.id, action)?.status)))
    assert.ok(status)
    truth.over = { at, status }
  }

  /** What Clerk said by webhooks that were not lost while this ran; of other sessions too, when an account ended. */
  #made(run: () => void): { type: string; at: number }[] {
    const { webhooks } = this.#standIn
    const before = webhooks.made
    run()
    const made = webhooks.deliveries.slice(-(webhooks.made - before || Infinity))
    if (webhooks.made === before) return []
    const heard = made
      .filter(({ state }) => state !== 'lost')
      .map(({ type, body }) => {
        const { data, timestamp } = JSON.parse(body) as { data: { id: string }; timestamp: number }
        return { type, at: timestamp, id: data.id }
      })
    this.counts['webhooks'] = (this.counts['webhooks'] ?? 0) + made.length
    this.counts['webhooks lost'] = (this.counts['webhooks lost'] ?? 0) + made.length - heard.length
    for (const { type, at, id } of heard) {
      const other = this.#byId.get(id)
      if (other && type !== 'session.created' && made.some((one) => one.type.startsWith('user.')))
        other.truth.told.push({ type, at })
    }
    return heard.map(({ type, at }) => ({ type, at }))
  }

  async #logOut(truth: Truth, session: Session): Promise<void> {
    const from = this.now()
    const token = sessionToken(this.#standIn.instance, session, { origin: null, now: from })
    const service = this.service
    let recorded: 'yes' | 'perhaps' | 'no' = 'no'
    try {
      const answer = await fetch(`${service?.url}/v1/auth/session`, {
        method: 'DELETE',
        headers: { Authorization: `Bearer ${token}` },
      })
      const record = answer.headers.get('logout-record')
      recorded = record === 'durable' ? 'yes' : 'perhaps'
    } catch (error) {
      // Shut: nobody heard of it. Killed meanwhile: nobody knows.
      const { code } = ((error as Error).cause ?? {}) as { code?: string }
      recorded = code === 'ECONNREFUSED' ? 'no' : 'perhaps'
    }
    truth.request = { from, to: this.now(), recorded }
    this.counts[`logouts recorded: ${recorded}`] = (this.counts[`logouts recorded: ${recorded}`] ?? 0) + 1
  }
}

async function recordOf(service: RunningService, id: string): Promise<Record<string, unknown> | null> {
  const answer = await fetch(`${service.url}/v1/sessions/${id}`, {
    headers: { Authorization: `Bearer ${KEY}` },
  })
  const body = (await answer.json()) as Record<string, unknown>
  return answer.status === 404 ? null : body
}

/** Of the record, what the oracle speaks about. */
function asExpected(record: Record<string, unknown> | null): Expected | null {
  if (!record) return null
  const time = (name: string) => (record[name] === null ? null : Date.parse(record[name] as string))
  return {
    state: record['state'] as Expected['state'],
    reason: record['reason'] as string | null,
    confidence: record['confidence'] as Expected['confidence'],
    ended_at: time('ended_at'),
    started_at: time('started_at'),
    requested: record['requested_at'] !== null,
    unconfirmed: record['unconfirmed'] === true,
  }
}

describe('a week of 10,000 sessions', () => {
  it('gives the records that one who knows the truth would write', { timeout: 900_000 }, async (t) => {
    const seed = seedOfThisRun()
    const random = chanceFrom(seed)
    await using standIn = await startStandIn({
      random,
      sessionLifetimeMs: LIFETIME_MS,
      abandonAfterMs: ABANDONED_AFTER_MS,
      webhooks: { url: null, concurrency: 16, signedBy: 'its own clock' },
    })
    await using week = new Week(standIn, random)
    await week.start()
    await live(week, random)
    const { service } = week
    assert.ok(service)
    t.diagnostic(`seed ${seed}: ${JSON.stringify(week.counts)}`)
    const wrong = await compare(week, service)
    assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} records are wrong; seed ${seed}`)
    await checkCounts(week, service, t)
  })
})

const KILLED_AT = [101, 230]
const CLERK_DOWN_AT = 160

async function live(week: Week, random: () => number): Promise<void> {
  const accountsEndAt = new Set(Array.from({ length: 40 }, () => Math.floor(random() * STEPS)))
  for (let step = 0; step < STEPS; step += 1) {
    await week.letPass(STEP_MS)
    const logouts = week.act(step)
    if (KILLED_AT.includes(step)) {
      const released = week.release()
      await sleep(5 + random() * 40)
      week.service?.process.kill('SIGKILL')
      await week.service?.ended
      await Promise.all([released, ...logouts])
      // People go on meanwhile.
      continue
    }
    await Promise.all(logouts)
    if (KILLED_AT.includes(step - 1)) {
      await week.release()
      await week.start()
      continue
    }
    if (step === CLERK_DOWN_AT) week.clerkIsDown(true)
    const clerkIsDown = step >= CLERK_DOWN_AT && step < CLERK_DOWN_AT + 2
    if (step === CLERK_DOWN_AT + 2) week.clerkIsDown(false)
    if (clerkIsDown) continue
    if (accountsEndAt.has(step)) {
      await week.settle()
      week.endAccount(random() < 0.5 ? 'account-deleted' : 'account-banned')
      await week.release()
    } else if (step % 3 === 0) await week.release()
  }
  await week.settle()
  // Two hours, for what was asked for within the last one, and for webhooks that were refused while the service was away.
  for (let step = 0; step < 4; step += 1) {
    await week.letPass(STEP_MS)
    await week.settle()
  }
  assert.equal(week.waiting(), 0, 'webhooks that were not delivered')
}

async function compare(week: Week, service: RunningService): Promise<object[]> {
  const wrong: object[] = []
  for (let at = 0; at < week.lives.length; at += 50) {
    const some = week.lives.slice(at, at + 50)
    const records = await Promise.all(some.map(({ truth }) => recordOf(service, truth.id)))
    for (const [index, { truth, fate }] of some.entries()) {
      const record = records[index] ?? null
      const is = asExpected(record)
      const right = allowed(truth, week.now())
      if (!right.some((one) => isSame(one, is))) wrong.push({ fate, is, expected: right, truth, record })
    }
  }
  return wrong
}

function isSame(a: Expected | null, b: Expected | null): boolean {
  return JSON.stringify(a, keys) === JSON.stringify(b, keys)
}

const keys: (keyof Expected)[] = [
  'state',
  'reason',
  'confidence',
  'ended_at',
  'started_at',
  'requested',
  'unconfirmed',
]

/** The week had in it what it should have had, and no session that lives has an end. */
async function checkCounts(week: Week, service: RunningService, t: TestContext): Promise<void> {
  const seen: Record<string, number> = {}
  let living = 0
  for (const { truth } of week.lives) {
    const record = await recordOf(service, truth.id)
    const word = record ? String(record['reason'] ?? record['state']) : 'no record'
    seen[word] = (seen[word] ?? 0) + 1
    if (statusAt(truth, week.now()).status === 'active') {
      living += 1
      assert.notEqual(record?.['state'], 'ended', `${truth.id} lives`)
    }
  }
  t.diagnostic(`${living} live; records: ${JSON.stringify(seen)}`)
  assert.ok(living > 50)
  for (const reason of [
    'signed-out',
    'revoked',
    'expired',
    'abandoned',
    'replaced',
    'unknown',
    'account-deleted',
    'account-banned',
    'open',
    'no record',
  ]) {
    assert.ok((seen[reason] ?? 0) > 0, `no record of this week is ${reason}`)
  }
}
