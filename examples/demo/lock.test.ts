/** The example app installs the package that was packed a moment ago: its lockfile has to fit every one. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { EXAMPLE, ROOT } from './build.ts'

interface Lock {
  packages: Record<string, Record<string, unknown>>
}

const json = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
const { packages } = json(join(EXAMPLE, 'package-lock.json')) as unknown as Lock
const ours = json(join(ROOT, 'package.json'))
const locked = packages['node_modules/logout-trail'] ?? {}

describe('the lockfile of the example app', () => {
  it('has no hash for logout-trail, which is packed anew', () => {
    assert.equal(locked['resolved'], 'file:.packed/logout-trail.tgz')
    assert.equal(locked['integrity'], undefined)
  })

  it('has the hash of everything else', () => {
    for (const [path, { integrity, optional }] of Object.entries(packages)) {
      if (path === '' || path === 'node_modules/logout-trail' || optional) continue
      assert.match(String(integrity), /^sha512-/, path)
    }
  })

  for (const field of [
    'version',
    'dependencies',
    'peerDependencies',
    'peerDependenciesMeta',
    'engines',
    'bin',
  ]) {
    it(`knows the ${field} that logout-trail has now (npm install --package-lock-only in examples/nextjs)`, () => {
      assert.deepEqual(withoutDots(locked[field]), withoutDots(ours[field]))
    })
  }
})

/** npm writes the path of a bin without `./`. */
function withoutDots(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null).replaceAll('"./', '"'))
}
