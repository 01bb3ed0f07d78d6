import assert from 'node:assert/strict'
import { cpSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { Worker } from 'node:worker_threads'
import { TrailError } from '../error.ts'
import {
  describeTrailStore,
  duplicate,
  durable,
  ISSUER,
  logout,
  NOON,
  rejectsWith,
  sessionsIn,
} from './conformance.ts'
import { openForReading } from './sqlite-schema.ts'
import type { WriterOptions } from './sqlite-writer.ts'
import { inFile, makeTrail, newFolder, newPath, open, run } from '../../test/trail-files.ts'

describeTrailStore('SQLite', (t) => {
  const path = newPath(t)
  return {
    open: (issuer = ISSUER) => open(t, path, { issuer }),
    eraseSubject: async (index) => {
      const erase = 'UPDATE entries SET session_id = NULL, user_id = NULL, client_id = NULL WHERE "index" = ?'
      inFile(path, (db) => db.prepare(erase).run(index))
    },
    takeAway: async () => {
      renameSync(path, `${path}.away`)
      return async () => renameSync(`${path}.away`, path)
    },
  }
})
const DIES_ONCE_OPEN = `
  const { parentPort } = require('node:worker_threads')
  parentPort.once('message', () => {
    parentPort.postMessage({ ok: true, value: { head: { trailId: '${'0'.repeat(32)}' } } })
    process.exit()
  })`

describe('opening with a thread that dies at once', () => {
  it('rejects with trail-unavailable, also when its answer and its end are heard of together', async (t) => {
    const startWorker = () => new Worker(DIES_ONCE_OPEN, { eval: true })
    const opening = open(t, newPath(t), { startWorker })
    // This thread sleeps until the other has answered and ended.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400)
    await rejectsWith('trail-unavailable', opening)
  })
})
const sqliteUrl = new URL('sqlite.ts', import.meta.url).href
const conformanceUrl = new URL('conformance.ts', import.meta.url).href

describe('one service for one trail', () => {
  it('locks out a second store in this process, however the path is spelled, until it is closed', async (t) => {
    const path = newPath(t)
    const store = await open(t, path)
    const error = await rejectsWith('trail-locked', open(t, path))
    assert.match(error.message, /Another logout-trail service is using/)
    await rejectsWith(
      'trail-locked',
      open(t, path.replace('/trail.db', '/../') + path.slice(path.indexOf('trail-sqlite-'))),
    )
    await store.append([logout(0)], NOON)
    await store.close()
    assert.deepEqual(await (await open(t, path)).append([logout(1)], NOON), [durable(1)])
  })

  it('locks out other processes until it ends, kill -9 too; reading goes on beside it', async (t) => {
    const path = newPath(t)
    const holder = run(
      t,
      `import { openSqliteStore } from '${sqliteUrl}'
       await openSqliteStore({ path: ${JSON.stringify(path)}, issuer: '${ISSUER}' })
       console.log('open')`,
    )
    assert.deepEqual(await holder.lines[Symbol.asyncIterator]().next(), { value: 'open', done: false })
    await rejectsWith('trail-locked', open(t, path))
    openForReading(path).close()
    await holder.kill()
    assert.deepEqual(await (await open(t, path)).append([logout(0)], NOON), [durable(0)])
  })

  it('loses nothing that it reported durable to kill -9', async (t) => {
    const path = newPath(t)
    const service = run(
      t,
      `import { writeSync } from 'node:fs'
       import { openSqliteStore } from '${sqliteUrl}'
       import { logout } from '${conformanceUrl}'
       const store = await openSqliteStore({ path: ${JSON.stringify(path)}, issuer: '${ISSUER}' })
       async function append(n) {
         const [first, second] = await store.append([logout(n), logout(n + 1)], ${NOON})
         writeSync(1, n + ' ' + first.index + '\\n' + (n + 1) + ' ' + second.index + '\\n')
         await append(n + 8)
       }
       await Promise.all([0, 2, 4, 6].map(append))`,
    )
    const reported: number[][] = []
    for await (const line of service.lines) {
      // A line that the kill cut short has one number.
      const numbers = line.split(' ').map(Number)
      if (numbers.length === 2) reported.push(numbers)
      if (reported.length === 400) await service.kill()
    }
    assert.ok(reported.length >= 400)

    const store = await open(t, path)
    const sessions = await sessionsIn(store)
    assert.equal(new Set(sessions).size, sessions.length)
    for (const [n, index = NaN] of reported) assert.equal(sessions[index], `sess_${n}`)
    assert.deepEqual(
      await store.append(
        reported.map(([n = NaN]) => logout(n)),
        NOON,
      ),
      reported.map(([, index = NaN]) => duplicate(index)),
    )
    assert.deepEqual(await store.append([logout(-1)], NOON), [durable(sessions.length)])
  })
})

/** A store whose writing threads the test holds on to, and what it said of their restarts. */
async function openWithThreads(t: TestContext, path: string) {
  const threads: Worker[] = []
  const restarts: unknown[] = []
  const store = await open(t, path, {
    onRestart: (cause) => restarts.push(cause),
    startWorker: (options: WriterOptions) => {
      const worker = new Worker(new URL('sqlite-worker.ts', import.meta.url), { workerData: options })
      threads.push(worker)
      return worker
    },
  })
  const killThread = async () => void (await threads.at(-1)?.terminate())
  return { store, threads, restarts, killThread }
}

// A thread that lived less than a second is restarted a second after it was started: these tests wait side by side.
describe('the writing thread', { concurrency: true }, () => {
  it('can be killed: what it was doing rejects, a new one goes on, nothing is missing or there twice', async (t) => {
    const { store, threads, restarts, killThread } = await openWithThreads(t, newPath(t))
    const batches = Array.from({ length: 200 }, (_, b) => [0, 1, 2, 3, 4].map((n) => logout(5 * b + n)))
    const appends = batches.map((batch) => store.append(batch, NOON))
    await appends[0]
    await killThread()
    const outcomes = await Promise.allSettled(appends)

    const promised = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []))
    assert.deepEqual(
      promised,
      promised.map((_, n) => durable(n)),
    )
    const rejected = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
    assert.ok(rejected.length > 0)
    for (const reason of rejected) {
      assert.ok(reason instanceof TrailError)
      assert.equal(reason.code, 'trail-unavailable')
    }

    const retries = await store.append(batches.flat(), NOON)
    assert.deepEqual(
      retries.slice(0, promised.length),
      promised.map((_, n) => duplicate(n)),
    )
    assert.deepEqual(
      await sessionsIn(store),
      batches.flat().map((report) => report.session_id),
    )
    assert.deepEqual([threads.length, restarts.length], [2, 1])
  })

  it('may end by a bug of its own; the cause is told, and what is asked meanwhile waits for the next', async (t) => {
    const { store, restarts } = await openWithThreads(t, newPath(t))
    const bug = store.append([logout(0, { keyedAt: 1n })], NOON)
    const error = await rejectsWith('trail-unavailable', bug)
    assert.ok(error.cause instanceof TypeError)
    const meanwhile = [store.append([logout(1)], NOON), store.append([logout(2)], NOON)]
    assert.deepEqual(await Promise.all(meanwhile), [[durable(0)], [durable(1)]])
    assert.deepEqual(restarts, [error.cause])
  })

  it('is not confused by a batch that cannot be sent to it', async (t) => {
    const store = await open(t, newPath(t))
    const unsendable = store.append([logout(0, { ip: () => 'a function' })], NOON)
    const next = store.append([logout(1)], NOON)
    await assert.rejects(unsendable, { name: 'DataCloneError' })
    assert.deepEqual(await next, [durable(0)])
    assert.equal((await store.head()).nextIndex, 1)
  })

  it('may be killed while the store closes: the lock is free again', async (t) => {
    const path = newPath(t)
    const { store, killThread } = await openWithThreads(t, path)
    await store.append([logout(0)], NOON)
    await Promise.all([killThread(), store.close()])
    assert.deepEqual(await sessionsIn(await open(t, path)), ['sess_0'])
  })

  it('is not started again once the store is closed; who waited for it is told', async (t) => {
    const path = newPath(t)
    const { store, threads, killThread } = await openWithThreads(t, path)
    await killThread()
    const waiting = rejectsWith('trail-closed', store.append([logout(0)], NOON))
    await store.close()
    await waiting
    assert.equal(threads.length, 1)
    await open(t, path)
  })

  it('finds a deleted trail gone and makes no new one; with the file put back it goes on', async (t) => {
    const path = newPath(t)
    const { store, restarts, killThread } = await openWithThreads(t, path)
    await store.append([logout(0)], NOON)
    renameSync(path, `${path}.aside`)
    await rejectsWith('trail-replaced', store.append([logout(1)], NOON))
    await rejectsWith('trail-replaced', store.check())
    assert.equal(existsSync(path), false)
    await killThread()
    await rejectsWith('trail-replaced', store.append([logout(1)], NOON))
    assert.equal(existsSync(path), false)
    renameSync(`${path}.aside`, path)
    assert.deepEqual(await store.append([logout(1), logout(0)], NOON), [durable(1), duplicate(0)])
    assert.equal(restarts.length, 1)
  })

  const impostors: [string, (path: string, aside: string) => unknown][] = [
    ['an empty file', (path) => writeFileSync(path, '')],
    ['another trail', (path) => makeTrail(path)],
    ['an older copy of the trail', (path, aside) => cpSync(aside, path)],
  ]
  for (const [what, make] of impostors) {
    it(`writes nothing into ${what} that took the place of its file, whose log stays`, async (t) => {
      const path = newPath(t)
      const aside = join(newFolder(t), 'aside.db')
      const { store, killThread } = await openWithThreads(t, path)
      await store.append([logout(0)], NOON)
      renameSync(path, aside)
      const impostor = join(newFolder(t), 'impostor.db')
      await make(impostor, aside)
      renameSync(impostor, path)
      const before = readFileSync(path)
      await rejectsWith('trail-replaced', store.append([logout(1)], NOON))
      await rejectsWith('trail-replaced', store.check())
      await killThread()
      await rejectsWith('trail-replaced', store.append([logout(1)], NOON))
      assert.deepEqual(readFileSync(path), before)
      await store.close()
      renameSync(aside, path)
      assert.deepEqual(await sessionsIn(await open(t, path)), ['sess_0'])
    })
  }
})
