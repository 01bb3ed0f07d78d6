/** Four services on one PostgreSQL, while everything dies at random: nothing that was promised is lost, and every record is right. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { seedOfThisRun } from './crash.ts'
import { chanceFrom } from './disk-image.ts'
import { inDatabase, newDatabase, startPostgres } from './postgres.ts'
import { entriesIn, readFrom, turnIn, whoWrites } from './postgres-services.ts'
import { query, until } from './postgres-trails.ts'
import { checkRecords, checkTurns, watchWhoWrites } from './postgres-watch.ts'
import { Member, storm } from './storm.ts'
import { isPromise, StormLoad, type Answer, type Sending } from './storm-load.ts'

const MEMBERS = 4
const LANES_EACH = 2

/** An answer’s time while the database is away: 250 ms are waited for it; the rest is for machines that are shared. */
const ANSWER_LIMIT_MS = 1000
const PAUSE_MS = 6000
const TAKEN_WITHIN_MS = 5000
const OUTAGE_MS = 30_000
/** From the server’s return to the first logout of each process that is durable. */
const BACK_WITHIN_MS = 5000

describe('four services on one PostgreSQL under load', () => {
  it(
    'lose nothing that was promised while processes, connections and the server die, and keep every record right',
    { timeout: 240_000 },
    async (t) => {
      const seed = seedOfThisRun()
      t.diagnostic(`seed ${seed}`)
      const random = chanceFrom(seed)
      const server = await startPostgres()
      t.after(() => server.end())
      const database = await newDatabase(t, server)
      const names = Array.from({ length: MEMBERS }, (_, at) => `process-${at}`)
      const members = await Promise.all(names.map((name) => Member.in(t, database, name)))
      const load = new StormLoad(random)
      await until('the records have begun', async () => (await whereRecordsStand(database)) !== null)
      await watchWhoWrites(database)
      t.after(() => load.stop())
      load.start(members, LANES_EACH)

      t.diagnostic(`the turn went over after ${await pauseTheWriter(database, members)} ms`)
      await pauseHalfway(database, members, 'reading')
      await pauseHalfway(database, members, 'writing')

      const first = await storm({ database, members, random, forMs: 30_000 })
      await calm(members)
      const pids = members.map(({ process }) => process.pid)
      const outage = { from: 0, to: 0 }
      await server.stop()
      outage.from = performance.now()
      await sleep(OUTAGE_MS)
      outage.to = performance.now()
      await server.start()
      const back = performance.now()
      const backMs = await Promise.all(members.map((member) => durableAfter(load, member, back)))
      t.diagnostic(`durable again after ${backMs.join(', ')} ms`)
      assert.ok(Math.max(...backMs) < BACK_WITHIN_MS)
      assert.deepEqual(
        members.map(({ process }) => process.pid),
        pids,
        'nobody had to be started again',
      )

      const troubles = storm({ database, members, random, forMs: 20_000 })
      await sleep(5000 + random() * 5000)
      await server.kill()
      await sleep(1500)
      await server.start()
      const second = await troubles
      await calm(members)
      await load.stop()
      const [anyone] = members
      assert.ok(anyone)
      await load.deliver(anyone)
      const { entries } = await checkPromises(database, load)
      await until('the records know all', async () => (await whereRecordsStand(database)) === entries)

      const answers = load.sent.flatMap((sending) => sending.answers)
      checkAnswers(load.sent)
      const during = answers.filter(
        ({ askedAt, answeredAt }) => askedAt >= outage.from && answeredAt <= outage.to,
      )
      checkOutage(during)
      const turns = await checkTurns(database)
      const rows = await checkRecords(database)
      await checkReadAlike(members)
      const report = {
        first,
        second,
        entries,
        answers: answers.length,
        during: during.length,
        ...turns,
        rows,
      }
      t.diagnostic(
        JSON.stringify({ ...report, failedStarts: members.map(({ failedStarts }) => failedStarts) }),
      )
      t.diagnostic(JSON.stringify(countsOf(answers)))
      assert.ok(entries > 2000 && during.length > 300, 'there was a load')
    },
  )
})

async function whereRecordsStand(database: string): Promise<number | null> {
  const [row] = await query(
    database,
    `SELECT to_regclass('logout_trail_views.position') IS NOT NULL AS there`,
  )
  if (!row?.['there']) return null
  const [position] = await query(database, 'SELECT next_index FROM logout_trail_views.position')
  return position ? Number(position['next_index']) : null
}

/** Longer than the lease lasts; another takes over, and the one that wakes up steps back. Gives how long nobody wrote. */
async function pauseTheWriter(database: string, members: readonly Member[]): Promise<number> {
  const [writer] = await whoWrites(database, members)
  const fence = (await turnIn(database))?.fence ?? NaN
  const pausedAt = performance.now()
  const pause = writer.pause(() => sleep(PAUSE_MS))
  await othersWrite(database, fence)
  const tookMs = Math.round(performance.now() - pausedAt)
  assert.ok(tookMs < TAKEN_WITHIN_MS, `${tookMs} ms`)
  await pause
  await writer.service.line(/this process does not write the session records any more/)
  return tookMs
}

async function othersWrite(database: string, fence: number): Promise<void> {
  const steps = 'SELECT 1 FROM watch.steps WHERE fence > $1'
  await until('another writes', async () => (await query(database, steps, [fence])).length > 0)
}

/**
 * It has just read what it goes on from, or has written half of its transaction; and it wakes up as soon as another has done the work:
 * what it had begun must not count.
 */
async function pauseHalfway(
  database: string,
  members: readonly Member[],
  at: 'reading' | 'writing',
): Promise<void> {
  const [writer] = await whoWrites(database, members)
  const fence = (await turnIn(database))?.fence ?? NaN
  // It reads this table before it writes anything; or comes to it after it has moved the position.
  const lock = at === 'reading' ? 'sessions IN ACCESS EXCLUSIVE MODE' : 'rollup_days IN EXCLUSIVE MODE'
  let pause: Promise<void> = Promise.resolve()
  await inDatabase(database, async (client) => {
    await client.query(`BEGIN; LOCK TABLE logout_trail_views.${lock}`)
    const waiting = `SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND application_name = $1`
    await until('the writer waits', async () => (await query(database, waiting, [writer.name])).length > 0)
    pause = writer.pause(() => othersWrite(database, fence))
    await client.query('ROLLBACK')
  })
  await pause
}

/** Waits until all are up and can write. */
async function calm(members: readonly Member[]): Promise<void> {
  for (const { url } of members) {
    await until('it is ready', async () => (await fetch(`${url}/readyz`)).status === 200)
  }
}

/** How long after `back` a logout became durable at this process. */
async function durableAfter(load: StormLoad, member: Member, back: number): Promise<number> {
  await until(`${member.name} records again`, () => load.lastDurableAt(member) > back)
  return Math.round(performance.now() - back)
}

/** What was promised is in the trail once; nothing is there twice, nothing that nobody sent, and no index is missing. */
async function checkPromises(database: string, { sent }: StormLoad): Promise<{ entries: number }> {
  const entries = await entriesIn(database)
  assert.deepEqual(
    entries.map(({ index }) => index),
    entries.map((_, at) => at),
  )
  const nameOf = (kind: string, id: string | null) => `${kind} ${id}`
  const there = entries.map((entry) => nameOf(entry.kind, entry.session_id ?? entry.user_id))
  const once = new Set(there)
  assert.equal(once.size, there.length, 'each is there once')
  const promised = sent
    .filter(({ answers }) => answers.some(isPromise))
    .map(({ kind, id }) => nameOf(kind, id))
  assert.deepEqual(
    promised.filter((name) => !once.has(name)),
    [],
    'promised, and not there',
  )
  const all = new Set(sent.map(({ kind, id }) => nameOf(kind, id)))
  assert.deepEqual(
    there.filter((name) => !all.has(name)),
    [],
    'there, and never sent',
  )
  return { entries: entries.length }
}

/** Nobody is told `durable` twice, and whoever logs out is answered 200, whatever happens. */
function checkAnswers(sent: readonly Sending[]): void {
  for (const { kind, id, answers } of sent) {
    const durable = answers.filter(({ record }) => record === 'durable').length
    assert.ok(durable <= 1, `${kind} ${id} was durable ${durable} times`)
    const allowed = kind === 'logout.requested' ? [200] : [204, 503]
    for (const { status } of answers) assert.ok(allowed.includes(status), `${kind} ${id}: ${status}`)
  }
}

/** Without its database each process answers in time, and promises nothing but what it had promised before. */
function checkOutage(answers: readonly Answer[]): void {
  for (const { askedAt, answeredAt, status, record } of answers) {
    assert.ok(answeredAt - askedAt < ANSWER_LIMIT_MS, `${answeredAt - askedAt} ms`)
    const said = `${status} ${record}`
    assert.ok(['200 logged', '200 duplicate', '204 null', '503 null'].includes(said), said)
  }
}

/** Each process reads the same. */
async function checkReadAlike(members: readonly Member[]): Promise<void> {
  const [one, ...others] = members
  assert.ok(one)
  const paths = ['/v1/sessions?limit=200', '/v1/entries?after=100&limit=200']
  for (const path of paths) {
    const answer = await readFrom(one.service, path)
    assert.ok(answer !== null)
    for (const other of others) assert.deepEqual(await readFrom(other.service, path), answer)
  }
}

function countsOf(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { status, record, undisturbed, askedAt, answeredAt } of answers) {
    const said = record ?? String(status)
    counts[said] = (counts[said] ?? 0) + 1
    if (undisturbed)
      counts['slowestMs'] = Math.max(counts['slowestMs'] ?? 0, Math.round(answeredAt - askedAt))
  }
  return counts
}
