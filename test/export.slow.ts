/** An export of millions of sessions, by the built package, in a process that has little memory, and nothing missing in it. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createReadStream, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it, type TestContext } from 'node:test'
import { largeViews } from '../bench/large-views.ts'
import { ISSUER } from '../bench/tokens.ts'
import { testClerk } from './clerk-instance.ts'
import { ROOT } from './documents.ts'
import { finished, runCli, startService, temporaryFolder } from './service.ts'

const SESSIONS = 5_000_000
const MOST_BYTES = 256 * 1024 * 1024
const KEY = 'k'.repeat(32)
const headers = { Authorization: `Bearer ${KEY}` }
const main = join(ROOT, 'dist/cli/bin.js')

let trailPath = ''
before(
  async () => {
    execFileSync(process.execPath, ['build.ts'], { cwd: ROOT })
    ;({ trailPath } = await largeViews(join(temporaryFolder(), 'large'), SESSIONS))
  },
  { timeout: 600_000 },
)

describe('an export of 5 million sessions in 256 MB', { timeout: 900_000 }, () => {
  it('is whole over HTTP, from a service that answers others meanwhile', async (t) => {
    await using service = await startService({
      main,
      env: {
        DATABASE_URL: `file:${trailPath}`,
        CLERK_ISSUER: ISSUER,
        CLERK_JWT_KEY: testClerk().publicPem,
        READER_API_KEYS: `test:${KEY}`,
      },
    })
    const assertSmall = watchMemory(service.process.pid, t)
    const answer = await fetch(`${service.url}/v1/exports/sessions?format=ndjson`, { headers })
    assert.equal(answer.status, 200)
    assert.ok(answer.body)
    const done = new AbortController()
    const others = readNowAndThen(service.url, done.signal)
    await assertWhole(answer.body, SESSIONS)
    done.abort()
    assert.ok((await others) > 10, 'others were answered')
    assertSmall()
  })

  it('is whole as a file of the command line, of those that fit', async (t) => {
    const out = join(temporaryFolder(), 'revoked.ndjson')
    const args = ['export', '--out', out, '--reason', 'revoked']
    const child = runCli(args, { main, env: { DATABASE_URL: `file:${trailPath}` } })
    const assertSmall = watchMemory(child.pid, t)
    const { code, stderr } = await finished(child)
    assert.equal(code, 0, stderr)
    await assertWhole(createReadStream(out), (SESSIONS * 6) / 100)
    assertSmall()
  })
})

/** Gives how many pages were answered. */
async function readNowAndThen(url: string, done: AbortSignal): Promise<number> {
  let pages = 0
  while (!done.aborted) {
    const page = await fetch(`${url}/v1/sessions`, { headers })
    assert.equal(page.status, 200)
    await page.arrayBuffer()
    pages += 1
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  return pages
}

/** Looks at the most memory that the process had resident, until it has ended. */
function watchMemory(pid: number | undefined, t: TestContext): () => void {
  let peakBytes = 0
  const look = () => {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8')
      peakBytes = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? peakBytes / 1024) * 1024
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
      clearInterval(looking)
    }
  }
  const looking = setInterval(look, 100)
  return () => {
    clearInterval(looking)
    t.diagnostic(`peak ${(peakBytes / 1e6).toFixed(0)} MB`)
    assert.ok(peakBytes > 0, 'this test needs /proc')
    assert.ok(peakBytes < MOST_BYTES, `${peakBytes} bytes`)
  }
}

/** Every session once, the oldest first, and the trailer. */
async function assertWhole(chunks: AsyncIterable<Uint8Array>, expected: number): Promise<void> {
  let count = 0
  let last = ''
  for await (const line of linesOf(chunks)) {
    if (line.startsWith('{"trailer"')) {
      const { trailer } = JSON.parse(line) as { trailer: { count: number; last: string } }
      assert.deepEqual([count, trailer.count, trailer.last], [expected, expected, last])
      return
    }
    const id = line.slice('{"session_id":"'.length, line.indexOf('","'))
    if (id <= last) assert.fail(`${id} after ${last}`)
    last = id
    count += 1
  }
  assert.fail('there is no trailer')
}

async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let rest = ''
  const decoder = new TextDecoder()
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}
