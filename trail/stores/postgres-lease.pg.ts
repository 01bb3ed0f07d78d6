import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { inDatabase, newDatabase } from '../../test/postgres.ts'
import { networkTo, query, until } from '../../test/postgres-trails.ts'
import { run } from '../../test/trail-files.ts'
import { TrailError } from '../error.ts'
import { ISSUER } from './conformance.ts'
import { acquire, assertHeld, keepLease, release, renew, type Held } from './postgres-lease.ts'
import { migratePostgres } from './postgres-schema.ts'

const leaseUrl = new URL('postgres-lease.ts', import.meta.url).href
const pgUrl = import.meta.resolve('pg')

const TAKEN_WITHIN_MS = 5000

/** A database with a trail, and a table for what the holder of the lease writes. */
async function withWork(t: TestContext): Promise<string> {
  const url = await newDatabase(t)
  await migratePostgres({ url, issuer: ISSUER })
  await query(url, 'CREATE TABLE work (n serial PRIMARY KEY, fence integer NOT NULL, who text NOT NULL)')
  return url
}

/** A process that keeps the lease and, while it believes to hold it, writes one row after another, `pauseMs` in each transaction. */
function worker(t: TestContext, url: string, { who = '', pauseMs = 0 }) {
  const child = run(
    t,
    `import pg from '${pgUrl}'
     import { setTimeout as sleep } from 'node:timers/promises'
     import { assertHeld, keepLease } from '${leaseUrl}'
     const url = ${JSON.stringify(url)}
     async function work(held) {
       const client = new pg.Client({ connectionString: url, application_name: '${who}' })
       client.on('error', () => {})
       await client.connect()
       try {
         for (;;) {
           await client.query('BEGIN')
           await assertHeld(client, held)
           await client.query('INSERT INTO work (fence, who) VALUES ($1, $2)', [held.fence, '${who}'])
           await sleep(${pauseMs})
           await client.query('COMMIT')
         }
       } catch (error) {
         console.log('refused ' + held.fence + ' ' + error.code)
         // It may have ended already.
         await client.end().catch(() => undefined)
       }
     }
     keepLease({
       url, name: 'readers',
       onTaken: (held) => { console.log('taken ' + held.fence); work(held) },
       onLost: (held) => console.log('lost ' + held.fence),
     })`,
  )
  const said: string[] = []
  child.lines.on('line', (line) => said.push(line))
  return { ...child, said }
}

const rowsOf = async (url: string, who: string) =>
  (await query(url, 'SELECT n FROM work WHERE who = $1', [who])).length

/** The rows of each fence stand together, in the order of the fences: nobody wrote after the next had taken over. */
async function assertFenced(url: string): Promise<void> {
  const fences = (await query(url, 'SELECT fence FROM work ORDER BY n')).map((row) => Number(row['fence']))
  assert.deepEqual(
    fences,
    fences.toSorted((a, b) => a - b),
  )
}

/** And for long enough to be paused in it. */
const isInTransaction = async (url: string, who: string) =>
  (
    await query(
      url,
      `SELECT 1 FROM pg_stat_activity WHERE application_name = $1 AND state = 'idle in transaction'
       AND query LIKE 'INSERT%' AND clock_timestamp() - xact_start < interval '200 milliseconds'`,
      [who],
    )
  ).length > 0

describe('a process that holds the lease', { concurrency: 2 }, () => {
  it('and is killed is followed by another within 5 s', async (t) => {
    const url = await withWork(t)
    const first = worker(t, url, { who: 'first' })
    await until('the first works', async () => (await rowsOf(url, 'first')) > 10)
    worker(t, url, { who: 'second' })
    const killedAt = performance.now()
    await first.kill()
    await until('the second works', async () => (await rowsOf(url, 'second')) > 0)
    assert.ok(performance.now() - killedAt < TAKEN_WITHIN_MS)
    await assertFenced(url)
  })

  it('and is paused within a transaction is followed within 5 s, and writes nothing more when it wakes up', async (t) => {
    const url = await withWork(t)
    const first = worker(t, url, { who: 'first', pauseMs: 500 })
    await until('the first is in a transaction', () => isInTransaction(url, 'first'))
    const second = worker(t, url, { who: 'second' })
    await until('the first is in a transaction', () => isInTransaction(url, 'first'))
    first.signal('SIGSTOP')
    const pausedAt = performance.now()
    await until('the second works', async () => (await rowsOf(url, 'second')) > 0)
    assert.ok(performance.now() - pausedAt < TAKEN_WITHIN_MS)
    const before = await rowsOf(url, 'first')
    first.signal('SIGCONT')
    await until('the first has noticed', () => first.said.includes('lost 1') && first.said.length > 2)
    assert.match(first.said.join(), /refused 1/)
    assert.equal(await rowsOf(url, 'first'), before)
    assert.ok(!second.said.includes('lost 2'))
    await assertFenced(url)
  })

  it('and is paused again and again between its transactions never writes after another', async (t) => {
    const url = await withWork(t)
    const workers = [worker(t, url, { who: 'first' }), worker(t, url, { who: 'second' })] as const
    for (const turn of [0, 1, 2]) {
      await until(
        'somebody works',
        async () => (await query(url, 'SELECT 1 FROM work WHERE fence > $1', [turn])).length > 20,
      )
      const holder =
        workers.find(({ said }) => said.at(-1) === `taken ${turn + 1}`) ?? assert.fail('a holder')
      holder.signal('SIGSTOP')
      await until(
        'the other works',
        async () => (await query(url, 'SELECT 1 FROM work WHERE fence > $1', [turn + 1])).length > 0,
      )
      holder.signal('SIGCONT')
      await until('the one has noticed', () =>
        holder.said.some((line) => line.startsWith(`refused ${turn + 1}`)),
      )
    }
    await assertFenced(url)
  })

  it('and loses its network is followed within 5 s, and has been told by then', async (t) => {
    const url = await withWork(t)
    const network = await networkTo(t, url)
    const events: string[] = []
    const keep = (who: string, through: string) =>
      keepLease({
        url: through,
        name: 'readers',
        onTaken: ({ fence }) => events.push(`${who} taken ${fence}`),
        onLost: ({ fence }) => events.push(`${who} lost ${fence}`),
      })
    const first = keep('first', network.url)
    await until('the first has it', () => events.length === 1)
    const second = keep('second', url)
    network.is = 'silent'
    const silentAt = performance.now()
    await until('the second has it', () => events.length === 3)
    assert.ok(performance.now() - silentAt < TAKEN_WITHIN_MS)
    assert.deepEqual(events, ['first taken 1', 'first lost 1', 'second taken 2'])
    network.is = 'open'
    await second.close()
    await until('the first has it again', () => events.at(-1) === 'first taken 3')
    await first.close()
    assert.equal(first.held, null)
  })
})

describe('a process that wants the lease', () => {
  it('is told of a database that is away, and takes the lease whenever that comes back', async (t) => {
    const network = await networkTo(t, await withWork(t))
    const events: string[] = []
    const troubles: unknown[] = []
    network.is = 'refused'
    const lease = keepLease({
      url: network.url,
      name: 'readers',
      onTaken: ({ fence }) => events.push(`taken ${fence}`),
      onLost: ({ fence }) => events.push(`lost ${fence}`),
      onTrouble: (error) => troubles.push(error),
    })
    t.after(() => lease.close())
    await until('it is told', () => troubles.length > 0)
    network.is = 'open'
    await until('it has the lease', () => events.includes('taken 1'))
    const before = troubles.length
    network.is = 'refused'
    network.cut()
    await until('it is told again', () => troubles.length > before)
    await until('the lease ran out', () => events.includes('lost 1'))
    network.is = 'open'
    await until('it has the lease again', () => events.includes('taken 2'))
    assert.deepEqual(events, ['taken 1', 'lost 1', 'taken 2'])
    for (const trouble of troubles)
      assert.ok(trouble instanceof TrailError && trouble.code === 'trail-unavailable', String(trouble))
  })
})

describe('a lease', () => {
  const two = async (
    t: TestContext,
    use: (one: Parameters<typeof acquire>[0], other: Parameters<typeof acquire>[0]) => Promise<void>,
  ) => {
    const url = await withWork(t)
    await inDatabase(url, (one) => inDatabase(url, (other) => use(one, other)))
  }
  const runOut = "UPDATE logout_trail.leases SET until = now() - interval '1 second'"

  it('is held by one at a time, and its fence rises with each taking', async (t) => {
    await two(t, async (one, other) => {
      assert.deepEqual(await acquire(one, 'a', 'one'), { name: 'a', fence: 1 })
      assert.equal(await acquire(other, 'a', 'other'), null)
      assert.equal(await acquire(one, 'a', 'one'), null)
      assert.deepEqual(await acquire(other, 'b', 'other'), { name: 'b', fence: 1 })
      await release(one, { name: 'a', fence: 1 })
      assert.deepEqual(await acquire(other, 'a', 'other'), { name: 'a', fence: 2 })
    })
  })

  it('that ran out goes on when nobody has taken it, and not when somebody has', async (t) => {
    await two(t, async (one, other) => {
      const held = (await acquire(one, 'a', 'one')) as Held
      await one.query(runOut)
      assert.equal(await renew(one, held), true)
      assert.equal(await acquire(other, 'a', 'other'), null)
      await one.query(runOut)
      const taken = (await acquire(other, 'a', 'other')) as Held
      assert.equal(await renew(one, held), false)
      await release(one, held)
      assert.equal(await renew(other, taken), true)
      await assert.rejects(assertHeld(one, held), { code: 'LT004' })
      await assertHeld(other, taken)
    })
  })

  it('is not taken within a transaction of its holder, and is renewed beside it', async (t) => {
    await two(t, async (one, other) => {
      const held = (await acquire(one, 'a', 'one')) as Held
      await one.query('BEGIN')
      await assertHeld(one, held)
      assert.equal(await renew(other, held), true)
      await other.query(runOut)
      assert.equal(await acquire(other, 'a', 'other'), null)
      await one.query('COMMIT')
      assert.notEqual(await acquire(other, 'a', 'other'), null)
    })
  })
})
