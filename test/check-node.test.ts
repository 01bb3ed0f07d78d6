/** check-node.mjs stops whoever runs this repository with a Node that cannot read its TypeScript, and says why. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, it } from 'node:test'
import packageJson from '../package.json' with { type: 'json' }

const repository = join(import.meta.dirname, '..')

/** Runs it with this Node, which first takes the version for its own. */
function checkAs(version: string) {
  const versions = JSON.stringify({ ...process.versions, node: version })
  const disguise = `data:text/javascript,Object.defineProperty(process,'versions',{value:${versions}})`
  return run(process.execPath, ['--import', disguise, 'check-node.mjs'])
}

function run(node: string, args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(node, args, { cwd: repository, encoding: 'utf8' })
  return { status, stdout, stderr }
}

function assertRefused({ status, stdout, stderr }: ReturnType<typeof run>, version: string): void {
  assert.equal(status, 1)
  assert.equal(stdout, '')
  assert.match(stderr, /^This repository runs its TypeScript directly and needs Node 26; this is Node \S+\. /)
  assert.ok(stderr.includes(`this is Node ${version}. `), stderr)
  assert.match(stderr, /`npm ci` installs Node 26/)
}

describe('check-node.mjs', () => {
  it('lets Node 26 and later pass, and says nothing', () => {
    for (const version of [process.versions.node, '26.0.0', '27.1.0', '100.0.0']) {
      assert.deepEqual(checkAs(version), { status: 0, stdout: '', stderr: '' })
    }
  })

  it('stops an older Node with a sentence', () => {
    for (const version of ['8.17.0', '20.20.2', '22.18.0', '25.9.0']) assertRefused(checkAs(version), version)
  })

  it('can be read by the older Node of this machine, if it has one', (t) => {
    const older = olderNode()
    if (!older) {
      t.diagnostic('There is no Node below 26 in PATH here: only the disguised ones above were tried.')
      return
    }
    t.diagnostic(`${older.path} is Node ${older.version}.`)
    assertRefused(run(older.path, ['check-node.mjs']), older.version)
  })

  it('is loaded first by every script that runs TypeScript', () => {
    const running = Object.entries(packageJson.scripts).filter(([, script]) => /\bnode\b/.test(script))
    assert.ok(running.length >= 4)
    for (const [name, script] of running)
      assert.match(script, /^(exec )?node --import \.\/check-node\.mjs /, name)
  })
})

function olderNode(): { path: string; version: string } | null {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, 'node')
    if (folder.includes('node_modules') || !existsSync(path)) continue
    const version = run(path, ['--print', 'process.versions.node']).stdout.trim()
    if (Number(version.split('.')[0]) < 26) return { path, version }
  }
  return null
}
