/** The database goes away in every way there is: what is asked meanwhile is told so, and it goes on by itself. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { newDatabase, startPostgres } from '../../test/postgres.ts'
import {
  cutConnections,
  networkTo,
  open,
  query,
  someoneWaits,
  until,
  whileAppendsWait,
} from '../../test/postgres-trails.ts'
import type { TrailStore } from '../store.ts'
import { duplicate, durable, logout, NOON, rejectsWith, sessionsIn } from './conformance.ts'

/** Appends until it is answered. */
async function onceItIsBack(store: TrailStore, n: number) {
  let answer: unknown
  await until('the store is back', async () => {
    answer = await store.append([logout(n)], NOON).catch(() => null)
    return answer !== null
  })
  return answer
}

describe('a connection that breaks', () => {
  it('under an append rejects it, and the next append has a new one', async (t) => {
    const url = await newDatabase(t)
    const store = await open(t, url)
    await store.append([logout(0)], NOON)
    await whileAppendsWait(url, async () => {
      const cut = rejectsWith('trail-unavailable', store.append([logout(1), logout(2)], NOON))
      await until('the append waits', () => someoneWaits(url))
      await cutConnections(url)
      await cut
    })
    assert.deepEqual(await store.append([logout(2), logout(1)], NOON), [durable(1), durable(2)])
    assert.equal((await sessionsIn(store)).length, 3)
  })

  it('rejects that append alone: those behind it go on over the new one', async (t) => {
    const url = await newDatabase(t)
    const store = await open(t, url)
    const appends: Promise<unknown>[] = []
    await whileAppendsWait(url, async () => {
      const first = rejectsWith('trail-unavailable', store.append([logout(0)], NOON))
      appends.push(store.append([logout(1)], NOON), store.append([logout(2)], NOON))
      await until('the first waits', () => someoneWaits(url))
      await cutConnections(url)
      await first
    })
    assert.deepEqual(await Promise.all(appends), [[durable(0)], [durable(1)]])
  })

  it('while nothing is asked is not heard of', async (t) => {
    const url = await newDatabase(t)
    const store = await open(t, url)
    await store.append([logout(0)], NOON)
    await cutConnections(url)
    await until('both connections are gone', async () => {
      const [row] = await query(
        url,
        `SELECT count(*)::integer AS n FROM pg_stat_activity WHERE datname = current_database()`,
      )
      return row?.['n'] === 1
    })
    await new Promise(setImmediate)
    assert.deepEqual(await onceItIsBack(store, 1), [durable(1)])
    assert.equal((await sessionsIn(store)).length, 2)
  })
})

describe('a server', () => {
  const ways = ['stop', 'kill'] as const
  for (const way of ways) {
    it(`that is gone (${way}) is unavailable at once; when it is back, the store goes on by itself`, async (t) => {
      const server = await startPostgres()
      t.after(() => server.end())
      const store = await open(t, await newDatabase(t, server))
      await store.append([logout(0)], NOON)
      await server[way]()
      const startedAt = performance.now()
      for (let n = 0; n < 20; n += 1) {
        await rejectsWith('trail-unavailable', store.append([logout(1)], NOON))
      }
      await rejectsWith('trail-unavailable', store.check())
      await rejectsWith('trail-unavailable', store.read(-1, 1))
      assert.ok(performance.now() - startedAt < 2000)
      await server.start()
      assert.deepEqual(await onceItIsBack(store, 1), [durable(1)])
      assert.deepEqual(await store.append([logout(0), logout(1)], NOON), [duplicate(0), duplicate(1)])
      assert.equal((await sessionsIn(store)).length, 2)
    })
  }

  it('that is gone does not keep a store from closing', async (t) => {
    const server = await startPostgres()
    t.after(() => server.end())
    const store = await open(t, await newDatabase(t, server))
    await server.kill()
    const append = rejectsWith('trail-unavailable', store.append([logout(0)], NOON))
    await store.close()
    await append
  })

  it('that waits in vain for a replica promises nothing, also when somebody ends the wait', async (t) => {
    const server = await startPostgres()
    t.after(() => server.end())
    const url = await newDatabase(t, server)
    const store = await open(t, url)
    await query(server.url, `ALTER SYSTEM SET synchronous_standby_names = 'nobody'`)
    await query(server.url, 'SELECT pg_reload_conf()')
    await until('it is set', async () => {
      const [row] = await query(url, 'SHOW synchronous_standby_names')
      return row?.['synchronous_standby_names'] === 'nobody'
    })
    const append = rejectsWith('trail-unavailable', store.append([logout(0)], NOON))
    await until('it waits for the replica', async () => {
      const cancel = `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`
      return (await query(url, cancel)).length > 0
    })
    assert.match((await append).message, /synchronous replication/)
  })
})

describe('a network that swallows everything', () => {
  /** A store whose answers have to come within half a second. */
  async function impatient(t: TestContext) {
    const url = await newDatabase(t)
    const network = await networkTo(t, url)
    return { url, network, store: await open(t, network.url, { answerWithinMs: 500 }) }
  }

  it('is noticed in bounded time, under an append and when it connects', async (t) => {
    const { network, store } = await impatient(t)
    await store.append([logout(0)], NOON)
    network.is = 'silent'
    const startedAt = performance.now()
    const error = await rejectsWith('trail-unavailable', store.append([logout(1)], NOON))
    assert.match(error.message, /no answer within 0.5 s/)
    // Its connection is closed, and a new one gets no answer either.
    await rejectsWith('trail-unavailable', store.append([logout(1)], NOON))
    assert.ok(performance.now() - startedAt < 5000)
    network.is = 'open'
    assert.deepEqual(await onceItIsBack(store, 1), [durable(1)])
  })

  it('between the answer and us leaves a duplicate behind, and no lock', async (t) => {
    const { network, store } = await impatient(t)
    network.is = 'deaf'
    await rejectsWith('trail-unavailable', store.append([logout(0)], NOON))
    network.is = 'open'
    assert.deepEqual(await onceItIsBack(store, 0), [duplicate(0)])
  })
})

describe('a lock that somebody else holds', () => {
  it('makes the store unavailable in bounded time, and leaves nothing waiting', async (t) => {
    const url = await newDatabase(t)
    const store = await open(t, url, { answerWithinMs: 600 })
    await whileAppendsWait(url, async () => {
      const error = await rejectsWith('trail-unavailable', store.append([logout(0)], NOON))
      assert.match(error.message, /statement timeout/)
      await until('nothing waits', async () => !(await someoneWaits(url)))
    })
    assert.deepEqual(await store.append([logout(0)], NOON), [durable(0)])
  })
})

describe('a process that stops in the middle of its request', () => {
  it('holds up the others no longer than a statement may take', async (t) => {
    const url = await newDatabase(t)
    const network = await networkTo(t, url)
    const slow = await open(t, network.url, { answerWithinMs: 3000 })
    const other = await open(t, url)
    network.is = 'slow'
    const unfinished = rejectsWith('trail-unavailable', slow.append([logout(0)], NOON))
    const append = async () => {
      await until('the lock is held', async () => {
        const held = `SELECT 1 FROM pg_locks WHERE relation = 'logout_trail.entries'::regclass AND mode = 'RowExclusiveLock'`
        return (await query(url, held)).length > 0
      })
      return other.append([logout(1)], NOON)
    }
    assert.deepEqual(await append(), [durable(0)])
    const [server] = await query(url, `SELECT current_setting('server_version_num')::integer AS version`)
    // From 17 on the server ends it by itself. An older one waits until the connection is closed or found dead.
    const ended = Number(server?.['version']) >= 170_000 ? /transaction timeout/ : /no answer within 3 s/
    assert.match((await unfinished).message, ended)
    network.is = 'open'
    assert.deepEqual(await onceItIsBack(slow, 0), [durable(1)])
  })
})
