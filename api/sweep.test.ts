/** The sweep with the real @clerk/backend, against the stand-in over HTTP, on a real trail. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { startStandIn, DEMO_SECRET_KEY } from '../clerk-stand-in/stand-in.ts'
import type { Session } from '../clerk-stand-in/world.ts'
import { followOnce, openViews } from '../session-ends/follow.ts'
import { ViewsReader } from '../session-ends/views-reader.ts'
import { viewsPathOf } from '../session-ends/views-schema.ts'
import { temporaryFolder } from '../test/service.ts'
import { logoutRequested, type Report, type SessionId, type UserId } from '../trail/entry.ts'
import { openSqliteReader } from '../trail/stores/sqlite-reader.ts'
import { openSqliteStore } from '../trail/stores/sqlite.ts'
import { sessionLookUp } from './clerk/session-lookup.ts'
import { Sweep } from './sweep.ts'

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

async function open() {
  const standIn = await startStandIn()
  const path = join(temporaryFolder(), 'trail.db')
  const store = await openSqliteStore({ path, issuer: standIn.instance.issuer })
  const reader = openSqliteReader(path)
  const views = await openViews(viewsPathOf(path), reader)
  const records = new ViewsReader(viewsPathOf(path))
  const seen = { answers: [] as string[], stillActive: [] as string[], failures: 0 }
  const { now } = standIn.clock
  const add = async (...reports: Report[]) => {
    await store.append(reports, now())
    while ((await followOnce(views, reader)) > 0) continue
  }
  /** As after a restart: with nothing in memory. */
  const newSweep = () =>
    new Sweep({
      due: (at, limit) => records.due(at, limit),
      lookUp: sessionLookUp({ secretKey: DEMO_SECRET_KEY, apiUrl: standIn.url, ipPolicy: 'truncate' }),
      record: async (report) => {
        await add(report)
        return 'durable'
      },
      now,
      observe: {
        asked: (answer) => seen.answers.push(answer),
        stillActive: (session) => seen.stillActive.push(session),
        failed: () => (seen.failures += 1),
        roundEnded: () => undefined,
      },
    })
  const user = standIn.world.addUser()
  return {
    standIn,
    seen,
    newSweep,
    round: (sweep = newSweep()) => sweep.round(new AbortController().signal),
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
    recordOf: (session: Session) => records.session(session.id, now())?.record,
    [Symbol.asyncDispose]: async () => {
      views.close()
      records.close()
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
    assert.deepEqual(world.standIn.requests, [])
  })

  it('finds the session that expired, of which no webhook tells, with the moment at which it did', async () => {
    await using world = await open()
    const session = await world.begin()
    world.standIn.advance(8 * DAY_MS)

    assert.equal(await world.round(), 1)

    const record = world.recordOf(session)
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
    assert.equal(world.recordOf(session)?.sentence, 'Signed out by the user; confirmed by Clerk.')
  })

  it('says that a session lives whose logout was asked for, ends nothing, and asks again only when it must be over', async () => {
    await using world = await open()
    const session = await world.begin()
    await world.ask(session)
    world.standIn.advance(11 * MINUTE_MS)
    await world.round()

    const record = world.recordOf(session)
    assert.equal(record?.state, 'requested')
    assert.equal(
      record?.sentence,
      'The user asked to log out, but when Clerk was asked later the session was still active.',
    )
    assert.deepEqual(world.seen.stillActive, [session.id])
    assert.equal(world.standIn.world.session(session.id)?.status, 'active')
    assert.deepEqual(world.standIn.requests, [`GET /v1/sessions/${session.id}`])

    assert.equal(await world.round(), 0)
    world.standIn.advance(8 * DAY_MS)
    assert.equal(await world.round(), 1)
    assert.equal(world.recordOf(session)?.reason, 'expired')
  })

  it('records that Clerk no longer has a session, as inferred', async () => {
    await using world = await open()
    const session = await world.begin()
    world.standIn.advance(8 * DAY_MS)
    world.standIn.world.forget(session.id)
    await world.round()
    const record = world.recordOf(session)
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
    assert.equal(world.standIn.requests.length, 5)
  })

  it('waits as long as Clerk says, and goes on', async () => {
    await using world = await open()
    const session = await world.begin()
    world.standIn.advance(8 * DAY_MS)
    world.standIn.faults.set({ group: 'backend', trouble: 429, times: 1, retryAfterSeconds: 1 })
    const startedAt = performance.now()
    assert.equal(await world.round(), 0)
    assert.ok(performance.now() - startedAt >= 950)
    assert.equal(await world.round(), 1)
    assert.equal(world.recordOf(session)?.state, 'ended')
    assert.deepEqual(world.seen.answers, ['busy', 'expired'])
  })

  it('survives a Clerk that is down, and asks again later', async () => {
    await using world = await open()
    const session = await world.begin()
    world.standIn.advance(8 * DAY_MS)
    for (const trouble of ['down', 500, 401] as const) {
      world.standIn.faults.set({ group: 'backend', trouble, times: 1 })
      assert.equal(await world.round(), 0)
    }
    assert.equal(world.seen.failures, 3)
    assert.equal(await world.round(), 1)
    assert.equal(world.recordOf(session)?.state, 'ended')
  })

  it('asks at most 20 times a second, and stops when it is told to', async () => {
    await using world = await open()
    for (let count = 0; count < 12; count += 1) await world.begin()
    world.standIn.advance(8 * DAY_MS)
    const closing = new AbortController()
    const startedAt = performance.now()
    const running = world.newSweep().run(60_000, closing.signal)
    while (world.seen.answers.length < 11) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.ok(performance.now() - startedAt >= 10 * 45)
    closing.abort()
    await running
  })
})
