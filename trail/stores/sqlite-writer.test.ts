import assert from 'node:assert/strict'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, it, type TestContext } from 'node:test'
import { duplicate, durable, ISSUER, logout, NOON } from './conformance.ts'
import { fileIdentity } from './sqlite-schema.ts'
import { SqliteWriter } from './sqlite-writer.ts'
import { inFile, makeTrail, newPath } from '../../test/trail-files.ts'

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
      assert.deepEqual(writer.settings(), { journalMode: 'wal', synchronous: 'full' })
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

  it('says how it is set as it is, not as it was asked to be', (t) => {
    const { writer, ask } = openWriter(t, newPath(t))
    ask('synchronous = OFF')
    assert.deepEqual(writer.settings(), { journalMode: 'wal', synchronous: 'off' })
  })

  it('writes nothing more into a file that became shorter', (t) => {
    const path = newPath(t)
    const { writer, ask } = openWriter(t, path)
    writer.append([logout(0)], NOON)
    ask('wal_checkpoint(TRUNCATE)')
    writer.append([logout(1)], NOON)
    truncateSync(path, 4096)
    const refusal = { name: 'TrailError', code: 'trail-corrupt', message: /became shorter/ }
    assert.throws(() => writer.append([logout(2)], NOON), refusal)
    assert.throws(() => writer.check(), refusal)
  })

  it('is not opened to an emptied trail whose write-ahead log is there, which stays', (t) => {
    const path = newPath(t)
    const { writer } = openWriter(t, path)
    writer.append([logout(0)], NOON)
    truncateSync(path, 0)
    const log = readFileSync(`${path}-wal`)
    const refusal = { code: 'trail-corrupt', message: /is empty, but its write-ahead log/ }
    assert.throws(() => new SqliteWriter({ path, issuer: ISSUER, known: null }), refusal)
    assert.deepEqual(readFileSync(`${path}-wal`), log)
  })

  it('fails its check when one of the tables takes no entry, and leaves nothing of a check that passes', (t) => {
    for (const table of ['entries', 'dedupe']) {
      const path = newPath(t)
      const { writer } = openWriter(t, path)
      writer.append([logout(0)], NOON)
      writer.check()
      const rows = () =>
        inFile(path, (db) =>
          ['entries', 'dedupe'].map((name) => db.prepare(`SELECT count(*) AS n FROM ${name}`).get()?.['n']),
        )
      assert.deepEqual(rows(), [1, 1])
      inFile(path, (db) => db.exec(`ALTER TABLE ${table} RENAME TO gone`))
      assert.throws(() => writer.check(), /no such table/)
    }
  })

  it('fails its check when the table refuses what the check writes', (t) => {
    const path = newPath(t)
    const { writer } = openWriter(t, path)
    inFile(path, (db) =>
      db.exec("CREATE TRIGGER no BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'not today'); END"),
    )
    const refusal = { code: 'trail-unwritable', message: /cannot be written: not today/ }
    assert.throws(() => writer.check(), refusal)
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
