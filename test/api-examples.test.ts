/** Every command of docs/API.md, run by a shell against the service; each answer is one that the document names. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { until } from './clerk-service.ts'
import { testClerk } from './clerk-instance.ts'
import { read } from './documents.ts'
import { startService, type RunningService } from './service.ts'
import { newSecret, ofSession, signed } from './webhooks.ts'

const KEY = 'k'.repeat(32)
const secret = newSecret()
const clerk = testClerk()
const now = Math.floor(Date.now() / 1000)

/** A section of the document: the call, its commands, and the answers that it names. */
const sections = read('docs/API.md')
  .split(/^## /m)
  .slice(1)
  .flatMap((text) => {
    const [, call] = /^`((?:GET|POST|DELETE) \S+)`/.exec(text) ?? []
    const commands = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((block) => block[1] ?? '')
    const statuses = [...text.matchAll(/^### (\d{3})$/gm)].map((heading) => heading[1] ?? '')
    return call ? { call, commands, statuses } : []
  })

let service: RunningService
before(async () => {
  for (const tool of ['curl', 'openssl'])
    assert.equal(spawnSync(tool, ['version']).error, undefined, `this test needs ${tool}: install it`)
  service = await startService({
    env: {
      DATABASE_URL: 'file:trail.db',
      CLERK_ISSUER: clerk.issuer,
      CLERK_JWT_KEY: clerk.publicPem,
      CLERK_WEBHOOK_SIGNING_SECRET: secret,
      READER_API_KEYS: `docs:${KEY}`,
    },
  })
  const webhook = signed(ofSession('session.created', { id: 'sess_2abc', user_id: 'user_2abc' }), { secret })
  assert.equal((await fetch(`${service.url}/v1/webhooks/clerk`, webhook)).status, 204)
  const asReader = { headers: { Authorization: `Bearer ${KEY}` } }
  await until(async () => (await fetch(`${service.url}/v1/sessions/sess_2abc`, asReader)).status === 200)
})
after(() => service?.[Symbol.asyncDispose]())

/** The page is there once it is built; until then the answer says how. */
const BUILT_OR_NOT = /^(200|503)$/

/** What a shell prints that runs it; a stream is ended once it has begun. */
async function printed(command: string): Promise<string> {
  const shell = spawn('sh', ['-euc', command], {
    env: {
      PATH: process.env['PATH'],
      LOGOUT_TRAIL_URL: service.url,
      READER_KEY: KEY,
      SESSION_TOKEN: clerk.token({ iat: now, nbf: now - 10, exp: now + 60 }),
      CLERK_WEBHOOK_SIGNING_SECRET: secret,
    },
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  })
  let output = ''
  shell.stdout.on('data', (chunk) => {
    output += chunk
    // Itself and curl; a stream does not end by itself.
    if (/^event: entry$/m.test(output) && shell.pid) process.kill(-shell.pid)
  })
  await once(shell, 'close')
  return output
}

describe('docs/API.md', () => {
  it('has a command for each route', () => {
    assert.ok(sections.length >= 12)
    assert.deepEqual(
      sections.filter(({ commands }) => commands.length === 0).map(({ call }) => call),
      [],
    )
  })

  for (const { call, commands, statuses } of sections) {
    for (const command of commands) {
      it(`shows a command that works: ${call}`, async () => {
        const output = await printed(command)
        const [, status = ''] = /^HTTP\/1\.1 (\d{3})/.exec(output) ?? []
        assert.match(status, call === 'GET /dashboard' ? BUILT_OR_NOT : /^2/, output)
        assert.ok(statuses.includes(status), `${status} is not described`)
      })
    }
  }

  it('shows what these answers hold', async () => {
    const [list, csv, one, stream] = await Promise.all(
      [
        'GET /v1/sessions',
        'GET /v1/exports/sessions',
        'GET /v1/sessions/{session_id}',
        'GET /v1/entries/stream',
      ].map((wanted) => printed(sections.find(({ call }) => call === wanted)?.commands[0] ?? 'exit 1')),
    )
    assert.match(list ?? '', /\r\n\r\n\{"items":\[.*\],"next_cursor":null\}$/)
    assert.match(csv ?? '', /\r\n\r\nsession_id,user_id,[\s\S]*"?# complete: \d+ records/)
    assert.match(one ?? '', /"session_id":"sess_2abc".*"entries":\[\{"index":0/)
    assert.match(stream ?? '', /event: position\ndata: 0\/\d+\n\nid: 0\/0\nevent: entry\n/)
  })
})
