/** A full disk, and a reader that went away: no command takes that for success. */
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { finished, runCli, temporaryFolder } from '../test/service.ts'
import { trailOf, type TestTrail } from '../test/views.ts'
import { history } from '../examples/demo/history.ts'

let trail: TestTrail
before(async () => {
  trail = await trailOf(history({ until: Date.UTC(2026, 10, 20, 12), days: 10, sessionsADay: 20 }))
})
after(() => trail.close())

/** As the shell runs it, with `"$@"` for the command. */
function under(script: string, args: string[]) {
  return runCli(args, {
    folder: dirname(trail.path),
    env: { DATABASE_URL: `file:${trail.path}` },
    under: ['sh', '-c', script, 'sh'],
  })
}

const commands = () => [
  ['sessions'],
  ['sessions', '--json'],
  ['show', String(trail.ids()[0])],
  ['export'],
  ['coverage', '--json'],
  ['doctor', '--json'],
  ['backup', join(temporaryFolder(), 'copy.db')],
  ['--help'],
  ['export', '--help'],
  ['--version'],
]

describe('output that cannot be written', () => {
  it('is one line and exit code 1 when the disk is full', async () => {
    for (const args of commands()) {
      const { code, stderr } = await finished(under('exec "$@" > /dev/full', args))
      assert.deepEqual(
        [code, stderr],
        [1, 'Standard output cannot be written: ENOSPC: no space left on device, write\n'],
        args.join(' '),
      )
    }
  })

  it('is no success when the disk has room for a part of it', async () => {
    const out = join(temporaryFolder(), 'sessions.ndjson')
    const script = `trap '' XFSZ; ulimit -f 1; exec "$@" > '${out}'`
    const { code, stderr } = await finished(under(script, ['sessions', '--json', '--limit', '100']))
    assert.deepEqual([code, stderr], [1, 'Standard output cannot be written: EFBIG: file too large, write\n'])
    assert.ok(statSync(out).size <= 1024)
  })

  it('is exit code 1 and no word when nobody reads any more', async () => {
    for (const args of commands()) {
      const child = under('exec "$@"', args)
      child.stdout?.destroy()
      const { code, stderr } = await finished(child)
      assert.deepEqual([code, stderr], [1, ''], args.join(' '))
    }
  })
})
