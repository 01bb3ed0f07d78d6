import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it, type TestContext } from 'node:test'
import type { TrailStore } from '../store.ts'
import {
  allEntries,
  duplicate,
  durable,
  ISSUER,
  logout,
  NOON,
  rejectsWith,
  sessionsIn,
} from './conformance.ts'
import { backupTrail } from './sqlite-backup.ts'
import { openSqliteStore } from './sqlite.ts'

/** A folder for the trail and one for its copies, which holds nothing yet. */
function newPlaces(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'trail-backup-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const copies = join(folder, 'copies')
  mkdirSync(copies)
  return { path: join(folder, 'trail.db'), copies, copy: join(copies, 'copy.db') }
}

async function open(t: TestContext, path: string): Promise<TrailStore> {
  const store = await openSqliteStore({ path, issuer: ISSUER })
  t.after(() => store.close())
  return store
}

async function makeTrail(path: string, sql = ''): Promise<void> {
  const store = await openSqliteStore({ path, issuer: ISSUER })
  await store.append([logout(0), logout(1), logout(2)], NOON)
  await store.close()
  const db = new DatabaseSync(path)
  db.exec(sql)
  db.close()
}

describe('a backup', () => {
  it('is the same trail in one file: entries, identity, and what it knows of repeats', async (t) => {
    const { path, copies, copy } = newPlaces(t)
    const store = await open(t, path)
    await store.append([logout(0), logout(1)], NOON)
    const { head, bytes } = await backupTrail(path, copy)
    assert.deepEqual(readdirSync(copies), ['copy.db'])
    assert.equal(statSync(copy).size, bytes)
    assert.deepEqual(head, await store.head())

    const restored = await open(t, copy)
    assert.deepEqual(await restored.head(), head)
    assert.deepEqual(await allEntries(restored), await allEntries(store))
    assert.deepEqual(await restored.append([logout(1), logout(2)], NOON), [duplicate(1), durable(2)])
  })

  it('is whole and free of later entries when it is made beside a service that writes', async (t) => {
    const { path, copies } = newPlaces(t)
    const store = await open(t, path)
    const stop = new AbortController()
    let written = 0
    const service = (async () => {
      for (; !stop.signal.aborted; written += 4)
        await store.append(
          [0, 1, 2, 3].map((n) => logout(written + n)),
          NOON,
        )
    })()
    for (const name of ['first.db', 'second.db', 'third.db']) {
      const before = written
      const { head } = await backupTrail(path, join(copies, name))
      assert.ok(head.nextIndex >= before, `${head.nextIndex} entries, of ${before} before`)
      assert.equal(head.nextIndex % 4, 0)
    }
    stop.abort()
    await service
    assert.equal((await allEntries(store)).length, written)
    assert.deepEqual(readdirSync(copies), ['first.db', 'second.db', 'third.db'])
    const copied = await sessionsIn(await open(t, join(copies, 'second.db')))
    assert.deepEqual(
      copied,
      copied.map((_, n) => `sess_${n}`),
    )
  })

  it('is made of a trail whose service is stopped', async (t) => {
    const { path, copy } = newPlaces(t)
    await makeTrail(path)
    assert.equal((await backupTrail(path, copy)).head.nextIndex, 3)
    assert.deepEqual(await sessionsIn(await open(t, copy)), ['sess_0', 'sess_1', 'sess_2'])
  })

  it('never overwrites a file, not even one that appears meanwhile', async (t) => {
    const { path, copies, copy } = newPlaces(t)
    await makeTrail(path)
    for (const appears of ['before', 'meanwhile']) {
      if (appears === 'before') writeFileSync(copy, appears)
      const backup = backupTrail(path, copy)
      if (appears === 'meanwhile') writeFileSync(copy, appears)
      const error = await rejectsWith('trail-unwritable', backup)
      assert.match(error.message, /exist/)
      assert.equal(readFileSync(copy, 'utf8'), appears)
      assert.deepEqual(readdirSync(copies), ['copy.db'])
      rmSync(copy)
    }
  })

  it('says when its folder is missing', async (t) => {
    const { path, copies } = newPlaces(t)
    await makeTrail(path)
    const error = await rejectsWith('trail-unwritable', backupTrail(path, join(copies, 'none', 'copy.db')))
    assert.match(error.message, /none\/copy\.db could not be written/)
    assert.deepEqual(readdirSync(copies), [])
  })

  const unusable = [
    ['no file', 'trail-unreadable', () => undefined],
    ['a folder', 'trail-not-a-file', (path: string) => mkdirSync(path)],
    ['a text file', 'trail-corrupt', (path: string) => writeFileSync(path, 'Dear diary')],
    ['an empty file', 'trail-unreadable', (path: string) => writeFileSync(path, '')],
    [
      'a newer trail',
      'trail-too-new',
      (path: string) => makeTrail(path, 'UPDATE trail SET schema_version = 2'),
    ],
    [
      'a trail that misses entries',
      'trail-corrupt',
      (path: string) => makeTrail(path, 'DELETE FROM entries WHERE "index" = 1'),
    ],
  ] as const
  for (const [what, code, make] of unusable) {
    it(`of ${what} is refused with ${code}, and leaves no file`, async (t) => {
      const { path, copies, copy } = newPlaces(t)
      await make(path)
      const there = existsSync(path)
      await rejectsWith(code, backupTrail(path, copy))
      assert.deepEqual(readdirSync(copies), [])
      assert.equal(existsSync(path), there)
    })
  }

  it('of a damaged trail is refused with trail-corrupt, and leaves no file', async (t) => {
    const { path, copies, copy } = newPlaces(t)
    await makeTrail(path)
    // The third page is the root of the entries; the schema and the trail row stay readable.
    writeFileSync(path, readFileSync(path).fill(0xff, 2 * 4096, 3 * 4096))
    const error = await rejectsWith('trail-corrupt', backupTrail(path, copy))
    assert.match(error.message, /trail\.db is damaged/)
    assert.deepEqual(readdirSync(copies), [])
  })
})
