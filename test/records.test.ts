/** The service keeps its session records up to date, over restarts and kills; the command line reads and rebuilds them. */
import assert from 'node:assert/strict'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { newInstance } from '../clerk-stand-in/instance.ts'
import { DEMO_SECRET_KEY, startStandIn, type StandInOptions } from '../clerk-stand-in/stand-in.ts'
import { until } from './clerk-service.ts'
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
    const metricsOf = async () => (await fetch(`${service.url}/metrics`)).text()
    await until(async () => /coverage_ended_sessions 1\n/.test(await metricsOf()))
    const metrics = await metricsOf()
    assert.match(metrics, /coverage_sessions 1\n/)
    assert.match(metrics, /unconfirmed_logouts 0\n/)
    assert.match(metrics, /webhook_silence_seconds 0\n/)
    assert.match(metrics, /last_sweep_timestamp_seconds [1-9]/)
    assert.match(metrics, /sweep_requests_total\{answer="expired"\} 1/)
    assert.match(metrics, /webhooks_total\{type="session.created"\} 1/)
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

    assert.equal((await cli('rebuild', '--accept-restore')).code, 0)
    service = await start()
    await until(async () => (await recordOf(service, first.id)) !== null)
    assert.equal(await recordOf(service, second.id), null)
    await service[Symbol.asyncDispose]()
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
    assert.match(failed.stderr, /views\.db cannot be used .* run logout-trail rebuild/)
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

function envOf({ instance }: { instance: { publishableKey: string; publicPem: string } }) {
  return { CLERK_PUBLISHABLE_KEY: instance.publishableKey, CLERK_JWT_KEY: instance.publicPem }
}
