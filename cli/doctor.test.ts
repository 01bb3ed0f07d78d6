/** The command as people run it: against the stand-in for Clerk over HTTP, and on the files that a service left. */
import assert from 'node:assert/strict'
import { chmodSync, cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, it, type TestContext } from 'node:test'
import { newInstance } from '../clerk-stand-in/instance.ts'
import { DEMO_SECRET_KEY, startStandIn, type ListeningStandIn } from '../clerk-stand-in/stand-in.ts'
import { until } from '../test/clerk-service.ts'
import { finished, runCli, startService, temporaryFolder, type RunningService } from '../test/service.ts'
import { viewsVersion } from '../session-ends/views-schema.ts'
import { toldByWebhook } from '../trail/entry.ts'
import { openSqliteStore } from '../trail/stores/sqlite.ts'
import type { Check } from './doctor/check.ts'

const isRoot = process.getuid?.() === 0
const READER_SECRET = 'never-printed-'.padEnd(32, 'r')

let standIn: ListeningStandIn
let env: Record<string, string>
/** What a service left that was stopped: `trail.db` and `views.db`, with two sessions that ended. */
let left: string

before(async () => {
  standIn = await startStandIn()
  env = {
    CLERK_PUBLISHABLE_KEY: standIn.instance.publishableKey,
    CLERK_JWKS_URL: `${standIn.url}/.well-known/jwks.json`,
    CLERK_AUTHORIZED_PARTIES: 'https://app.example.com',
    CLERK_WEBHOOK_SIGNING_SECRET: standIn.webhookSecret,
    CLERK_SECRET_KEY: DEMO_SECRET_KEY,
    CLERK_API_URL: standIn.url,
    READER_API_KEYS: `support:${READER_SECRET}`,
    DATABASE_URL: 'file:trail.db',
  }
  left = temporaryFolder()
  const service = await startWith(left)
  const user = standIn.world.addUser()
  for (const way of ['sign-out', 'revoke'] as const)
    standIn.world.end(standIn.world.signIn(user, standIn.world.newClient()).id, way)
  await until(() => entriesInRecords(left) === 4)
  service.process.kill('SIGTERM')
  assert.equal(await service.ended, 0)
  standIn.webhooks.url = null
})

after(() => standIn.close())

async function startWith(folder: string): Promise<RunningService> {
  const service = await startService({ folder, env })
  standIn.webhooks.url = `${service.url}/v1/webhooks/clerk`
  return service
}

function entriesInRecords(folder: string): number {
  const db = new DatabaseSync(join(folder, 'views.db'), { readOnly: true })
  try {
    return Number(db.prepare('SELECT next_index FROM position').get()?.['next_index'])
  } finally {
    db.close()
  }
}

function copyOfLeft(): string {
  const folder = temporaryFolder()
  cpSync(left, folder, { recursive: true })
  return folder
}

async function doctor(folder: string, more: Record<string, string> = {}) {
  const ended = await finished(runCli(['doctor', '--json'], { folder, env: { ...env, ...more } }))
  assert.equal(ended.stderr, '')
  const { checks } = JSON.parse(ended.stdout) as { checks: Check[] }
  return {
    ...ended,
    checks,
    said: (name: string) => checks.find((check) => check.name === name),
    bad: checks.filter(({ state }) => state === 'wrong' || state === 'warning').map(({ name }) => name),
  }
}

/** But the index of the write-ahead log, in which readers note where they are. */
function bytesIn(folder: string): Record<string, string> {
  const files = readdirSync(folder).filter((name) => !name.endsWith('-shm'))
  return Object.fromEntries(files.map((name) => [name, readFileSync(join(folder, name)).toString('base64')]))
}

function inFile(path: string, sql: string): void {
  const db = new DatabaseSync(path)
  db.exec(sql)
  db.close()
}

describe('logout-trail doctor', () => {
  it('finds nothing wrong beside a running service, and leaves its files as they are', async (t) => {
    const folder = copyOfLeft()
    await using _ = await startWith(folder)
    t.after(() => (standIn.webhooks.url = null))
    const found = bytesIn(folder)

    const { code, said, bad } = await doctor(folder)

    assert.deepEqual([code, bad], [0, []])
    assert.equal(said('service')?.found, 'running: it holds trail.db.lock')
    assert.match(
      said('trail')?.found ?? '',
      /^4 entries in trail\.db, schema version 1, epoch 0, id [0-9a-f]{32}$/,
    )
    assert.equal(said('keys')?.found, `1 key (ins_localstandin) of ${env['CLERK_JWKS_URL']}`)
    assert.match(said('webhooks')?.found ?? '', /^the last was recorded .+ ago\)$/)
    assert.match(
      said('webhook events')?.found ?? '',
      /^3 of 7 types seen in all 4 entries; not: session\.pending,/,
    )
    assert.deepEqual(bytesIn(folder), found)
  })

  it('finds nothing wrong without a service, and changes no byte of what is there', async () => {
    const folder = copyOfLeft()
    const found = bytesIn(folder)

    const { code, said, bad } = await doctor(folder)

    assert.deepEqual([code, bad], [0, []])
    assert.equal(said('service')?.found, 'not running')
    // SQLite begins an empty log beside a trail that is read.
    const afterwards = Object.entries(bytesIn(folder)).filter(
      ([name]) => name in found || !name.endsWith('-wal'),
    )
    assert.deepEqual(Object.fromEntries(afterwards), found)
  })

  it('asks Clerk for nothing but its public keys', async () => {
    const asked = standIn.requests.length
    await doctor(copyOfLeft())
    assert.deepEqual(standIn.requests.slice(asked).toSorted(), ['GET /.well-known/jwks.json', 'GET /v1/jwks'])
  })

  it('gives each check a name, a state, what was found and what to do, for programs', async () => {
    const { checks } = await doctor(copyOfLeft())
    assert.equal(checks.length, 22)
    for (const check of checks) {
      assert.deepEqual(Object.keys(check), ['name', 'state', 'found', 'fix'])
      assert.ok(['fine', 'warning', 'wrong', 'info'].includes(check.state))
      assert.notEqual(check.found, '')
    }
  })

  it('never shows a secret', async () => {
    const folder = copyOfLeft()
    const secrets = [READER_SECRET, DEMO_SECRET_KEY, standIn.webhookSecret]
    for (const args of [['doctor'], ['doctor', '--json']]) {
      const { stdout, stderr } = await finished(runCli(args, { folder, env: { ...env, PORT: 'x' } }))
      for (const secret of secrets) assert.ok(!`${stdout}${stderr}`.includes(secret))
    }
  })

  it('writes a line for each check without colours where no terminal is', async () => {
    const { code, stdout } = await finished(runCli(['doctor'], { folder: copyOfLeft(), env }))
    assert.equal(code, 0)
    assert.match(stdout, /^✔ configuration {7}each variable can be read\n/)
    assert.match(stdout, /\n\n22 checks: 0 wrong, 0 warnings, \d+ fine, \d+ to know\.\n$/)
    assert.ok(!stdout.includes('\u001B'))
  })

  it('says in its help what it does and what its exit codes mean', async () => {
    const { stdout } = await finished(runCli(['doctor', '--help']))
    assert.match(
      stdout,
      /^ {2}0 {2}Nothing is wrong \(there may be warnings\)\.\n {2}1 {2}Something is wrong/m,
    )
  })

  it('refuses what it does not know', async () => {
    const { code, stderr } = await finished(runCli(['doctor', '--fix']))
    assert.deepEqual([code, stderr], [1, 'Not known here: --fix. doctor takes --json only.\n'])
  })
})

describe('logout-trail doctor, when something is wrong,', () => {
  it('names the secret key that Clerk refuses', async () => {
    const { code, bad, said } = await doctor(copyOfLeft(), { CLERK_SECRET_KEY: 'sk_test_wrong' })
    assert.deepEqual([code, bad], [1, ['secret key']])
    assert.match(
      said('secret key')?.found ?? '',
      /^refused: GET \/v1\/jwks of 127\.0\.0\.1:\d+ answered 401$/,
    )
  })

  it('names keys of two instances', async (t) => {
    const other = newInstance()
    const url = await serve(t, () => ({ keys: [{ ...other.jwk, kid: 'ins_other' }] }))
    const { code, bad, said } = await doctor(copyOfLeft(), { CLERK_JWKS_URL: url })
    assert.deepEqual([code, bad], [1, ['secret key']])
    assert.match(said('secret key')?.found ?? '', /its keys are ins_localstandin, and tokens .+ ins_other$/)
  })

  it('names the address that has no keys, and goes on with the rest', async (t) => {
    standIn.faults.set({ group: 'frontend', trouble: 'down', matching: 'jwks' })
    t.after(() => standIn.faults.clear())
    const { code, bad, said } = await doctor(copyOfLeft())
    assert.deepEqual([code, bad], [1, ['keys']])
    assert.match(said('keys')?.found ?? '', /jwks\.json: /)
    assert.equal(said('clock')?.state, 'fine')
  })

  it('ends although Clerk answers nothing', { timeout: 9_000 }, async (t) => {
    for (const group of ['frontend', 'backend'] as const) standIn.faults.set({ group, trouble: 'hang' })
    t.after(() => {
      standIn.faults.clear()
      standIn.faults.release()
    })
    const { code, bad, said } = await doctor(copyOfLeft())
    assert.deepEqual([code, bad], [1, ['keys', 'secret key']])
    assert.match(said('keys')?.found ?? '', /: no answer within 5 s$/)
    assert.match(said('secret key')?.found ?? '', /: no answer within 5 s$/)
    assert.equal(said('clock')?.found, 'not compared: Clerk did not answer')
  })

  it('names a clock that is not Clerk’s', async (t) => {
    for (const [aheadMs, state] of [
      [4000, 'warning'],
      [-60_000, 'wrong'],
    ] as const) {
      const url = await serve(t, () => ({ keys: [standIn.instance.jwk] }), -aheadMs)
      const { said } = await doctor(copyOfLeft(), { CLERK_JWKS_URL: url })
      assert.equal(said('clock')?.state, state)
      assert.match(
        said('clock')?.found ?? '',
        aheadMs > 0 ? /^ahead of that/ : /^behind that .* by (59|60|58)/,
      )
    }
  })

  it('names a trail of another issuer', async () => {
    const { code, bad } = await doctor(copyOfLeft(), { CLERK_ISSUER: 'https://clerk.other.example' })
    assert.deepEqual([code, bad], [1, ['trail']])
  })

  it('says how far the records are behind the trail', async () => {
    const folder = copyOfLeft()
    const store = await openSqliteStore({ path: join(folder, 'trail.db'), issuer: standIn.instance.issuer })
    await store.append([toldByWebhook('msg_late', { kind: 'user.deleted', occurred_at: 1 })], Date.now())
    await store.close()
    const { code, bad, said } = await doctor(folder)
    assert.deepEqual([code, bad], [0, ['session records']])
    assert.equal(
      said('session records')?.found,
      `of 4 entries, version ${viewsVersion}, 1 entry behind the trail`,
    )
  })

  it('counts the write-ahead logs in the sizes of the trail and the records', async () => {
    const folder = copyOfLeft()
    for (const [name, bytes] of [
      ['trail.db-wal', 2_000_000],
      ['views.db-wal', 3_000_000],
    ] as const)
      writeFileSync(join(folder, name), Buffer.alloc(bytes), { mode: 0o600 })
    assert.match((await doctor(folder)).said('disk')?.found ?? '', /, trail 2\.\d MB, records 3\.\d MB$/)
  })

  it('names files that others may read', async () => {
    const folder = copyOfLeft()
    chmodSync(join(folder, 'trail.db'), 0o644)
    const { code, bad, said } = await doctor(folder)
    assert.deepEqual([code, bad], [0, ['permissions']])
    assert.equal(said('permissions')?.found, 'others may use trail.db (644)')
  })

  it('says that there is no trail yet, and makes none', async () => {
    const folder = temporaryFolder()
    const { code, bad, said } = await doctor(folder, { DATABASE_URL: 'file:data/trail.db' })
    assert.deepEqual([code, bad], [0, []])
    assert.equal(said('trail')?.found, 'none yet at data/trail.db: the first start of the service begins it')
    assert.deepEqual(readdirSync(folder), [])
  })

  it(
    'does not take a folder that it may not look into for one without a trail',
    { skip: !isRoot },
    async () => {
      const folder = copyOfLeft()
      const elsewhere = temporaryFolder()
      chmodSync(elsewhere, 0o755)
      const { code, stdout } = await finished(
        runCli(['doctor', '--json'], {
          folder: elsewhere,
          env: { ...env, DATABASE_URL: `file:${folder}/trail.db` },
          user: { uid: 65_534, gid: 65_534 },
        }),
      )
      assert.equal(code, 1)
      assert.match(stdout, /"name":"trail","state":"wrong","found":"EACCES: permission denied/)
      assert.match(stdout, /"name":"service","state":"wrong"/)
    },
  )

  it('names a trail of a newer version', async () => {
    const folder = copyOfLeft()
    inFile(join(folder, 'trail.db'), 'UPDATE trail SET schema_version = 9')
    const { code, bad, said } = await doctor(folder)
    assert.deepEqual([code, bad], [1, ['trail']])
    assert.equal(said('trail')?.found, 'trail.db has schema version 9, this program knows up to 1')
    assert.equal(said('trail')?.fix, 'Use the newer logout-trail.')
  })

  it('names records that are damaged, and says how to make them anew', async () => {
    const folder = copyOfLeft()
    writeFileSync(join(folder, 'views.db'), 'x'.repeat(5000), { mode: 0o600 })
    const { code, bad, said } = await doctor(folder)
    assert.deepEqual([code, bad], [1, ['session records']])
    assert.equal(
      said('session records')?.fix,
      'Start the service, or run logout-trail rebuild while it is stopped: both make it anew from the trail.',
    )
    assert.equal(said('coverage')?.found, 'not known: the session records cannot be read')
  })

  it('names a trail that was restored', async () => {
    const folder = copyOfLeft()
    inFile(join(folder, 'trail.db'), 'UPDATE trail SET epoch = epoch + 1')
    const { code, bad, said } = await doctor(folder)
    assert.deepEqual([code, bad], [1, ['session records']])
    assert.match(said('session records')?.fix ?? '', /rebuild --accept-restore/)
  })

  it('lists every problem of the configuration at once, and looks at the rest', async () => {
    const { code, bad, said } = await doctor(copyOfLeft(), { PORT: 'x', IP_POLICY: 'keep' })
    assert.deepEqual([code, bad], [1, ['configuration']])
    assert.match(said('configuration')?.fix ?? '', /^PORT: .+\nIP_POLICY: .+$/)
    assert.equal(said('addresses')?.found, 'not looked at: IP_POLICY is wrong, see configuration')
  })

  it('does not take a wrong publishable key for development mode', async () => {
    const folder = temporaryFolder()
    const only = { CLERK_PUBLISHABLE_KEY: 'pk_test_wrong' }
    const { code, stdout } = await finished(runCli(['doctor'], { folder, env: only }))
    assert.equal(code, 1)
    assert.match(
      stdout,
      /✖ configuration +1 problem; the service does not start\n +→ CLERK_PUBLISHABLE_KEY: /,
    )
    assert.ok(!stdout.includes('development mode'))
    assert.match(stdout, /trail +none yet at data\/trail\.db/)
  })
})

/** A server of keys, and how far its clock is ahead of this machine's. */
async function serve(t: TestContext, answer: () => object, aheadMs = 0): Promise<string> {
  const server = createServer((_request, response) => {
    response.setHeader('date', new Date(Date.now() + aheadMs).toUTCString())
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer()))
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`
}
