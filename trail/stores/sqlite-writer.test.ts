import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, it, type TestContext } from 'node:test'
import { duplicate, durable, ISSUER, logout, NOON } from './conformance.ts'
import { fileIdentity } from './sqlite-schema.ts'
import { SqliteWriter } from './sqlite-writer.ts'
import { makeTrail, newPath } from '../../test/trail-files.ts'

function openWriter(t: TestContext, path: string) {
  const opened = new Set<DatabaseSync>()
  const prepare = t.mock.method(DatabaseSync.prototype, 'prepare')
  const writer = new SqliteWriter({ path, issuer: ISSUER, known: null })
  t.after(() => writer.close())
  for (const call of prepare.mock.calls) opened.add(call.this as DatabaseSync)
  prepare.mock.restore()
  const [connection] = opened
  assert.ok(connection && opened.size === 1)
  const ask = (pragma: string) => Object.values(connection.prepare(`PRAGMA ${pragma}`).get() ?? {})[0]
  return { writer, ask }
}

describe('the writing connection', () => {
  it('syncs each commit and overwrites what is erased, in a new file and in an old one', (t) => {
    const path = newPath(t)
    const FULL = 2
    for (const _ of ['new', 'old']) {
      const { writer, ask } = openWriter(t, path)
      assert.deepEqual(['journal_mode', 'synchronous', 'secure_delete'].map(ask), ['wal', FULL, 1])
      writer.append([logout(0)], NOON)
    }
  })

  it('is not opened to a trail, or an empty file, in the place of the one that was known', async (t) => {
    const path = newPath(t)
    for (const make of [() => makeTrail(path), async () => writeFileSync(path, '')]) {
      await make()
      const before = readFileSync(path)
      const known = { trailId: '0'.repeat(32), identity: fileIdentity(path) }
      assert.throws(() => new SqliteWriter({ path, issuer: ISSUER, known }), { code: 'trail-replaced' })
      assert.deepEqual(readFileSync(path), before)
    }
  })

  it('rejects a batch for which the disk has no room, whole, and goes on when there is room', (t) => {
    const path = newPath(t)
    const { writer, ask } = openWriter(t, path)
    writer.append([logout(0)], NOON)
    const batch = Array.from({ length: 200 }, (_, n) => logout(n))
    ask(`max_page_count = ${Number(ask('page_count'))}`)
    const full = { name: 'TrailError', code: 'trail-unwritable', message: /the disk is full/ }
    assert.throws(() => writer.append(batch, NOON), full)
    assert.equal(writer.head().nextIndex, 1)
    ask('max_page_count = 1000000')
    assert.deepEqual(
      writer.append(batch, NOON),
      batch.map((_, n) => (n === 0 ? duplicate(0) : durable(n))),
    )
  })
})
