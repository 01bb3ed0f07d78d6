import assert from 'node:assert/strict'
import { it } from 'node:test'
import packageJson from '../package.json' with { type: 'json' }
import { version } from './version.ts'

it('is the version of package.json', () => {
  assert.equal(version, packageJson.version)
})
