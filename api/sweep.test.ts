/** The sweep with the real @clerk/backend, against the stand-in over HTTP, on a real trail. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { newInstance, type Instance } from '../clerk-stand-in/instance.ts'
import { startStandIn, DEMO_SECRET_KEY } from '../clerk-stand-in/stand-in.ts'
import type { Session } from '../clerk-stand-in/world.ts'
import type { DueSession } from '../session-ends/due.ts'
import { followOnce } from '../session-ends/follow.ts'
import { openViews } from '../session-ends/views-files.ts'
import { readingOf } from '../session-ends/reading.ts'
import { ViewsReader } from '../session-ends/views-reader.ts'
import { sqliteViews } from '../session-ends/views-sqlite.ts'
import { viewsPathOf } from '../session-ends/views-schema.ts'
import { until } from '../test/clerk-service.ts'
import { temporaryFolder } from '../test/service.ts'
import { logoutRequested, type Report, type SessionId, type UserId } from '../trail/entry.ts'
import { openSqliteReader } from '../trail/stores/sqlite-reader.ts'
import { openSqliteStore } from '../trail/stores/sqlite.ts'
import { backendClient } from './clerk/backend.ts'
import { pemKeys } from './clerk/keys.ts'
import { instanceOf } from './clerk/same-instance.ts'
import { sessionLookUp } from './clerk/session-lookup.ts'
import { Sweep, type SweepParts } from './sweep.ts'

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

async function open(keysOf?: Instance) {
  const standIn = await startStandIn()
  const path = join(temporaryFolder(), 'trail.db')
  const store = await openSqliteStore({ path, issuer: standIn.instance.issuer })
  const reader = openSqliteReader(path)
  const views = await openViews(viewsPathOf(path), reader)
  const records = new ViewsReader(sqliteViews(viewsPathOf(path)))
  const reading = readingOf(records, reader)
  const client = backendClient({ secretKey: DEMO_SECRET_KEY, apiUrl: standIn.url })
  const seen = {
    answers: [] as string[],
    stillActive: [] as string[],
    unusable: [] as string[],
    failures: 0,
    otherInstance: 0,
    rounds: [] as number[],
  }
  const { now } = standIn.clock
  const add = async (...reports: Report[]) => {
    await store.append(reports, now())
    while ((await followOnce(views, reader)) > 0) continue
  }
  /** As after a restart: with nothing in memory. */
  const newSweep = (parts: Partial<SweepParts> = {}) =>
    new Sweep({
      due: reading.due,
      instance: instanceOf(client, pemKeys([(keysOf ?? standIn.instance).publicPem])),
      lookUp: sessionLookUp(client, 'truncate'),
      record: async (report) => {
        await add(report)
        return 'durable'
      },
      now,
      observe: {
        asked: (answer) => seen.answers.push(answer),
        stillActive: (session) => seen.stillActive.push(session),
        anotherInstance: () => (seen.otherInstance += 1),
        unusable: (session) => seen.unusable.push(session),
        busy: () => undefined,
        failed: () => (seen.failures += 1),
        broke: (error) => assert.fail(error as Error),
        roundEnded: (sessions) => seen.rounds.push(sessions),
      },
      ...parts,
    })
  const user = standIn.world.addUser()
  return {
    standIn,
    seen,
    newSweep,
    round: async (sweep = newSweep()) => (await sweep.round(new AbortController().signal)).answered,
    /** The sessions that Clerk was asked for, in that order. */
    askedFor: () => standIn.requests.flatMap((asked) => /\/v1\/sessions\/(\S+)/.exec(asked)?.[1] ?? []),
    /** Gives what ends it. */
    run: (intervalMs: number, sweep = newSweep()) => {
      const closing = new AbortController()
      const running = sweep.run(intervalMs, closing.signal)
      return () => {
        closing.abort()
        return running
      }
    },
    now,
    /** Begins a session at the stand-in that the trail knows of. */
    begin: async (): Promise<Session> => {
      const session = standIn.world.signIn(user, standIn.world.newClient())
      await add({
        kind: 'session.created',
        source: 'webhook',
        occurred_at: now(),
        naturalKey: `created ${session.id}`,
        keyedAt: now(),
        session_id: session.id as SessionId,
        user_id: session.userId as UserId,
        session_created_at: session.createdAt,
        session_expire_at: session.expireAt,
        session_abandon_at: session.abandonAt,
      })
      return session
    },
    ask: (session: Session) =>
      add(
        logoutRequested(now(), {
          session_id: session.id as SessionId,
          user_id: session.userId as UserId,
          org_id: null,
          actor_id: null,
          ip: null,
          user_agent: null,
          azp: null,
          token_iat: Math.floor(now() / 1000),
          token_state: 'valid',
          request_id: null,
          trace_id: null,
          intent: 'user',
        }),
      ),
    recordOf: async (session: Session) => (await records.session(session.id, now()))?.record,
    [Symbol.asyncDispose]: async () => {
      await views.close()
      await records.close()
      reader.close()
      await store.close()
      await standIn.close()
    },
  }
}

describe('the sweep', () => {
  it('asks for nothing that is not due', async () => {
    await using world = await open()
    await world.ask(await world.begin())
    await world.begin()
    world.standIn.advance(5 * MINUTE_MS)
    assert.equal(await world.round(), 0)
    assert.deepEqual(world.askedFor(), [])
  })

  it('finds the session that expired, of which no webhook tells, with the moment at which it did', async () => {
    await using world = await open()
    const session = await world.begin()
    world.standIn.advance(8 * DAY_MS)

    assert.equal(await world.round(), 1)

    const record = await world.recordOf(session)
    assert.deepEqual(
      [record?.reason, record?.confidence, record?.initiator, record?.ended_at],
      ['expired', 'confirmed', 'policy', session.expireAt],
    )
  })

  it('finds what a lost webhook would have told', async () => {
    await using world = await open()
    const session = await world.begin()
    await world.ask(session)
    world.standIn.world.end(session.id, 'sign-out')
    world.standIn.advance(11 * MINUTE_MS)
    await world.round()
    assert.equal((await world.recordOf(session))?.sentence, 'Signed out by the user; confirmed by Clerk.')
  })

  it('says that a session lives whose logout was asked for, ends nothing, and asks again only when it must be over', async () => {
    await using world = await open()
    const session = await world.begin()
    await world.ask(session)
    world.standIn.advance(11 * MINUTE_MS)
    await world.round()

    const record = await world.recordOf(session)
    assert.equal(record?.state, 'requested')
    assert.equal(
      record?.sentence,
      'The user asked to log out, but when Clerk was asked later the session was still active.',
    )
    assert.deepEqual(world.seen.stillActive, [session.id])
    assert.equal(world.standIn.world.session(session.id)?.status, 'active')
    assert.deepEqual(world.standIn.requests, ['GET /v1/jwks', `GET /v1/sessions/${session.id}`])

    assert.equal(await world.round(), 0)
    world.standIn.advance(8 * DAY_MS)
    assert.equal(await world.round(), 1)
    assert.equal((await world.recordOf(session))?.reason, 'expired')
  })

  it('records that Clerk no longer has a session, as inferred', async () => {
    await using world = await open()
    const session = await world.begin()
    world.standIn.advance(8 * DAY_MS)
    world.standIn.world.forget(session.id)
    await world.round()
    const record = await world.recordOf(session)
    assert.deepEqual([record?.reason, record?.confidence, record?.ended_at], ['unknown', 'inferred', null])
  })

  it('asks nothing twice, also after a restart', async () => {
    await using world = await open()
    for (let count = 0; count < 5; count += 1) await world.begin()
    world.standIn.advance(8 * DAY_MS)
    const sweep = world.newSweep()
    assert.equal(await world.round(sweep), 5)
    assert.equal(await world.round(sweep), 0)
    assert.equal(await world.round(), 0)
    assert.equal(world.askedFor().length, 5)
  })

  it('waits as long as Clerk says, and not longer, and goes on', async () => {
    await using world = await open()
    const session = await world.begin()
    world.standIn.advance(8 * DAY_MS)
    world.standIn.faults.set({
      group: 'backend',
      trouble: 429,
      matching: 'sessions',
      times: 1,
      retryAfterSeconds: 1,
    })
    const startedAt = performance.now()
    const end = world.run(60_000)
    await until(async () => (await world.recordOf(session))?.state === 'ended')
    await end()
    assert.ok(performance.now() - startedAt >= 950)
    assert.deepEqual(world.seen.answers, ['busy', 'expired'])
  })

  it('survives a Clerk that is down, and asks again later', async () => {
    await using world = await open()
    const session = await world.begin()
    world.standIn.advance(8 * DAY_MS)
    const sweep = world.newSweep()
    for (const trouble of ['down', 500, 401] as const) {
      world.standIn.faults.set({ group: 'backend', trouble, matching: 'sessions', times: 1 })
      assert.equal(await world.round(sweep), 0)
    }
    assert.equal(world.seen.failures, 3)
    assert.deepEqual(world.seen.rounds, [])
    assert.equal(await world.round(sweep), 1)
    assert.equal((await world.recordOf(session))?.state, 'ended')
    assert.deepEqual(world.seen.rounds, [1])
  })

  it('asks at most 20 times a second, and stops when it is told to', async () => {
    await using world = await open()
    for (let count = 0; count < 12; count += 1) await world.begin()
    world.standIn.advance(8 * DAY_MS)
    const startedAt = performance.now()
    const end = world.run(60_000)
    await until(() => world.seen.answers.length >= 11)
    assert.ok(performance.now() - startedAt >= 10 * 45)
    await end()
  })

  it('asks for the next while Clerk takes its time', async () => {
    await using world = await open()
    for (let count = 0; count < 12; count += 1) await world.begin()
    world.standIn.advance(8 * DAY_MS)
    world.standIn.faults.set({ group: 'backend', trouble: 'slow', delayMs: 300 })
    const sweep = world.newSweep()
    const startedAt = performance.now()
    assert.equal(await world.round(sweep), 12)
    // One after the other it would be 3.6 s.
    assert.ok(performance.now() - startedAt < 2500)
  })

  it('asks for the longest due first', async () => {
    await using world = await open()
    const begun: string[] = []
    for (let count = 0; count < 4; count += 1) {
      begun.push((await world.begin()).id)
      world.standIn.advance(MINUTE_MS)
    }
    const [unconfirmed, ...rest] = begun
    world.standIn.advance(8 * DAY_MS)
    const asked = await world.begin()
    await world.ask(asked)
    world.standIn.advance(11 * MINUTE_MS)
    await world.round()
    assert.deepEqual(world.askedFor(), [unconfirmed, ...rest, asked.id])
  })

  it('asks for no session as long as its secret key may be of another instance', async () => {
    await using world = await open(newInstance('another-1.clerk.accounts.dev'))
    const session = await world.begin()
    world.standIn.advance(8 * DAY_MS)
    const sweep = world.newSweep()
    assert.equal(await world.round(sweep), 0)
    assert.equal(await world.round(sweep), 0)
    assert.equal(world.seen.otherInstance, 2)
    assert.deepEqual(world.askedFor(), [])
    assert.equal((await world.recordOf(session))?.state, 'open')
    assert.deepEqual(world.seen.rounds, [])
  })

  it('asks for sessions once it knows the instance, which it asks for until Clerk answers', async () => {
    await using world = await open()
    await world.begin()
    world.standIn.advance(8 * DAY_MS)
    const sweep = world.newSweep()
    world.standIn.faults.set({ group: 'backend', trouble: 'down', times: 1 })
    assert.equal(await world.round(sweep), 0)
    assert.equal(world.seen.failures, 1)
    assert.equal(await world.round(sweep), 1)
    assert.equal(await world.round(sweep), 0)
    assert.equal(world.standIn.requests.filter((asked) => asked === 'GET /v1/jwks').length, 2)
  })

  it('gives up an answer that does not come, and asks for the other sessions', async () => {
    await using world = await open()
    const hanging = await world.begin()
    world.standIn.advance(MINUTE_MS)
    const other = await world.begin()
    world.standIn.advance(8 * DAY_MS)
    const matching = hanging.id
    world.standIn.faults.set({ group: 'backend', trouble: 'hang', matching })
    const sweep = world.newSweep({ answerWithinMs: 100 })
    await world.round(sweep)
    await world.round(sweep)
    assert.ok(world.seen.failures >= 1)
    assert.equal((await world.recordOf(other))?.state, 'ended')
    assert.equal((await world.recordOf(hanging))?.state, 'open')
  })

  it('stops at once when it is told to, also while Clerk answers nothing', async () => {
    await using world = await open()
    await world.begin()
    world.standIn.advance(8 * DAY_MS)
    world.standIn.faults.set({ group: 'backend', trouble: 'hang', matching: 'sessions' })
    const end = world.run(60_000)
    await world.standIn.asked(/v1\/sessions/)
    const startedAt = performance.now()
    await end()
    assert.ok(performance.now() - startedAt < 500)
    assert.deepEqual(world.seen.answers, [])
  })

  it('leaves out one session that Clerk refuses, for an hour, and goes on with the others', async () => {
    await using world = await open()
    const refused = await world.begin()
    world.standIn.advance(MINUTE_MS)
    const other = await world.begin()
    world.standIn.advance(8 * DAY_MS)
    world.standIn.faults.set({ group: 'backend', trouble: 422, matching: refused.id, times: 1 })
    const sweep = world.newSweep()
    assert.equal(await world.round(sweep), 2)
    assert.deepEqual(world.seen.answers, ['unusable', 'expired'])
    assert.deepEqual(world.seen.unusable, [refused.id])
    assert.equal((await world.recordOf(other))?.state, 'ended')
    assert.equal(await world.round(sweep), 0)
    world.standIn.advance(61 * MINUTE_MS)
    assert.equal(await world.round(sweep), 1)
    assert.equal((await world.recordOf(refused))?.state, 'ended')
  })

  it('asks last for a session at which Clerk fails each time, so that the others are not kept waiting', async () => {
    await using world = await open()
    const failing = await world.begin()
    world.standIn.advance(MINUTE_MS)
    const others = [await world.begin(), await world.begin()]
    world.standIn.advance(8 * DAY_MS)
    world.standIn.faults.set({ group: 'backend', trouble: 500, matching: failing.id })
    const sweep = world.newSweep()
    await world.round(sweep)
    await world.round(sweep)
    for (const other of others) assert.equal((await world.recordOf(other))?.state, 'ended')
    assert.equal(world.askedFor().at(-1), failing.id)
    assert.deepEqual(world.seen.rounds, [])
  })

  it('warns of a session that outlives its logout also when it must be over', async () => {
    await using world = await open()
    const session = await world.begin()
    await world.ask(session)
    world.standIn.advance(8 * DAY_MS)
    const lookUp = async () => ({ is: 'session', status: 'active', facts: {} }) as const
    assert.equal(await world.round(world.newSweep({ lookUp })), 1)
    assert.deepEqual(world.seen.stillActive, [session.id])
  })

  it('asks again before the time until which its clock was ahead', async () => {
    await using world = await open()
    const session = await world.begin()
    await world.ask(session)
    const ahead = world.now() + 30 * DAY_MS
    await world.round(world.newSweep({ now: () => ahead }))
    assert.equal((await world.recordOf(session))?.state, 'requested')
    world.standIn.world.end(session.id, 'sign-out')
    assert.equal(await world.round(), 0)
    world.standIn.advance(11 * MINUTE_MS)
    assert.equal(await world.round(), 1)
    assert.equal((await world.recordOf(session))?.state, 'ended')
  })
})

/** Sessions that are due for ever, and a Clerk that says of each that it expired. */
function fakes(count: number) {
  const due: DueSession[] = Array.from({ length: count }, (_, id) => ({
    session_id: `sess_${id}` as SessionId,
    user_id: null,
    requested: false,
    place: { at: 0, id },
  }))
  const asked: string[] = []
  const broke: unknown[] = []
  const parts: SweepParts = {
    due: async ({ after, limit }) => due.filter(({ place }) => place.id > (after?.id ?? -1)).slice(0, limit),
    instance: async () => ({ is: 'ours' }),
    lookUp: async (session) => {
      asked.push(session)
      return { is: 'session', status: 'expired', facts: {} }
    },
    record: async () => 'durable',
    now: () => 0,
    observe: {
      asked: () => undefined,
      stillActive: () => undefined,
      anotherInstance: () => undefined,
      unusable: () => undefined,
      busy: () => undefined,
      failed: () => undefined,
      broke: (error) => broke.push(error),
      roundEnded: () => undefined,
    },
  }
  return { parts, asked, broke }
}

const never = () => new AbortController().signal

describe('a round of the sweep', () => {
  it('goes on with the next one when looking for what is due fails', async () => {
    const { parts, asked, broke } = fakes(1)
    let calls = 0
    const due: SweepParts['due'] = async (request) => {
      calls += 1
      if (calls < 3) throw new Error('the reading thread ended')
      return parts.due(request)
    }
    const closing = new AbortController()
    const running = new Sweep({ ...parts, due }).run(1, closing.signal)
    await until(() => asked.length === 1)
    closing.abort()
    await running
    assert.equal(broke.length, 2)
  })

  it('asks nothing while the records do not know the past', async () => {
    const { parts, asked } = fakes(1)
    const round = await new Sweep({ ...parts, due: async () => null }).round(never())
    assert.deepEqual(round, { answered: 0, went: 'stopped', waitMs: null })
    assert.deepEqual(asked, [])
  })

  it('finds what lies behind what was asked already', async () => {
    const { parts, asked } = fakes(3)
    const due: SweepParts['due'] = async (request) => parts.due({ ...request, limit: 500 })
    const sweep = new Sweep({ ...parts, due })
    assert.equal((await sweep.round(never())).answered, 3)
    assert.equal((await sweep.round(never())).answered, 0)
    assert.deepEqual(asked, ['sess_0', 'sess_1', 'sess_2'])
  })

  it('stops when an answer cannot be recorded, and asks for it again', async () => {
    const { parts, asked } = fakes(1)
    let stored = false
    const sweep = new Sweep({ ...parts, record: async () => (stored ? 'durable' : 'store-failed') })
    assert.equal((await sweep.round(never())).went, 'stopped')
    stored = true
    assert.equal((await sweep.round(never())).went, 'whole')
    assert.deepEqual(asked, ['sess_0', 'sess_0'])
  })

  it('is followed at once by the next when more may be due', async () => {
    const { parts, asked } = fakes(21)
    const sweep = new Sweep({ ...parts, atOnce: 20 })
    const startedAt = performance.now()
    assert.deepEqual(await sweep.round(never()), { answered: 20, went: 'whole', waitMs: 0 })
    assert.ok(performance.now() - startedAt >= 19 * 50)
    // The page before it is asked already.
    assert.deepEqual(await sweep.round(never()), { answered: 1, went: 'whole', waitMs: null })
    assert.equal(new Set(asked).size, 21)
  })
})
