/** The service keeps its session records up to date, over restarts and kills; the command line reads and rebuilds them. */
import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'node:test'
import { newInstance } from '../clerk-stand-in/instance.ts'
import { DEMO_SECRET_KEY, startStandIn, type StandInOptions } from '../clerk-stand-in/stand-in.ts'
import { toldByWebhook, type SessionId } from '../trail/entry.ts'
import { openSqliteStore } from '../trail/stores/sqlite.ts'
import { until } from './clerk-service.ts'
import { newSecret, ofSession, signed } from './webhooks.ts'
import { finished, runCli, startService, temporaryFolder, type RunningService } from './service.ts'

const KEY = 'k'.repeat(32)

async function open(options: StandInOptions = {}) {
  const standIn = await startStandIn(options)
  const { publishableKey, publicPem } = standIn.instance
  const env = {
    CLERK_PUBLISHABLE_KEY: publishableKey,
    CLERK_JWT_KEY: publicPem,
    CLERK_WEBHOOK_SIGNING_SECRET: standIn.webhookSecret,
    CLERK_SECRET_KEY: DEMO_SECRET_KEY,
    CLERK_API_URL: standIn.url,
    SWEEP_INTERVAL_SECONDS: '1',
    READER_API_KEYS: `test:${KEY}`,
    DATABASE_URL: 'file:trail.db',
  }
  const folder = temporaryFolder()
  const start = async (more: Record<string, string> = {}) => {
    const service = await startService({ folder, env: { ...env, ...more } })
    standIn.webhooks.url = `${service.url}/v1/webhooks/clerk`
    return service
  }
  const cli = (...args: string[]) => finished(runCli(args, { folder, env }))
  return { standIn, folder, start, cli, [Symbol.asyncDispose]: () => standIn.close() }
}

async function recordOf(service: RunningService, session: string): Promise<Record<string, unknown> | null> {
  const answer = await fetch(`${service.url}/v1/sessions/${session}`, {
    headers: { Authorization: `Bearer ${KEY}` },
  })
  return answer.status === 200 ? ((await answer.json()) as Record<string, unknown>) : null
}

describe('the service', () => {
  it('makes one record of the button and Clerk’s webhooks, also when it was killed in between', async () => {
    await using opened = await open()
    const { standIn, start, cli } = opened
    const user = standIn.world.addUser()
    let service = await start()
    const session = standIn.world.signIn(user, standIn.world.newClient())
    await until(async () => (await recordOf(service, session.id))?.['state'] === 'open')
    const { sessionToken } = await import('../clerk-stand-in/shapes.ts')
    const token = sessionToken(standIn.instance, session, { origin: null, now: Date.now() })
    const answer = await fetch(`${service.url}/v1/auth/session`, {
      method: 'DELETE',
      headers: { Authorization: `Bearer ${token}` },
    })
    assert.equal(answer.headers.get('logout-record'), 'durable')
    service.process.kill('SIGKILL')
    await service.ended

    service = await start()
    await until(async () => (await recordOf(service, session.id))?.['state'] === 'requested')
    standIn.world.end(session.id, 'sign-out')
    await until(async () => (await recordOf(service, session.id))?.['state'] === 'ended')
    const record = await recordOf(service, session.id)
    assert.equal(record?.['sentence'], 'Signed out by the user; confirmed by Clerk.')

    const shown = await cli('show', session.id)
    assert.equal(shown.code, 0)
    assert.match(shown.stdout, /^Signed out by the user; confirmed by Clerk\.\n/)
    assert.match(shown.stdout, /session\.removed {2}by webhook, entry 2/)
    const json = JSON.parse((await cli('show', session.id, '--json')).stdout) as Record<string, unknown>
    assert.deepEqual(json, record)
    const refused = await cli('rebuild')
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /Another logout-trail service is using/)

    service.process.kill('SIGTERM')
    assert.equal(await service.ended, 0)
    const rebuilt = await cli('rebuild')
    assert.match(rebuilt.stdout, /views\.db: made from 3 entries/)
    assert.equal(rebuilt.stderr, '')
    assert.deepEqual(JSON.parse((await cli('show', session.id, '--json')).stdout), record)
  })

  it('asks Clerk for a session that must be over, and records that it expired', async () => {
    // Its sessions expired two minutes before they began, so that nobody has to wait.
    await using opened = await open({ sessionLifetimeMs: -120_000 })
    const { standIn, start } = opened
    await using service = await start()
    const session = standIn.world.signIn(standIn.world.addUser(), standIn.world.newClient())

    await until(async () => (await recordOf(service, session.id))?.['state'] === 'ended')

    const record = await recordOf(service, session.id)
    assert.equal(record?.['reason'], 'expired')
    assert.equal(record?.['ended_at'], new Date(session.expireAt).toISOString())
    assert.deepEqual(standIn.requests, ['GET /v1/jwks', `GET /v1/sessions/${session.id}`])
    await until(async () => /coverage_ended_sessions 1\n/.test(await metricsOf(service)))
    const metrics = await metricsOf(service)
    assert.match(metrics, /coverage_sessions 1\n/)
    assert.match(metrics, /unconfirmed_logouts 0\n/)
    assert.match(metrics, /webhook_silence_seconds 0\n/)
    assert.match(metrics, /last_sweep_timestamp_seconds [1-9]/)
    assert.match(metrics, /sweep_requests_total\{answer="expired"\} 1/)
    assert.match(metrics, /webhooks_total\{type="session.created"\} 1/)
    const overview = await fetch(`${service.url}/v1/analytics/overview`, {
      headers: { Authorization: `Bearer ${KEY}` },
    })
    const { ends, sources } = (await overview.json()) as Record<'ends' | 'sources', Record<string, unknown>>
    assert.deepEqual(ends, { total: 1, voluntary: 0, forced: 1, unknown: 0 })
    assert.deepEqual(
      [sources['webhooks_configured'], sources['sweep_configured'], sources['records_behind']],
      [true, true, 0],
    )
    assert.ok(Date.parse(String(sources['last_sweep_at'])) > Date.parse(String(sources['last_webhook_at'])))
    assert.equal(sources['last_logout_at'], null)
  })

  it('says once that Clerk refuses the secret key, and names the variable', async () => {
    await using opened = await open({ sessionLifetimeMs: -120_000, secretKey: 'sk_test_another' })
    const { standIn, start } = opened
    await using service = await start()
    standIn.world.signIn(standIn.world.addUser(), standIn.world.newClient())

    await service.line(/Clerk refuses CLERK_SECRET_KEY \(401\): copy it again/)
    await until(() => standIn.requests.length >= 3)

    assert.equal(service.lines.filter((line) => line.includes('CLERK_SECRET_KEY')).length, 1)
  })

  it('asks for no session with a secret key of another instance, and says so once, with the fix', async () => {
    await using another = await startStandIn({ instance: newInstance('another-1.clerk.accounts.dev') })
    await using opened = await open({ sessionLifetimeMs: -120_000 })
    const { standIn, start } = opened
    await using service = await start({ CLERK_API_URL: another.url })
    const session = standIn.world.signIn(standIn.world.addUser(), standIn.world.newClient())

    await service.line(/CLERK_SECRET_KEY is of another Clerk instance than the session tokens/)
    await until(() => another.requests.length >= 3)

    assert.deepEqual(new Set(another.requests), new Set(['GET /v1/jwks']))
    assert.equal((await recordOf(service, session.id))?.['state'], 'open')
    assert.equal(service.lines.filter((line) => line.includes('CLERK_SECRET_KEY')).length, 1)
    assert.match(await (await fetch(`${service.url}/metrics`)).text(), /last_sweep_timestamp_seconds 0\n/)
  })

  it('exits with 0 within 2 seconds of SIGTERM while Clerk answers nothing', async () => {
    await using opened = await open({ sessionLifetimeMs: -120_000 })
    const { standIn, start } = opened
    const service = await start()
    standIn.faults.set({ group: 'backend', trouble: 'hang', matching: 'GET /v1/sessions' })
    standIn.world.signIn(standIn.world.addUser(), standIn.world.newClient())
    await standIn.asked(/GET \/v1\/sessions/)

    const startedAt = performance.now()
    service.process.kill('SIGTERM')
    assert.equal(await service.ended, 0)
    assert.ok(performance.now() - startedAt < 2000)
  })

  it('does not start with a restored trail, until that is accepted', async () => {
    await using opened = await open()
    const { standIn, start, cli, folder } = opened
    let service = await start()
    const user = standIn.world.addUser()
    const first = standIn.world.signIn(user, standIn.world.newClient())
    await until(async () => (await recordOf(service, first.id)) !== null)
    assert.equal((await cli('backup', 'copy.db')).code, 0)
    const second = standIn.world.signIn(user, standIn.world.newClient())
    await until(async () => (await recordOf(service, second.id)) !== null)
    service.process.kill('SIGTERM')
    assert.equal(await service.ended, 0)

    copyFileSync(join(folder, 'copy.db'), join(folder, 'trail.db'))
    const refused = await finished(
      runCli(['start'], { folder, env: { PORT: '0', DATABASE_URL: 'file:trail.db', ...envOf(standIn) } }),
    )
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /run: logout-trail rebuild --accept-restore \(trail-rewound\)/)
    assert.equal((await cli('rebuild')).code, 1)

    const accepted = await cli('rebuild', '--accept-restore')
    assert.equal(accepted.code, 0)
    assert.doesNotMatch(accepted.stdout, /nothing was restored/)
    assert.equal(epochOf(folder), 1)
    service = await start()
    await until(async () => (await recordOf(service, first.id)) !== null)
    assert.equal(await recordOf(service, second.id), null)
    await service[Symbol.asyncDispose]()
  })

  it('keeps its epoch when nothing was restored, and says so', async () => {
    await using opened = await open()
    const { start, cli, folder } = opened
    const service = await start()
    service.process.kill('SIGTERM')
    assert.equal(await service.ended, 0)
    const accepted = await cli('rebuild', '--accept-restore')
    assert.equal(accepted.code, 0)
    assert.match(accepted.stdout, /trail\.db: nothing was restored, so its epoch stays/)
    assert.match(accepted.stdout, /views\.db: made from 0 entries/)
    assert.equal(epochOf(folder), 0)
    await (await start())[Symbol.asyncDispose]()
  })

  it('starts with damaged records, says so once, and makes them anew', async () => {
    await using opened = await open()
    const { standIn, start, folder } = opened
    let service = await start()
    const session = standIn.world.signIn(standIn.world.addUser(), standIn.world.newClient())
    await until(async () => (await recordOf(service, session.id)) !== null)
    service.process.kill('SIGTERM')
    assert.equal(await service.ended, 0)
    writeFileSync(join(folder, 'views.db'), 'x'.repeat(5000))

    service = await start()
    await until(async () => (await recordOf(service, session.id)) !== null)

    await service.line(/set aside/)
    const said = service.lines.filter((line) => line.includes('set aside'))
    assert.equal(said.length, 1)
    const [aside = 'none'] = readdirSync(folder).filter((name) => name.startsWith('views.db.damaged-'))
    assert.ok(said[0]?.includes(aside), String(said[0]))
    await service[Symbol.asyncDispose]()
  })

  it('does not start over what is not ours at the place of its records, in one message, and rebuild keeps it', async () => {
    await using opened = await open()
    const { standIn, cli, folder } = opened
    const started = () =>
      finished(
        runCli(['start'], { folder, env: { PORT: '0', DATABASE_URL: 'file:trail.db', ...envOf(standIn) } }),
      )
    mkdirSync(join(folder, 'views.db'))
    const withFolder = await started()
    assert.equal(withFolder.code, 1)
    assert.match(withFolder.stderr, /^DATABASE_URL: views\.db cannot be used \(.+\).* \(views-unusable\)\n$/)
    rmSync(join(folder, 'views.db'), { recursive: true })
    const foreign = new DatabaseSync(join(folder, 'views.db'))
    foreign.exec('CREATE TABLE recipes (name TEXT)')
    foreign.close()
    assert.match((await started()).stderr, /of another program.*\(views-unusable\)\n$/)
    assert.equal((await cli('rebuild')).code, 1)
    assert.ok(existsSync(join(folder, 'views.db')))
  })

  it('has no error to tell of uploads that are broken off', async () => {
    await using opened = await open()
    await using service = await opened.start()
    for (let times = 0; times < 5; times += 1) await breakOff(service.url)
    // Its log line would come before that of the logout.
    await until(async () =>
      /webhook_refusals_total\{code="invalid-request"\} 5/.test(await metricsOf(service)),
    )
    assert.deepEqual(
      service.lines.filter(
        (line) => /"level":"?(error|warn|[45]0)/.test(line) && !/AUTHORIZED_PARTIES/.test(line),
      ),
      [],
    )
  })

  it('says once that webhooks are not signed with its secret, and what to do, and when they are accepted again', async () => {
    await using opened = await open()
    const { standIn } = opened
    await using service = await opened.start()
    const forged = signed(ofSession('session.removed'), { secret: newSecret() })
    for (let times = 0; times < 3; times += 1) {
      assert.equal((await fetch(`${service.url}/v1/webhooks/clerk`, forged)).status, 400)
    }
    standIn.world.signIn(standIn.world.addUser(), standIn.world.newClient())
    await service.line(/webhooks are accepted again/)
    const said = service.lines.filter((line) => line.includes('webhooks are refused'))
    assert.equal(said.length, 1)
    assert.match(said[0] ?? '', /webhook-signature-invalid.*copy the endpoint’s signing secret again/)
    assert.doesNotMatch(said[0] ?? '', /sess_1|user_1/)
  })

  it('says up to where it knows the trail when it knows nothing of a session', async () => {
    await using opened = await open()
    const { standIn, cli, folder } = opened
    await using service = await opened.start()
    const first = standIn.world.signIn(standIn.world.addUser(), standIn.world.newClient())
    await until(async () => (await recordOf(service, first.id)) !== null)
    const answer = await fetch(`${service.url}/v1/sessions/sess_none`, {
      headers: { Authorization: `Bearer ${KEY}` },
    })
    assert.match(await answer.text(), /No entry up to 0 is about this session/)
    service.process.kill('SIGTERM')
    await service.ended
    const db = new DatabaseSync(join(folder, 'trail.db'))
    db.exec('UPDATE trail SET next_index = 3')
    db.close()

    const shown = await cli('show', 'sess_none')
    assert.match(shown.stderr, /2 entries are not in the records yet/)
    assert.match(shown.stderr, /Of the first 1 entries of trail\.db none is about sess_none\./)
    const coverage = await cli('coverage', '--json')
    assert.match(coverage.stderr, /2 entries are not in the records yet/)
    assert.equal(coverage.code, 0)
  })

  it('gives coverage with times as everywhere else', async () => {
    // Nobody is asked, so what must be over is a gap.
    await using opened = await open({ sessionLifetimeMs: -120_000, secretKey: 'sk_test_another' })
    const { standIn, cli } = opened
    await using service = await opened.start()
    const session = standIn.world.signIn(standIn.world.addUser(), standIn.world.newClient())
    await until(async () => (await recordOf(service, session.id)) !== null)
    assert.deepEqual(JSON.parse((await cli('coverage', '--json')).stdout), {
      sessions: 1,
      ended: 0,
      unknown: 0,
      gaps: [
        {
          session_id: session.id,
          user_id: session.userId,
          over_by: new Date(session.expireAt).toISOString(),
        },
      ],
    })
  })

  it('shows a time that no date can hold, as older versions recorded it, as not known', async () => {
    const folder = temporaryFolder()
    const store = await openSqliteStore({
      path: join(folder, 'trail.db'),
      issuer: 'https://x.clerk.accounts.dev',
    })
    const session_id = 'sess_1' as SessionId
    const told = [
      { kind: 'session.created', occurred_at: 1000, session_id, session_created_at: 1000 },
      { kind: 'session.removed', occurred_at: 2 ** 53 - 1, session_id },
    ] as const
    await store.append(
      told.map((one, at) => toldByWebhook(`msg_${at}`, one)),
      1000,
    )
    await store.close()
    const env = { DATABASE_URL: 'file:trail.db' }
    assert.equal((await finished(runCli(['rebuild'], { folder, env }))).code, 0)

    const shown = await finished(runCli(['show', 'sess_1'], { folder, env }))
    assert.equal(shown.stderr, '')
    assert.match(shown.stdout, /at no date {2}session\.removed {2}by webhook/)
    assert.doesNotMatch(shown.stdout, /duration_ms|ended_at/)
    const json = JSON.parse(
      (await finished(runCli(['show', 'sess_1', '--json'], { folder, env }))).stdout,
    ) as object
    assert.partialDeepStrictEqual(json, { state: 'ended', ended_at: null, duration_ms: null })
  })

  it('has no coverage without a trail, and blames nothing else', async () => {
    const { code, stderr } = await finished(runCli(['coverage'], { env: { DATABASE_URL: 'file:none.db' } }))
    assert.equal(code, 1)
    assert.match(stderr, /none\.db/)
    assert.doesNotMatch(stderr, /configuration|rebuild/i)
  })

  it('says what is wrong with the file of the records, and rebuild mends it', async () => {
    await using opened = await open()
    const { start, cli, folder } = opened
    const service = await start()
    service.process.kill('SIGTERM')
    assert.equal(await service.ended, 0)
    writeFileSync(join(folder, 'views.db'), 'x'.repeat(5000))
    const failed = await cli('coverage')
    assert.equal(failed.code, 1)
    assert.match(failed.stderr, /views\.db is damaged .* run logout-trail rebuild/)
    assert.equal((await cli('rebuild')).code, 0)
    assert.match((await cli('coverage')).stdout, /No session that was seen to begin must be over by now/)
  })

  it('shows what is not known as not known', async () => {
    await using opened = await open()
    const service = await opened.start()
    const shown = await opened.cli('show', 'sess_none')
    assert.equal(shown.code, 1)
    assert.match(shown.stderr, /No entry of trail\.db is about sess_none\./)
    await service[Symbol.asyncDispose]()
    const db = new DatabaseSync(join(opened.folder, 'views.db'), { readOnly: true })
    assert.deepEqual({ ...db.prepare('SELECT count(*) AS rows FROM sessions').get() }, { rows: 0 })
    db.close()
  })
})

async function metricsOf({ url }: RunningService): Promise<string> {
  return (await fetch(`${url}/metrics`)).text()
}

function epochOf(folder: string): number {
  const db = new DatabaseSync(join(folder, 'trail.db'), { readOnly: true })
  try {
    return Number(db.prepare('SELECT epoch FROM trail').get()?.['epoch'])
  } finally {
    db.close()
  }
}

/** Sends the beginning of a webhook, and hangs up. */
async function breakOff(url: string): Promise<void> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await new Promise((resolve) => {
    socket.write('POST /v1/webhooks/clerk HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"type', resolve)
  })
  await sleep(100)
  socket.destroy()
}

function envOf({ instance }: { instance: { publishableKey: string; publicPem: string } }) {
  return { CLERK_PUBLISHABLE_KEY: instance.publishableKey, CLERK_JWT_KEY: instance.publicPem }
}
