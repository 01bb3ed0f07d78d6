/** A replica takes over, a real one: what it had not received is lost, and nobody may be told otherwise. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startPair } from '../../test/postgres-replica.ts'
import { open, query, until } from '../../test/postgres-trails.ts'
import { TrailError } from '../error.ts'
import type { AppendResult, TrailStore } from '../store.ts'
import { duplicate, durable, ISSUER, logout, NOON, rejectsWith, sessionsIn } from './conformance.ts'
import { openPostgresReader } from './postgres-reader.ts'
import { raisePostgresEpoch } from './postgres-schema.ts'
import type { ServerSettings } from './postgres-server.ts'
import { openPostgresStore } from './postgres.ts'

const append = (store: TrailStore, ...sessions: number[]) =>
  store.append(
    sessions.map((n) => logout(n)),
    NOON,
  )

/** The answer, or the refusal; null while nobody answers. */
async function answerOf<T>(asked: Promise<T>): Promise<T | TrailError | null> {
  return asked.catch((error: unknown) => {
    if (!(error instanceof TrailError)) throw error
    return error.code === 'trail-unavailable' ? null : error
  })
}

/** Asks until somebody answers. */
async function answered<T>(ask: () => Promise<T>): Promise<T | TrailError> {
  let answer: T | TrailError | null = null
  await until('somebody answers', async () => (answer = await answerOf(ask())) !== null)
  return answer as unknown as T | TrailError
}

describe('a replica that takes over', { concurrency: 2 }, () => {
  it('and had lagged is refused until that is accepted, and then gives no index out twice', async (t) => {
    const { network, caughtUp, cutOff, failOver } = await startPair(t)
    const told: ServerSettings[] = []
    const store = await open(t, network.url, { onOpen: (settings) => told.push(settings) })
    assert.deepEqual(await append(store, 0, 1), [durable(0), durable(1)])
    await caughtUp()
    await cutOff()
    assert.deepEqual(await append(store, 2), [durable(2)])
    assert.deepEqual(await append(store, 3, 4), [durable(3), durable(4)])
    await failOver()

    const refused = await answered(() => append(store, 5))
    assert.ok(refused instanceof TrailError)
    assert.equal(refused.code, 'trail-rewound')
    assert.match(refused.message, /entry 4 of epoch 0, which was durable, is not there any more/)
    assert.match(refused.message, /a replica that lagged .* `logout-trail rebuild --accept-restore`/)
    await rejectsWith('trail-rewound', append(store, 2))
    await rejectsWith('trail-rewound', append(store, 0))
    await rejectsWith('trail-rewound', store.check())
    assert.deepEqual(await sessionsIn(store), ['sess_0', 'sess_1'])
    const [before, after] = told
    assert.deepEqual([before?.timeline, before?.movedFrom], [1, null])
    assert.deepEqual(after?.movedFrom, { systemId: before?.systemId, timeline: 1 })
    assert.deepEqual([after?.timeline, after?.systemId], [2, before?.systemId])

    await raisePostgresEpoch(network.url)
    assert.deepEqual(await append(store, 4, 5, 1), [durable(2), durable(3), duplicate(1)])
    assert.deepEqual(await append(store, 2, 3, 4), [durable(4), durable(5), duplicate(2)])
    assert.equal((await store.head()).epoch, 1)
    assert.deepEqual(
      await sessionsIn(store),
      [0, 1, 4, 5, 2, 3].map((n) => `sess_${n}`),
    )
    // Once for the move, however often it connected since.
    assert.equal(told.filter(({ movedFrom }) => movedFrom !== null).length, 1)
  })

  it('and that commits waited for has lost nothing: appends go on', async (t) => {
    const { primary, network, failOver } = await startPair(t)
    const told: ServerSettings[] = []
    const store = await open(t, network.url, { onOpen: (settings) => told.push(settings) })
    await query(primary.url, `ALTER SYSTEM SET synchronous_standby_names = '*'`)
    await query(primary.url, 'SELECT pg_reload_conf()')
    await until('commits wait for the replica', async () => {
      const [row] = await query(primary.url, 'SELECT sync_state FROM pg_stat_replication')
      return row?.['sync_state'] === 'sync'
    })

    const promised: AppendResult[] = []
    const over = new AbortController()
    const appending = (async () => {
      for (let n = 0; !over.signal.aborted; n += 1) {
        const answer = await answered(() => append(store, n))
        if (!Array.isArray(answer)) throw answer
        promised.push(...answer)
      }
    })()
    await until('some are promised', () => promised.length > 20)
    await failOver()
    over.abort()
    await appending

    assert.deepEqual(
      await sessionsIn(store),
      promised.map((_, n) => `sess_${n}`),
    )
    // What was under way when the primary was killed may have been committed: it was sent again.
    for (const [n, answer] of promised.entries())
      assert.deepEqual(answer, answer.result === 'durable' ? durable(n) : duplicate(n))
    assert.equal((await store.head()).epoch, 0)
    assert.deepEqual(
      told.flatMap(({ movedFrom }) => movedFrom?.timeline ?? []),
      [1],
    )
  })
})

describe('a replica that has not taken over', () => {
  it('is read, and refused by whoever wants to write until it has', async (t) => {
    const { primary, replica, network, caughtUp, failOver } = await startPair(t)
    const store = await open(t, network.url)
    assert.deepEqual(await append(store, 0, 1), [durable(0), durable(1)])
    await caughtUp()
    const there = Object.assign(new URL(network.url), { port: new URL(replica.url).port }).href
    const opening = await rejectsWith('trail-unwritable', openPostgresStore({ url: there, issuer: ISSUER }))
    assert.match(
      opening.message,
      /it is a hot standby, which takes no writes; let DATABASE_URL name the primary/,
    )
    await rejectsWith('trail-unwritable', raisePostgresEpoch(there))

    const reader = await openPostgresReader(there)
    t.after(() => reader.close())
    const sessions = async () => (await reader.read(-1, 10)).map(({ session_id }) => session_id)
    assert.deepEqual(await sessions(), ['sess_0', 'sess_1'])
    assert.deepEqual(await append(store, 2), [durable(2)])
    await caughtUp()
    assert.deepEqual(await sessions(), ['sess_0', 'sess_1', 'sess_2'])
    assert.equal((await reader.head()).nextIndex, 3)

    network.leadsTo = replica.url
    network.cut()
    const led = await answered(() => append(store, 3))
    assert.ok(led instanceof TrailError)
    assert.match(led.message, /it is a hot standby/)
    assert.deepEqual(await query(primary.url, 'SELECT pg_is_in_recovery() AS replica'), [{ replica: false }])
    await failOver()
    assert.deepEqual(await answered(() => append(store, 3)), [durable(3)])
    assert.deepEqual(await sessions(), ['sess_0', 'sess_1', 'sess_2', 'sess_3'])
  })
})
