import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { testClerk } from './clerk-instance.ts'
import { until } from './clerk-service.ts'
import { follow } from './following.ts'
import { finished, runCli, startService, temporaryFolder, type RunningService } from './service.ts'

async function devToken({ url }: RunningService): Promise<string> {
  return (await fetch(`${url}/dev/token`)).text()
}

async function logout({ url }: RunningService, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}/v1/auth/session`, { method: 'DELETE', headers })
}

async function recordOf(service: RunningService, token: string): Promise<string | null> {
  const response = await logout(service, { Authorization: `Bearer ${token}` })
  await response.arrayBuffer()
  return response.headers.get('logout-record')
}

function entriesIn(folder: string, file = 'data/dev-trail.db'): number {
  const db = new DatabaseSync(join(folder, file), { readOnly: true })
  const count = Number(db.prepare('SELECT count(*) AS n FROM entries').get()?.['n'])
  db.close()
  return count
}

/** Sends exactly these bytes, and gives back what comes until the other side closes. */
async function sendRaw(url: string, bytes: string | Buffer): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  let answer = ''
  socket.on('data', (chunk) => (answer += chunk))
  socket.write(bytes)
  await once(socket, 'close')
  return answer
}

function rawDelete(headers: string): string {
  return `DELETE /v1/auth/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers}\r\n`
}

function rawDeleteKeptAlive(headers: string): string {
  return `DELETE /v1/auth/session HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`
}

/** What is answered to a request whose second half comes only after SIGTERM. */
async function answerDuringStop(
  service: RunningService,
  requestWith: (headers: string) => string,
): Promise<string> {
  const request = requestWith(`Authorization: Bearer ${await devToken(service)}\r\n`)
  const { hostname, port } = new URL(service.url)
  const socket = connect(Number(port), hostname)
  let answer = ''
  socket.on('data', (chunk) => (answer += chunk))
  socket.write(request.slice(0, 40))
  // By then the service has read the first half.
  await recordOf(service, await devToken(service))
  service.process.kill('SIGTERM')
  await service.line(/stopping/)
  socket.write(request.slice(40))
  await once(socket, 'close')
  return answer
}

function recordIn(answer: string): string | undefined {
  return /^logout-record: (.*)\r$/im.exec(answer)?.[1]
}

describe('the service, started with nothing set', () => {
  it('prints a ready curl with a valid token, which is recorded as durable', async () => {
    await using service = await startService()
    const curl = await service.line(/curl -i -X DELETE/)

    const record = await recordOf(service, await devToken(service))

    assert.match(
      curl,
      new RegExp(`DELETE ${service.url}/v1/auth/session -H "Authorization: Bearer \\$\\(curl -s`),
    )
    assert.equal(record, 'durable')
    const line = await service.line(/"event":"user_logout"/)
    assert.match(
      line,
      /^\{"event":"user_logout","timestamp":"[^"]+Z","record":"durable","user_id":"user_development"/,
    )
    assert.equal(entriesIn(service.folder), 1)
  })

  it('prints a ready curl with a key for this run, which reads how a session ended', async () => {
    await using service = await startService()
    await recordOf(service, await devToken(service))
    const curl = await service.line(/curl -s .*\/v1\/sessions\//)
    const key = /Bearer ([0-9a-f]{48})"/.exec(curl)?.[1] ?? ''
    const line = await service.line(/"event":"user_logout"/)
    const { session_id } = JSON.parse(line) as { session_id: string }
    const read = async (bearer: string) => {
      const headers = { Authorization: `Bearer ${bearer}` }
      return fetch(`${service.url}/v1/sessions/${session_id}`, { headers })
    }

    await until(async () => (await read(key)).status === 200)
    const { sentence } = (await (await read(key)).json()) as { sentence: string }

    assert.equal(sentence, 'The user asked to log out; Clerk has not confirmed it yet.')
    assert.equal((await read('0'.repeat(48))).status, 401)
    assert.equal((await read(await devToken(service))).status, 403)
  })

  it('is read by the users of READER_USER_IDS with their session token', async () => {
    await using service = await startService({ env: { READER_USER_IDS: 'user_development' } })
    const headers = { Authorization: `Bearer ${await devToken(service)}` }

    assert.equal((await fetch(`${service.url}/v1/sessions/sess_none`, { headers })).status, 404)
  })

  it('lets nobody guess keys: the eleventh is not looked at', async () => {
    await using service = await startService()
    const statuses = []
    for (let guess = 0; guess < 11; guess += 1) {
      const headers = { Authorization: `Bearer guess-${guess}` }
      statuses.push((await fetch(`${service.url}/v1/sessions/sess_none`, { headers })).status)
    }

    assert.deepEqual(statuses, [...Array.from({ length: 10 }, () => 401), 429])
  })

  it('keeps its files for its own user', async () => {
    await using service = await startService()

    assert.equal(statSync(join(service.folder, 'data')).mode & 0o077, 0)
    assert.equal(statSync(join(service.folder, 'data/dev-trail.db')).mode & 0o077, 0)
  })

  it('says in /metrics that the connection that writes syncs each commit', async () => {
    await using service = await startService()

    const metrics = await (await fetch(`${service.url}/metrics`)).text()

    assert.match(metrics, /^logout_trail_writer_info\{journal_mode="wal",synchronous="full"\} 1$/m)
  })

  it('writes the lines of logouts whatever LOG_LEVEL says', async () => {
    await using service = await startService({ env: { LOG_LEVEL: 'silent' } })

    await recordOf(service, await devToken(service))

    await service.line(/"event":"user_logout"/)
    assert.equal(
      service.lines.some((line) => line.includes('"level"')),
      false,
    )
  })

  it('goes on when nobody reads its output any more', async () => {
    await using service = await startService()

    service.process.stdout?.destroy()
    const records = []
    for (let sent = 0; sent < 5; sent += 1) records.push(await recordOf(service, await devToken(service)))

    assert.deepEqual(
      records,
      Array.from({ length: 5 }, () => 'durable'),
    )
    const metrics = await (await fetch(`${service.url}/metrics`)).text()
    assert.match(metrics, /^logout_trail_dropped_log_lines [1-9]/m)
  })
})

describe('the service, told to stop', () => {
  it('answers and records what it has accepted, then exits with 0', async () => {
    await using service = await startService()
    const answer = await answerDuringStop(service, rawDelete)

    assert.equal(await service.ended, 0)
    assert.equal(recordIn(answer), 'durable')
    assert.equal(entriesIn(service.folder), 2)
    assert.match(service.lines.at(-1) ?? '', /"msg":"stopped"/)
  })

  it('says Connection: close in its last answers', async () => {
    await using service = await startService()
    const answer = await answerDuringStop(service, rawDeleteKeptAlive)

    assert.equal(recordIn(answer), 'durable')
    assert.match(answer, /^connection: close\r$/im)
  })

  it('accepts nothing more', async () => {
    await using service = await startService()
    const socket = connect(Number(new URL(service.url).port), 'localhost')
    socket.write('DELETE /v1')
    await recordOf(service, await devToken(service))

    service.process.kill('SIGTERM')
    await service.line(/stopping/)

    await assert.rejects(fetch(`${service.url}/livez`))
    socket.destroy()
    assert.equal(await service.ended, 0)
  })

  it('ends what follows along at once, also who does not read', async () => {
    const KEY = 'k'.repeat(32)
    await using service = await startService({ env: { READER_API_KEYS: `test:${KEY}` } })
    const headers = { Authorization: `Bearer ${KEY}` }
    const url = `${service.url}/v1/entries/stream`
    const clients = await Promise.all(Array.from({ length: 20 }, () => follow(url, headers)))
    const { hostname, port } = new URL(service.url)
    const deaf = connect(Number(port), hostname).pause()
    deaf.write(`GET /v1/entries/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${KEY}\r\n\r\n`)
    await recordOf(service, await devToken(service))
    await Promise.all(clients.map((client) => client.has(1)))

    const toldAt = performance.now()
    service.process.kill('SIGTERM')

    assert.equal(await service.ended, 0)
    const tookMs = performance.now() - toldAt
    assert.ok(tookMs < 1000, `${tookMs} ms`)
    for (const client of clients) assert.equal(await client.ended, 'end')
    deaf.destroy()
  })

  it('ends at once at a second signal', async () => {
    await using service = await startService()
    const socket = connect(Number(new URL(service.url).port), 'localhost')
    socket.write('DELETE /v1')
    socket.on('error', () => socket.destroy())
    await recordOf(service, await devToken(service))

    service.process.kill('SIGTERM')
    await service.line(/stopping/)
    service.process.kill('SIGTERM')

    assert.equal(await service.ended, 1)
    assert.match(service.lines.at(-1) ?? '', /second signal/)
  })

  it('hears the signal that npm was sent', async () => {
    const folder = temporaryFolder()
    const npm = spawn('npm', ['start'], {
      cwd: join(import.meta.dirname, '..'),
      env: { PATH: process.env['PATH'], PORT: '0', DATABASE_URL: `file:${folder}/trail.db` },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const done = finished(npm)
    while (!/API reference/.test(String(await once(npm.stdout, 'data')))) continue

    npm.kill('SIGTERM')

    assert.match((await done).stdout, /"msg":"stopped"/)
    rmSync(folder, { recursive: true })
  })

  it('has lost nothing after kill -9, and starts again without help', async () => {
    const folder = temporaryFolder()
    const first = await startService({ folder })
    const records = await Promise.all(
      Array.from({ length: 50 }, async () => recordOf(first, await devToken(first))),
    )
    first.process.kill('SIGKILL')
    await first.ended

    const second = await startService({ folder })
    records.push(await recordOf(second, await devToken(second)))
    second.process.kill('SIGTERM')
    await second.ended

    assert.deepEqual([...new Set(records)], ['durable'])
    assert.equal(entriesIn(folder), 51)
    rmSync(folder, { recursive: true })
  })
})

describe('the service, sent what it does not expect', () => {
  const cases: [string, (token: string) => string, string][] = [
    [
      'two Authorization headers',
      (token) => `Authorization: Bearer ${token}\r\nAuthorization: Bearer ${token}\r\n`,
      'anonymous',
    ],
    ['BEARER in capitals', (token) => `AUTHORIZATION: BEARER ${token}\r\n`, 'durable'],
    ['a tab after Bearer', (token) => `Authorization: Bearer\t${token}\r\n`, 'anonymous'],
    ['an empty Authorization header', () => 'Authorization:\r\n', 'anonymous'],
    ['non-ASCII in Authorization', () => 'Authorization: Bearer tökén\r\n', 'anonymous'],
    ['16 kB of Authorization', () => `Authorization: Bearer ${'a'.repeat(16_000)}\r\n`, 'anonymous'],
    [
      '100 cookies',
      (token) =>
        `Authorization: Bearer ${token}\r\nCookie: ${Array.from({ length: 100 }, (_, at) => `c${at}=${at}`).join('; ')}\r\n`,
      'durable',
    ],
    [
      '30 kB of X-Forwarded-For',
      (token) => `Authorization: Bearer ${token}\r\nX-Forwarded-For: ${'10.0.0.1, '.repeat(2900)}\r\n`,
      'durable',
    ],
    ['a body', (token) => `Authorization: Bearer ${token}\r\nContent-Length: 20\r\n`, 'durable'],
  ]

  it('answers 200, and records only what a token proves', async () => {
    await using service = await startService({ env: { TRUSTED_PROXIES: '127.0.0.0/8,10.0.0.0/8' } })

    for (const [name, headers, record] of cases) {
      const body = name === 'a body' ? '{"session":"sess_1"}' : ''
      const answer = await sendRaw(service.url, rawDelete(headers(await devToken(service))) + body)
      assert.match(answer, /^HTTP\/1\.1 200 /, name)
      assert.equal(recordIn(answer), record, name)
    }
  })

  it('refuses a header with a line break or a NUL in it before anything reads it', async () => {
    await using service = await startService()

    for (const header of ['Authorization: Bearer a\nb\r\n', 'Authorization: Bearer a\0b\r\n']) {
      assert.match(await sendRaw(service.url, rawDelete(header)), /^HTTP\/1\.1 400 /)
    }
    assert.equal((await fetch(`${service.url}/livez`)).status, 200)
  })

  it('answers a bare 431 to 40 kB of headers', async () => {
    await using service = await startService()

    const answer = await sendRaw(service.url, rawDelete(`Authorization: Bearer ${'a'.repeat(40_000)}\r\n`))

    assert.match(answer, /^HTTP\/1\.1 431 /)
  })

  it('never reads a body, not even of 1 MB, and serves the next request', async () => {
    await using service = await startService()
    const headers = { Authorization: `Bearer ${await devToken(service)}` }

    const response = await fetch(`${service.url}/v1/auth/session`, {
      method: 'DELETE',
      headers,
      body: Buffer.alloc(1_000_000, 'x'),
    })

    assert.equal(response.headers.get('logout-record'), 'durable')
    assert.equal(await recordOf(service, await devToken(service)), 'durable')
  })

  it('takes 10,000 forged tokens and one token 10,000 times with a bounded log and bounded memory', async () => {
    const clerk = testClerk()
    await using service = await startService({
      env: { CLERK_ISSUER: clerk.issuer, CLERK_JWT_KEY: clerk.publicPem },
    })
    const now = Math.floor(Date.now() / 1000)
    const valid = clerk.token({ iat: now, nbf: now, exp: now + 3600 })
    const agent = new Agent({ keepAlive: true, maxSockets: 32 })
    const count: Record<string, number> = {}

    await Promise.all(
      Array.from({ length: 32 }, async (_, lane) => {
        for (let at = lane; at < 20_000; at += 32) {
          const token = at % 2 === 0 ? valid : `${valid.slice(0, -6)}${String(at).padStart(5, '0')}A`
          const record = await send(service.url, { agent, headers: { Authorization: `Bearer ${token}` } })
          count[record] = (count[record] ?? 0) + 1
        }
      }),
    )
    agent.destroy()
    const metrics = await (await fetch(`${service.url}/metrics`)).text()
    service.process.kill('SIGTERM')
    await service.ended

    assert.deepEqual(count, { durable: 1, duplicate: 9_999, anonymous: 10_000 })
    assert.equal(entriesIn(service.folder, 'data/trail.db'), 1)
    const own = service.lines.filter((line) => line.startsWith('{"event":"user_logout"'))
    const summaries = service.lines
      .filter((line) => line.startsWith('{"event":"user_logout_summary"'))
      .map((line) => JSON.parse(line) as { anonymous: number; duplicate: number })
    const summed = summaries.reduce((sum, { anonymous, duplicate }) => sum + anonymous + duplicate, 0)
    assert.equal(own.length + summed, 20_000)
    assert.ok(own.length <= 1 + 100 * (summaries.length + 1), `${own.length} lines`)
    const residentBytes = Number(/^process_resident_memory_bytes (\d+)/m.exec(metrics)?.[1])
    assert.ok(residentBytes < 400e6, `${residentBytes} bytes`)
  })
})

async function send(url: string, options: RequestOptions): Promise<string> {
  const sent = httpRequest(`${url}/v1/auth/session`, { method: 'DELETE', ...options })
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  response.resume()
  await once(response, 'end')
  assert.equal(response.statusCode, 200)
  return String(response.headers['logout-record'])
}

describe('the service with a Clerk instance', () => {
  it('is ready when it has the keys, and calls Clerk for nothing else', async () => {
    const clerk = testClerk()
    const asked: string[] = []
    let up = false
    using clerkServer = await serving((url) => {
      asked.push(url)
      return up ? JSON.stringify({ keys: [clerk.jwk] }) : null
    })
    const env = { CLERK_ISSUER: clerk.issuer, CLERK_JWKS_URL: `${clerkServer.url}/.well-known/jwks.json` }
    await using early = await startService({ env })
    const notReady = await fetch(`${early.url}/readyz`)
    up = true
    await using service = await startService({ env })
    while (asked.length < 2) await once(clerkServer.server, 'request')

    const now = Math.floor(Date.now() / 1000)
    const record = await recordOf(service, clerk.token({ iat: now, nbf: now, exp: now + 60 }))
    const ready = await fetch(`${service.url}/readyz`)

    assert.equal(notReady.status, 503)
    assert.match(await notReady.text(), /keys: no key of Clerk could be fetched yet/)
    assert.equal(record, 'durable')
    assert.equal(ready.status, 200)
    assert.deepEqual([...new Set(asked)], ['/.well-known/jwks.json'])
  })

  it('limits the lines of forged tokens while no key can be had', async () => {
    const clerk = testClerk()
    const env = { CLERK_ISSUER: clerk.issuer, CLERK_JWKS_URL: 'http://127.0.0.1:1/jwks.json' }
    await using service = await startService({ env })
    const now = Math.floor(Date.now() / 1000)
    const token = clerk.token({ iat: now, nbf: now, exp: now + 60 })

    const records = []
    for (let sent = 0; sent < 300; sent += 1) records.push(await recordOf(service, token))
    service.process.kill('SIGTERM')
    await service.ended

    assert.deepEqual([...new Set(records)], ['logged'])
    assert.ok(service.lines.filter((line) => line.startsWith('{"event":"user_logout"')).length <= 200)
    assert.match(service.lines.join('\n'), /"event":"user_logout_summary".*"logged":\d\d/)
  })

  it('leaves no endpoint with LOGOUT_ENDPOINT=off', async () => {
    await using service = await startService({ env: { LOGOUT_ENDPOINT: 'off' } })

    const response = await logout(service)

    assert.equal(response.status, 404)
    const document = (await (await fetch(`${service.url}/openapi.json`)).json()) as { paths: object }
    assert.equal('/v1/auth/session' in document.paths, false)
  })
})

async function serving(answerTo: (url: string) => string | null) {
  const server = createServer((request, response) => {
    const body = answerTo(request.url ?? '')
    response.writeHead(body === null ? 500 : 200, { 'Content-Type': 'application/json' }).end(body ?? '')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { server, url: `http://127.0.0.1:${port}`, [Symbol.dispose]: () => server.close() }
}

describe('the service, when it cannot start', () => {
  const clerk = testClerk()
  const CLERK = { CLERK_ISSUER: clerk.issuer, CLERK_JWT_KEY: clerk.publicPem, PORT: '0' }

  async function refusal(folder: string, env: Record<string, string> = CLERK): Promise<string> {
    const { code, stderr } = await finished(runCli(['start'], { folder, env }))
    assert.equal(code, 1)
    assert.doesNotMatch(stderr, /\n {4}at /, 'no stack trace')
    return stderr
  }

  it('names every variable that is wrong', async () => {
    const stderr = await refusal(temporaryFolder(), {
      PORT: 'x',
      LOG_LEVEL: 'loud',
      CLERK_ISSUER: 'ftp://x',
      METRICS: 'no',
    })

    for (const name of ['PORT', 'LOG_LEVEL', 'CLERK_ISSUER', 'METRICS'])
      assert.match(stderr, new RegExp(`^ {2}${name}: `, 'm'))
  })

  it('says that the port is taken', async () => {
    await using other = await startService()

    const stderr = await refusal(temporaryFolder(), { ...CLERK, PORT: new URL(other.url).port })

    assert.match(stderr, /^PORT: another program uses port \d+; end it, or set PORT/)
  })

  it('says that another service uses the trail', async () => {
    await using other = await startService()

    const stderr = await refusal(other.folder, { PORT: '0' })

    assert.match(stderr, /^DATABASE_URL: Another logout-trail service is using .* \(trail-locked\)/)
  })

  it('says that the trail is of another issuer', async () => {
    const folder = temporaryFolder()
    const other = testClerk('clerk.other.example')
    const first = await startService({
      folder,
      env: { CLERK_ISSUER: other.issuer, CLERK_JWT_KEY: other.publicPem },
    })
    first.process.kill('SIGTERM')
    await first.ended

    const stderr = await refusal(folder)

    assert.match(stderr, /records the sessions of https:\/\/clerk\.other\.example.*\(trail-issuer-mismatch\)/)
  })

  it('says what is wrong with the file', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'folder'))
    writeFileSync(
      join(folder, 'text'),
      'this is not a database, although it is long enough to be one'.repeat(100),
    )
    writeFileSync(join(folder, 'file'), '')
    const other = new DatabaseSync(join(folder, 'foreign.db'))
    other.exec('CREATE TABLE customers (name TEXT)')
    other.close()
    const at = (path: string) => refusal(folder, { ...CLERK, DATABASE_URL: `file:${path}` })

    assert.match(await at('folder'), /is not a file.*\(trail-not-a-file\)/)
    assert.match(await at('text'), /not an SQLite database.*\(trail-corrupt\)/)
    assert.match(await at('foreign.db'), /another program.*\(trail-foreign\)/)
    assert.match(await at('file/trail.db'), /^DATABASE_URL: .*\(trail-unwritable\)/)
  })
})
