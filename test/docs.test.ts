import assert from 'node:assert/strict'
import { globSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { openMetrics } from '../api/metrics.ts'
import { apiMarkdown } from '../docs/generate.ts'
import { trailErrorCodes } from '../trail/error.ts'
import { testClerk } from './clerk-instance.ts'
import { blocksOf, read, ROOT } from './documents.ts'
import { follow } from './following.ts'
import { startService, temporaryFolder } from './service.ts'

/** The names of all tests whose name is written out. */
function testNames(): Set<string> {
  const files = globSync('{api,cli,react,session-ends,trail,test}/**/*.test.ts', { cwd: ROOT })
  const names = files.flatMap((file) =>
    [...read(file).matchAll(/\bit\(\s*(['"`])(.+?)\1,/g)].map((match) => match[2]),
  )
  return new Set(names.filter((name) => name !== undefined))
}

/** Imports a snippet as its reader would, with the package's name standing for the sources. */
async function importSnippet(source: string): Promise<Record<string, unknown>> {
  const folder = temporaryFolder()
  const at = (file: string) => pathToFileURL(join(ROOT, file)).href
  const code = source
    .replace(/'logout-trail\/(hono|next)'/, (_, entry) => `'${at(`${entry}.ts`)}'`)
    .replace(`'logout-trail'`, `'${at('index.ts')}'`)
    .replace(`'hono'`, `'${import.meta.resolve('hono')}'`)
  const file = join(folder, 'snippet.ts')
  writeFileSync(file, code)
  const module = (await import(pathToFileURL(file).href)) as Record<string, unknown>
  rmSync(folder, { recursive: true })
  return module
}

type Answer = (request: Request) => Promise<Response>

/** The handler that a snippet exports, under any of the names that frameworks use. */
function handlerOf(module: Record<string, unknown>): Answer {
  const app = module['default'] as { fetch: Answer } | undefined
  return app ? (request) => app.fetch(request) : ((module['DELETE'] ?? module['logout']) as Answer)
}

/** What `/metrics` has with everything configured. */
async function metricsText(): Promise<string> {
  const none = () => 0
  return openMetrics({
    pendingReports: none,
    droppedLines: none,
    streams: () => ({ size: 0, unreadBytes: [] }),
    recordsLag: none,
    figures: () => null,
    webhookMix: () => [],
    webhookSilenceMs: none,
  }).text()
}

/** Without what differs from run to run. */
function masked(text: string): string {
  return (
    text
      .replaceAll(/localhost:\d+/g, 'localhost:8787')
      .replaceAll(/"timestamp":"[^"]+"/g, '"timestamp":"…"')
      .replaceAll(/(sess_|"request_id":")[0-9a-f]{32}/g, '$1…')
      // README.md does not show a whole key.
      .replaceAll(/(Bearer |#key=)([0-9a-f]{48}|[0-9a-f]{6}…)/g, '$1…')
  )
}

describe('docs/AUTH.md', () => {
  it('keeps each promise by a test of that name', () => {
    const [section = ''] = /^## Promises$[\s\S]*?(?=^## )/m.exec(read('docs/AUTH.md')) ?? []
    const promises = [...section.matchAll(/^- (?:\*\*(.+?)\*\*)?/gm)].map((match) => match[1])
    const kept = testNames()

    assert.ok(promises.length >= 31)
    for (const promise of promises) assert.ok(promise !== undefined && kept.has(promise), String(promise))
  })
})

describe('docs/decisions/0001', () => {
  it('names a test for each point of the request', () => {
    const rows = [...read('docs/decisions/0001-the-endpoint.md').matchAll(/^\| (.+?) \| (.+?) \|$/gm)].slice(
      2,
    )
    const kept = testNames()

    assert.ok(rows.length >= 16)
    for (const [, point, tests] of rows) {
      const names = [...(tests ?? '').matchAll(/`(.+?)`/g)].map((match) => match[1] ?? '')
      assert.ok(names.length > 0, point ?? '')
      for (const name of names) assert.ok(kept.has(name), name)
    }
  })
})

describe('docs/API.md', () => {
  it('is what the routes say of themselves', async () => {
    assert.equal(read('docs/API.md'), await apiMarkdown(), 'run `npm run docs`')
  })
})

describe('docs/OPERATE.md', () => {
  it('says of each error of the trail what to do', () => {
    const explained = [...read('docs/OPERATE.md').matchAll(/^\| `((?:trail|views)-[a-z-]+)` \|/gm)].map(
      (match) => match[1],
    )

    assert.deepEqual(explained, [...trailErrorCodes])
  })

  it('says of each metric of ours when to look, and of no other', async () => {
    const registered = [...(await metricsText()).matchAll(/^# TYPE (logout_trail_\w+) /gm)].map(
      (match) => match[1],
    )
    const [section = ''] = /^## Metrics to watch$[\s\S]*?(?=^## )/m.exec(read('docs/OPERATE.md')) ?? []
    const rows = [...section.matchAll(/^\| (.*?) \|/gm)].map((match) => match[1] ?? '')
    const explained = rows.flatMap((row) =>
      [...row.matchAll(/`(logout_trail_\w+)/g)].map((match) => match[1]),
    )

    assert.ok(registered.length > 20)
    assert.deepEqual(new Set(explained), new Set(registered))
  })
})

describe('the code in the documents', () => {
  const snippets = ['README.md', 'docs/AUTH.md'].flatMap((path) =>
    blocksOf(path, 'ts')
      .filter((code) => !code.startsWith('// '))
      .map((code) => ({ path, code })),
  )

  for (const [at, { path, code }] of snippets.entries()) {
    it(`runs: ${path}, snippet ${at + 1}`, async (t) => {
      t.mock.method(console, 'log', () => undefined)
      const { publishableKey } = testClerk()
      for (const name of ['CLERK_PUBLISHABLE_KEY', 'NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY']) {
        process.env[name] = publishableKey
        t.after(() => delete process.env[name])
      }
      const handler = handlerOf(await importSnippet(code))

      const response = await handler(new Request('http://localhost/v1/auth/session', { method: 'DELETE' }))

      assert.equal(response.status, 200)
      assert.equal(await response.text(), '{"success":true,"message":"Logged out successfully"}')
    })
  }

  it('shows in README.md what the service really prints and answers', async () => {
    await using service = await startService()
    await service.line(/API reference/)
    const token = await (await fetch(`${service.url}/dev/token`)).text()
    const response = await fetch(`${service.url}/v1/auth/session`, {
      method: 'DELETE',
      headers: { Authorization: `Bearer ${token}` },
    })
    const body = await response.text()
    const line = await service.line(/"event":"user_logout"/)

    const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`)
    const printed = [...service.lines, `HTTP/1.1 ${response.status} OK`, ...headers, body, line].map(masked)
    const shown = blocksOf('README.md', '').slice(0, 3).join('').split('\n')
    for (const text of shown.filter((part) => part !== '' && part !== '…')) {
      assert.ok(
        printed.some((real) => real.toLowerCase() === masked(text).toLowerCase()),
        text,
      )
    }
  })

  it('follows along as docs/OPERATE.md says', async () => {
    const curl = /curl -N "http:\/\/localhost:8787(\S+)" -H "(\w+): Bearer \$READER_KEY"/
    const [, path, header = ''] = curl.exec(read('docs/OPERATE.md')) ?? []
    const key = 'k'.repeat(32)
    await using service = await startService({ env: { READER_API_KEYS: `siem:${key}` } })
    await fetch(`${service.url}/v1/auth/session`, {
      method: 'DELETE',
      headers: { Authorization: `Bearer ${await (await fetch(`${service.url}/dev/token`)).text()}` },
    })

    using client = await follow(service.url + path, { [header]: `Bearer ${key}` })
    await client.has(1)

    assert.deepEqual(
      client.entries().map(({ index, kind }) => `${index} ${kind}`),
      ['0 logout.requested'],
    )
  })

  it('names scripts and commands that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const paths = ['README.md', 'CONTRIBUTING.md', 'docs/AUTH.md', 'docs/OPERATE.md', 'bench/README.md']
    const texts = paths.map(read).join('\n')
    const used = [
      ...texts.matchAll(/npm (?:run )?(start|test|dev|check|format|docs|build|bench(?::[\w-]+)?|e2e)\b/g),
    ]

    for (const [, script] of used) assert.ok(script !== undefined && script in scripts, String(script))
    const commands = [...texts.matchAll(/`?logout-trail (start|backup|[a-z]+)\b/g)].map((match) => match[1])
    const known = 'start sessions show export stats coverage doctor migrate copy rebuild backup'.split(' ')
    for (const command of commands) assert.ok(known.includes(String(command)), String(command))
  })

  it('links only to files that are there', () => {
    for (const path of ['README.md', 'CONTRIBUTING.md', 'docs/AUTH.md', 'docs/OPERATE.md']) {
      for (const [, target] of read(path).matchAll(/\]\(((?!https?:)[^)#]+)\)/g)) {
        assert.ok(globSync(join(ROOT, path, '..', target ?? '')).length > 0, `${path} → ${target}`)
      }
    }
  })
})

describe('api/routes/auth.ts', () => {
  it('fits in 60 lines', () => {
    assert.ok(read('api/routes/auth.ts').trimEnd().split('\n').length <= 60)
  })
})
