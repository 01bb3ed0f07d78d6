/** Services on PostgreSQL: several processes share a trail, and a database that is away or is not the same any more holds up no logout. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { DEMO_SECRET_KEY, startStandIn } from '../clerk-stand-in/stand-in.ts'
import {
  clerk,
  durable,
  duplicate,
  logged,
  notRecorded,
  signIn,
  stop,
  until,
  type ClerkService,
} from './clerk-service.ts'
import { follow } from './following.ts'
import { Logouts, putLoadOn } from './load.ts'
import { inDatabase, newDatabase, newRole, startPostgres } from './postgres.ts'
import {
  asReader,
  backUp,
  entriesIn,
  putBack,
  readFrom,
  sendWebhook,
  startOn,
  turnIn,
  webhookOf,
  whoWrites,
} from './postgres-services.ts'
import { networkTo, query, someoneWaits } from './postgres-trails.ts'
import { linkToRecords } from '../cli/records-link.ts'
import { rebuildPostgresViews, viewsGrantsFor } from '../session-ends/views-place-postgres.ts'
import { grantsFor } from '../trail/stores/postgres-migrations.ts'
import { raisePostgresEpoch } from '../trail/stores/postgres-schema.ts'
import { openPostgresReader } from '../trail/stores/postgres-reader.ts'
import { finished, runCli } from './service.ts'

/** Ends the service before its database is dropped. */
async function serviceOf(t: TestContext, database: string, env: Record<string, string> = {}) {
  const service = await startOn(database, env)
  t.after(() => service[Symbol.asyncDispose]())
  return service
}

/** On a database of its own. */
async function two(t: TestContext, env: Record<string, string> = {}) {
  const database = await newDatabase(t)
  const services = await Promise.all([serviceOf(t, database, env), serviceOf(t, database, env)])
  return { database, services }
}

const state = async (service: ClerkService, session: string) =>
  ((await readFrom(service, `/v1/sessions/${session}`)) as { state?: string } | null)?.state ?? null

const count = (service: ClerkService, line: RegExp) => service.lines.filter((one) => line.test(one)).length

describe('two services on one PostgreSQL', { concurrency: 3 }, () => {
  it('start at once on an empty database, share a trail, and are read alike', async (t) => {
    const { database, services } = await two(t)
    const [one, other] = services
    const [first, second] = [signIn(), signIn()]
    assert.deepEqual(await one.logout(first), durable)
    assert.deepEqual(await other.logout(second), durable)
    assert.deepEqual(await other.logout(first), duplicate)
    const removed = webhookOf('session.removed', { id: first.session })
    assert.equal(await sendWebhook(other, removed), 204)
    assert.equal(await sendWebhook(one, removed), 204)

    const entries = await entriesIn(database)
    assert.deepEqual(
      entries.map(({ index, session_id }) => [index, session_id]),
      [
        [0, first.session],
        [1, second.session],
        [2, first.session],
      ],
    )
    for (const service of services) await until(async () => (await state(service, first.session)) === 'ended')
    const paths = [
      '/v1/entries',
      '/v1/sessions',
      '/v1/sessions?order=changes',
      `/v1/sessions/${first.session}`,
      `/v1/analytics/session-ends?from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z&bucket=month`,
      `/v1/analytics/durations?from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z`,
    ]
    for (const path of paths) {
      const answer = await readFrom(one, path)
      assert.ok(answer !== null, path)
      assert.deepEqual(await readFrom(other, path), answer, path)
    }
  })

  it('tell whoever follows one of them what the other recorded, within 2 s', async (t) => {
    const [one, other] = (await two(t)).services
    using follower = await follow(`${one.url}/v1/entries/stream`, asReader)
    await follower.until(() => follower.events.length > 0)
    for (let times = 0; times < 3; times += 1) {
      const person = signIn()
      assert.deepEqual(await other.logout(person), durable)
      const answeredAt = performance.now()
      await follower.until(() => follower.entries().some(({ session_id }) => session_id === person.session))
      assert.ok(performance.now() - answeredAt < 2000)
    }
  })

  it('have one of them write the session records; when it is killed, the other does within 5 s', async (t) => {
    const { database, services } = await two(t)
    const [writer, other] = await whoWrites(database, services)
    assert.ok(other)
    await writer.line(/this process writes the session records from now on/)
    const person = signIn()
    assert.deepEqual(await writer.logout(person), durable)
    await until(async () => (await state(other, person.session)) === 'requested')

    writer.process.kill('SIGKILL')
    const killedAt = performance.now()
    await writer.ended
    const next = signIn()
    assert.deepEqual(await other.logout(next), durable)
    await until(async () => (await state(other, next.session)) === 'requested')
    assert.ok(performance.now() - killedAt < 5000)
    assert.equal((await turnIn(database))?.fence, 2)
    await other.line(/this process writes the session records from now on/)
  })

  it('show what came while the records were made anew, also when nothing comes after it', async (t) => {
    const { database, services } = await two(t)
    const [writer] = await whoWrites(database, services)
    const before = signIn()
    assert.deepEqual(await writer.logout(before), durable)
    await until(async () => (await state(writer, before.session)) === 'requested')
    const during = signIn()
    const trail = await openPostgresReader(database)
    const link = linkToRecords(database)
    let heard = false
    await rebuildPostgresViews({
      link,
      trail: {
        ...trail,
        read: async (after, limit) => {
          const found = await trail.read(after, limit)
          if (!heard) assert.deepEqual(await writer.logout(during), durable)
          heard = true
          await until(async () => (await state(writer, during.session)) === 'requested')
          return found
        },
      },
    })
    await link.close()
    trail.close()
    for (const service of services)
      for (const person of [before, during])
        await until(async () => (await state(service, person.session)) === 'requested')
    assert.equal(count(writer, /is unavailable/), 0)
  })

  it('have one of them ask Clerk, and the other once it is gone, also when nothing new was recorded', async (t) => {
    // Its sessions expired before they began, so that nobody has to wait.
    const standIn = await startStandIn({ sessionLifetimeMs: -120_000 })
    t.after(() => standIn.close())
    const { database, services } = await two(t, {
      CLERK_ISSUER: '',
      CLERK_PUBLISHABLE_KEY: standIn.instance.publishableKey,
      CLERK_JWT_KEY: standIn.instance.publicPem,
      CLERK_WEBHOOK_SIGNING_SECRET: standIn.webhookSecret,
      CLERK_SECRET_KEY: DEMO_SECRET_KEY,
      CLERK_API_URL: standIn.url,
      SWEEP_INTERVAL_SECONDS: '1',
    })
    const [writer, other] = await whoWrites(database, services)
    assert.ok(other)
    standIn.faults.set({ group: 'backend', trouble: 500, matching: 'GET /v1/sessions' })
    standIn.webhooks.url = `${other.url}/v1/webhooks/clerk`
    const session = standIn.world.signIn(standIn.world.addUser(), standIn.world.newClient())
    const asked = (answer: string) => `\\w*sweep_requests_total\\{answer="${answer}"\\}`
    await until(async () => (await writer.metric(asked('failed'))) >= 2)
    assert.ok(!((await other.metric(asked('failed'))) > 0))

    writer.process.kill('SIGKILL')
    await until(async () => (await other.metric(asked('failed'))) >= 1)
    standIn.faults.clear()
    await until(async () => (await state(other, session.id)) === 'ended')
    assert.equal(await other.metric(asked('expired')), 1)
  })

  it('stop within seconds under load, and what was promised is in the trail', async (t) => {
    const { database, services } = await two(t)
    const logouts = new Logouts(clerk, Math.random)
    logouts.prepare(600)
    const loads = services.map(({ url }) => putLoadOn(url, logouts, 8))
    await Promise.all(loads.map(({ begun }) => begun))
    await until(() => loads.every((load) => load.answers() > 20))
    assert.deepEqual(await Promise.all(services.map(stop)), [0, 0])
    await Promise.all(loads.map(({ ended }) => ended))

    const ids = (await entriesIn(database)).map(({ session_id }) => String(session_id))
    assert.equal(new Set(ids).size, ids.length)
    const promised = logouts.answered('durable', 'duplicate').map(({ sessionId }) => sessionId)
    assert.deepEqual(
      promised.filter((id) => !ids.includes(id)),
      [],
    )
    // Nobody has to wait until it runs out.
    assert.equal(await turnIn(database), null)
  })
})

describe('a PostgreSQL that goes away while services run', { concurrency: 3 }, () => {
  it('holds up no logout; all comes back by itself, and the log has said each thing once', async (t) => {
    const server = await startPostgres()
    const database = await newDatabase(t, server)
    const service = await startOn(database)
    const strict = await startOn(database, { AUDIT_REQUIRED: 'on' })
    t.after(async () => {
      await Promise.all([service, strict].map((one) => one[Symbol.asyncDispose]()))
      await server.end()
    })
    const person = signIn()
    assert.deepEqual(await service.logout(person), durable)
    await until(async () => (await state(service, person.session)) === 'requested')

    await server.stop()
    const pids = [service.process.pid, strict.process.pid]
    const away = webhookOf('session.removed', { id: person.session })
    for (let times = 0; times < 5; times += 1) {
      const startedAt = performance.now()
      assert.deepEqual(await service.logout(signIn()), logged)
      assert.deepEqual(await strict.logout(signIn()), notRecorded)
      assert.ok(performance.now() - startedAt < 2000)
    }
    assert.equal(await sendWebhook(service, away), 503)
    assert.match(
      (await service.notReady()) ?? '',
      /trail: PostgreSQL at 127\.0\.0\.1:\d+\/trail_test_\w+ is /,
    )
    assert.equal((await fetch(`${service.url}/readyz`)).status, 503)
    assert.equal(await readFrom(service, '/v1/sessions'), null)
    await service.line(/session records cannot be brought up to date/)

    await server.start()
    await until(async () => (await sendWebhook(service, away)) === 204)
    await until(async () => (await strict.logout(signIn())).record === 'durable')
    assert.equal(await service.notReady(), null)
    await until(async () => (await state(service, person.session)) === 'ended')
    await until(async () => (await state(strict, person.session)) === 'ended')
    assert.deepEqual(
      [service, strict].map((one) => one.process.exitCode),
      [null, null],
    )
    assert.deepEqual([service.process.pid, strict.process.pid], pids)
    for (const said of [
      /logouts cannot be recorded; they are answered as logged/,
      /logouts are recorded again/,
      /session records cannot be brought up to date/,
      /session records are brought up to date again/,
      /readers cannot be answered/,
    ]) {
      assert.equal(count(service, said), 1, String(said))
    }
    assert.ok(!service.lines.some((line) => line.includes(decodeURIComponent(new URL(database).password))))
  })

  it('and lost the last session records when it crashed has them made again', async (t) => {
    const database = await newDatabase(t)
    const network = await networkTo(t, database)
    const service = await serviceOf(t, network.url)
    const person = signIn()
    assert.deepEqual(await service.logout(person), durable)
    await until(async () => (await state(service, person.session)) === 'requested')
    network.is = 'refused'
    network.cut()
    // Commits of the records do not wait for the disk.
    await query(
      database,
      `TRUNCATE ${['sessions', 'webhook_mix', 'heard', 'rollup_quarters', 'rollup_days'].map((table) => `logout_trail_views.${table}`).join()}`,
    )
    await query(database, `UPDATE logout_trail_views.position SET next_index = 0, last_hash = ''`)
    network.is = 'open'
    await until(async () => (await state(service, person.session)) === 'requested')
  })

  it('of its session records only, from the start, keeps nobody from recording logouts', async (t) => {
    const database = await newDatabase(t)
    const { role, url: ofRole } = await newRole(t, database)
    const { stdout } = await finished(runCli(['migrate', '--print-sql'], { env: { DATABASE_URL: database } }))
    await query(database, stdout)
    await query(database, grantsFor(role))
    const service = await serviceOf(t, ofRole)
    const person = signIn()
    assert.deepEqual(await service.logout(person), durable)
    await service.line(/session records.*migrate --print-sql/)
    await query(database, viewsGrantsFor(role).join('\n'))
    await until(async () => (await state(service, person.session)) === 'requested')
  })

  it('without a word costs a logout its 250 ms', async (t) => {
    const network = await networkTo(t, await newDatabase(t))
    const service = await serviceOf(t, network.url)
    assert.deepEqual(await service.logout(signIn()), durable)
    network.is = 'silent'
    for (let times = 0; times < 5; times += 1) {
      const startedAt = performance.now()
      assert.deepEqual(await service.logout(signIn()), logged)
      const tookMs = performance.now() - startedAt
      assert.ok(tookMs > 200 && tookMs < 1000, `${tookMs} ms`)
    }
    network.is = 'open'
    await until(async () => (await service.logout(signIn())).record === 'durable')
  })

  for (const way of ['refused', 'silent'] as const) {
    it(`keeps no service from stopping in time (${way})`, async (t) => {
      const network = await networkTo(t, await newDatabase(t))
      const service = await serviceOf(t, network.url)
      await service.line(/this process writes the session records from now on/)
      network.is = way
      if (way === 'refused') network.cut()
      assert.deepEqual(await service.logout(signIn()), logged)
      assert.equal(await stop(service), 0)
      assert.equal(count(service, /"msg":"stopped"/), 1)
    })
  }

  it('while the session records are being written keeps no service from stopping either', async (t) => {
    const database = await newDatabase(t)
    const service = await serviceOf(t, database)
    await service.line(/this process writes the session records from now on/)
    await inDatabase(database, async (client) => {
      await client.query('BEGIN; LOCK TABLE logout_trail_views.sessions IN ACCESS EXCLUSIVE MODE')
      assert.deepEqual(await service.logout(signIn()), durable)
      await until(() => someoneWaits(database))
      const startedAt = performance.now()
      assert.equal(await stop(service), 0)
      // The records alone may take a minute for an answer.
      assert.ok(performance.now() - startedAt < 30_000)
      await client.query('ROLLBACK')
    })
  })

  it('with its schema, as while a dump is read in, is written and read again when that is back', async (t) => {
    const database = await newDatabase(t)
    const service = await serviceOf(t, database)
    assert.deepEqual(await service.logout(signIn()), durable)
    await service.line(/this process writes the session records from now on/)
    await query(database, 'ALTER SCHEMA logout_trail RENAME TO elsewhere')
    assert.deepEqual(await service.logout(signIn()), logged)
    await service.line(/session records cannot be brought up to date/)
    await service.line(/"code":"trail-replaced".*logouts cannot be recorded/)

    await query(database, 'ALTER SCHEMA elsewhere RENAME TO logout_trail')
    const person = signIn()
    await until(async () => (await service.logout(person)).record !== 'logged')
    await until(async () => (await state(service, person.session)) === 'requested')
    await service.line(/session records are brought up to date again/)
  })

  it('for moments, or is slow, is named in the log with what to do', async (t) => {
    const database = await newDatabase(t)
    const service = await serviceOf(t, database)
    assert.deepEqual(await service.logout(signIn()), durable)
    await query(
      database,
      `CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END'`,
    )
    await query(
      database,
      'CREATE TRIGGER slowly AFTER INSERT ON logout_trail.dedupe EXECUTE FUNCTION slowly()',
    )
    const person = signIn()
    assert.deepEqual(await service.logout(person), logged)
    await service.line(/"warn".*longer than 250 ms to commit: logouts are answered as logged/)
    await query(database, 'DROP TRIGGER slowly ON logout_trail.dedupe')
    await until(async () => (await service.logout(person)).record === 'duplicate')
    await service.logout(signIn())
    await service.line(/commits in time again/)
  })
})

describe('a backup that is put back', { concurrency: 3 }, () => {
  it('under a running service is refused as trail-rewound, and logouts are answered as logged', async (t) => {
    const server = await startPostgres()
    const database = await newDatabase(t, server)
    const service = await startOn(database)
    t.after(async () => {
      await service[Symbol.asyncDispose]()
      await server.end()
    })
    assert.deepEqual(await service.logout(signIn()), durable)
    const copy = await backUp(server.url, database)
    const later = signIn()
    await until(async () => (await service.logout(later)).record !== 'logged')
    assert.deepEqual(await service.logout(signIn()), durable)

    await putBack(server.url, database, copy)
    const refused = /"code":"trail-rewound".*logouts cannot be recorded/
    await until(async () => {
      assert.deepEqual(await service.logout(signIn()), logged)
      return count(service, /trail-rewound/) > 0 || count(service, /logouts are recorded again/) > 1
    })
    const line = await service.line(/trail-rewound/)
    assert.match(line, refused)
    assert.match(line, /read in from a dump, or its database was copied/)
    assert.match(line, /logout-trail rebuild --accept-restore/)
    assert.match((await service.notReady()) ?? '', /rebuild --accept-restore/)
    assert.equal((await entriesIn(database)).length, 1)
  })

  it('and accepted while a service is away from it leaves no repeat to memory', async (t) => {
    const database = await newDatabase(t)
    const network = await networkTo(t, database)
    const service = await serviceOf(t, network.url)
    const [kept, lost] = [signIn(), signIn()]
    assert.deepEqual(await service.logout(kept), durable)
    assert.deepEqual(await service.logout(lost), durable)
    network.is = 'refused'
    network.cut()
    for (const table of ['entries', 'dedupe'])
      await query(database, `DELETE FROM logout_trail.${table} WHERE "index" = 1`)
    await query(database, 'UPDATE logout_trail.trail SET epoch = epoch + 1')
    network.is = 'open'
    let answer = logged
    await until(async () => {
      answer = await service.logout(lost)
      return answer.record !== 'logged'
    })
    assert.deepEqual(answer, durable)
    assert.deepEqual(await service.logout(kept), duplicate)
  })

  it('and accepted lets a service start and record before the session records are made anew', async (t) => {
    const database = await newDatabase(t)
    const before = await serviceOf(t, database)
    const person = signIn()
    assert.deepEqual(await before.logout(person), durable)
    await until(async () => (await state(before, person.session)) !== null)
    assert.equal(await stop(before), 0)
    await raisePostgresEpoch(database)
    const service = await serviceOf(t, database)
    const next = signIn()
    assert.deepEqual(await service.logout(next), durable)
    const rebuilt = await finished(runCli(['rebuild'], { env: { DATABASE_URL: database } }))
    assert.equal(rebuilt.code, 1)
    const accepted = ['rebuild', '--accept-restore']
    assert.equal((await finished(runCli(accepted, { env: { DATABASE_URL: database } }))).code, 0)
    await until(async () => (await state(service, next.session)) === 'requested')
  })

  it('behind the session records keeps a service from starting, in one sentence', async (t) => {
    const database = await newDatabase(t)
    const service = await serviceOf(t, database)
    const people = [signIn(), signIn()]
    for (const person of people) assert.deepEqual(await service.logout(person), durable)
    await until(async () => (await state(service, people[1]?.session ?? '')) !== null)
    assert.equal(await stop(service), 0)
    // The trail as it was before the second logout.
    await query(
      database,
      'DELETE FROM logout_trail.dedupe WHERE "index" = 1; DELETE FROM logout_trail.entries WHERE "index" = 1',
    )
    const env = {
      PORT: '0',
      DATABASE_URL: database,
      CLERK_ISSUER: clerk.issuer,
      CLERK_JWT_KEY: clerk.publicPem,
    }
    const { code, stderr } = await finished(runCli(['start'], { env }))
    assert.equal(code, 1)
    assert.match(stderr, /^DATABASE_URL: .*made from 2 entries.* it has only 1.*\(trail-rewound\)\n$/)
    assert.match(stderr, /rebuild --accept-restore/)
  })
})
