/** The typed client of examples/client, made from the document of a running service, as its README says. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { blocksOf, ROOT } from './documents.ts'
import { startService, temporaryFolder } from './service.ts'

const EXAMPLE = join(ROOT, 'examples/client')

describe('the typed client', () => {
  it(
    'is made by one command, type-checks, and counts the sessions of the last day',
    { timeout: 180_000 },
    async () => {
      const folder = join(temporaryFolder(), 'client')
      cpSync(EXAMPLE, folder, {
        recursive: true,
        filter: (path) => !/node_modules|logout-trail\.d\.ts/.test(path),
      })
      await using service = await startService()
      const [commands = ''] = blocksOf('examples/client/README.md', 'sh')
      const [, key = ''] = /Bearer ([0-9a-f]{48})/.exec(service.lines.join('\n')) ?? []
      const token = await (await fetch(`${service.url}/dev/token`)).text()
      const headers = { Authorization: `Bearer ${token}` }
      await fetch(`${service.url}/v1/auth/session`, { method: 'DELETE', headers })
      await untilKnown(service.url, key)

      const printed = execFileSync('sh', ['-ec', commands.replace('READER_KEY=…', `READER_KEY=${key}`)], {
        cwd: folder,
        env: {
          ...process.env,
          // Its scripts say `node`: this one, and not the system's, which may be too old.
          PATH: `${join(ROOT, 'node_modules/.bin')}:${process.env['PATH']}`,
          LOGOUT_TRAIL_URL: service.url,
        },
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      })

      assert.match(printed, /^requested: 1$/m)
    },
  )
})

async function untilKnown(url: string, key: string): Promise<void> {
  for (;;) {
    const answer = await fetch(`${url}/v1/sessions`, { headers: { Authorization: `Bearer ${key}` } })
    const { items } = (await answer.json()) as { items: unknown[] }
    if (items.length > 0) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
