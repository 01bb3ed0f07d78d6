import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { columns } from '../entry.ts'
import type { TrailError } from '../error.ts'
import { duplicate, durable, ISSUER, logout, NOON, rejectsWith } from './conformance.ts'
import { inFile, makeTrail, newFolder, newPath, open, run } from '../../test/trail-files.ts'

describe('the tables of a trail', () => {
  it('are strict, have the columns of an entry, and no index but the primary keys', async (t) => {
    const path = newPath(t)
    await open(t, path)
    inFile(path, (db) => {
      const tables = db
        .prepare("SELECT name, strict, wr FROM pragma_table_list WHERE schema = 'main' ORDER BY name")
        .all()
      assert.deepEqual(
        tables.map((table) => Object.values(table)),
        [
          ['dedupe', 1, 1],
          ['entries', 1, 0],
          ['sqlite_schema', 0, 0],
          ['trail', 1, 0],
        ],
      )
      const found = db.prepare('SELECT name, "notnull", pk FROM pragma_table_info(\'entries\')').all()
      const required = new Set<unknown>(['kind', 'source', 'occurred_at', 'recorded_at'])
      assert.deepEqual(
        found.map((column) => Object.values(column)),
        [['index', 0, 1], ...columns.map((name) => [name, required.has(name) ? 1 : 0, 0])],
      )
      assert.deepEqual(db.prepare("SELECT name FROM sqlite_schema WHERE type = 'index'").all(), [])
    })
  })

  it('keep a repeat known by its second and a keyed hash: no id stands in the dedupe table', async (t) => {
    const path = newPath(t)
    const store = await open(t, path)
    const webhook = logout(2, { source: 'webhook', naturalKey: 'msg_ä\u0000🗝', keyedAt: 2 * 86_400_000 + 1 })
    const sweep = logout(3, { source: 'sweep', naturalKey: 'sess_3\u0000session.expired', keyedAt: 0 })
    await store.append([logout(1), webhook, sweep], NOON)

    const [trailKey, rows] = inFile(path, (db) => [
      db.prepare('SELECT trail_key FROM trail').get()?.['trail_key'] as Uint8Array,
      db.prepare('SELECT * FROM dedupe ORDER BY key').all(),
    ])
    const hash = (text: string) => createHmac('sha256', trailKey).update(text).digest('hex').slice(0, 32)
    assert.equal(trailKey.length, 32)
    assert.deepEqual(
      rows.map(({ key, index }) => [Buffer.from(key as Uint8Array).toString('hex'), index]),
      [
        [`00000000${hash('sweep\u0000sess_3\u0000session.expired')}`, 2],
        [`0002a300${hash('webhook\u0000msg_ä\u0000🗝')}`, 1],
        // 1795435190 seconds, the token's `iat`.
        [`6b042ab6${hash('api\u0000sess_1\u00001795435190')}`, 0],
      ],
    )
  })

  it('key the same report of another second differently, and hold seconds that have no number', async (t) => {
    const path = newPath(t)
    const store = await open(t, path)
    const keyedAt = [NOON, NOON + 999, NOON + 1000, -1, 5e9 * 1000].map((keyedAt) => logout(0, { keyedAt }))
    assert.deepEqual(await store.append(keyedAt, NOON), [
      durable(0),
      duplicate(0),
      durable(1),
      durable(2),
      durable(3),
    ])
    const seconds = inFile(path, (db) => db.prepare('SELECT substr(key, 1, 4) AS second FROM dedupe').all())
    assert.deepEqual(
      seconds.map(({ second }) => Buffer.from(second as Uint8Array).toString('hex')),
      ['00000000', '6b042ac0', '6b042ac1', 'ffffffff'],
    )
  })

  it('are synced at each check, so that a check fails where an append would', async (t) => {
    const path = newPath(t)
    const store = await open(t, path)
    const logSize = () => statSync(`${path}-wal`).size
    const before = logSize()
    await store.check()
    assert.ok(logSize() > before, 'the write-ahead log has grown')
  })
})

/** A writer in this thread, and the one connection that it opened. */ interface Unusable {
  what: string
  code: TrailError['code']
  says: RegExp
  make: (path: string) => void | Promise<void>
}

function overwrite(path: string, position: number, length: number): void {
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(length, 0xff), 0, length, position)
  closeSync(file)
}

const unusable: Unusable[] = [
  { what: 'a folder', code: 'trail-not-a-file', says: /is not a file/, make: (path) => mkdirSync(path) },
  {
    what: 'a text file',
    code: 'trail-corrupt',
    says: /file is not a database/,
    make: (path) => writeFileSync(path, 'Dear diary, today somebody signed out.\n'),
  },
  {
    what: 'half a trail',
    code: 'trail-corrupt',
    says: /malformed.*restore a backup/,
    make: async (path) => {
      await makeTrail(path)
      truncateSync(path, statSync(path).size / 2)
    },
  },
  {
    what: 'a trail with a damaged schema',
    code: 'trail-corrupt',
    says: /malformed.*restore a backup/,
    make: async (path) => {
      await makeTrail(path)
      overwrite(path, 100, 100)
    },
  },
  {
    what: 'a trail that lost its last entry',
    code: 'trail-corrupt',
    says: /ends at entry 98, but its trail row says 99/,
    make: (path) => makeTrail(path, 'DELETE FROM entries WHERE "index" = 99'),
  },
  {
    what: 'a trail with an entry too many',
    code: 'trail-corrupt',
    says: /ends at entry 99, but its trail row says 98/,
    make: (path) => makeTrail(path, 'UPDATE trail SET next_index = 99'),
  },
  {
    what: 'a trail without its trail row',
    code: 'trail-corrupt',
    says: /trail row is missing/,
    make: (path) => makeTrail(path, 'DELETE FROM trail'),
  },
  {
    what: 'a trail of a newer version',
    code: 'trail-too-new',
    says: /has schema version 2, this program knows up to 1/,
    make: (path) => makeTrail(path, 'UPDATE trail SET schema_version = 2'),
  },
  {
    what: 'the database of another program',
    code: 'trail-foreign',
    says: /database of another program/,
    make: (path) => inFile(path, (db) => db.exec('CREATE TABLE notes (text); INSERT INTO notes VALUES (1)')),
  },
  {
    what: 'the database of another program with a table named trail',
    code: 'trail-foreign',
    says: /database of another program/,
    make: (path) => inFile(path, (db) => db.exec('CREATE TABLE trail (length_km); CREATE TABLE huts (name)')),
  },
]

describe('opening', () => {
  for (const { what, code, says, make } of unusable) {
    it(`refuses ${what} with ${code}, each time, and leaves it as it was`, async (t) => {
      const path = newPath(t)
      await make(path)
      const contents = () => (statSync(path).isFile() ? readFileSync(path) : readdirSync(path))
      const before = contents()
      const error = await rejectsWith(code, open(t, path))
      assert.match(error.message, says)
      await rejectsWith(code, open(t, path))
      assert.deepEqual(contents(), before)
    })
  }

  it('makes the folders that are missing, for their owner only, and a trail of an empty file', async (t) => {
    const folder = join(newFolder(t), 'deep', 'down')
    await open(t, join(folder, 'trail.db'))
    assert.equal(statSync(folder).mode & 0o777, 0o700)
    writeFileSync(join(folder, 'empty.db'), '')
    assert.equal((await (await open(t, join(folder, 'empty.db'))).head()).nextIndex, 0)
  })

  it('succeeds on a trail that is damaged further on; reading the damage rejects with trail-corrupt', async (t) => {
    const path = newPath(t)
    await makeTrail(path)
    const leaf = inFile(path, (db) =>
      Number(db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'dedupe'").get()?.['rootpage']),
    )
    // The page after the roots of the three tables is the first leaf of the entries.
    overwrite(path, leaf * 4096, 4096)
    await rejectsWith('trail-corrupt', (await open(t, path)).read(-1, 100))
  })
})
/** What opening each path says to somebody who is not root, in a process that gives up being root. */
async function openedByNobody(t: TestContext, prepare: string, paths: string[]): Promise<string[]> {
  const folder = newFolder(t)
  cpSync(fileURLToPath(new URL('..', import.meta.url)), join(folder, 'trail'), { recursive: true })
  for (const name of readdirSync(folder, { recursive: true })) chmodSync(join(folder, String(name)), 0o755)
  chmodSync(folder, 0o777)
  const child = run(
    t,
    `import { chmodSync, mkdirSync } from 'node:fs'
     if (process.getuid() === 0) {
       process.setgroups([])
       process.setgid(65534)
       process.setuid(65534)
     }
     process.chdir(${JSON.stringify(folder)})
     const { openSqliteStore } = await import('${join(folder, 'trail/stores/sqlite.ts')}')
     const { openForReading } = await import('${join(folder, 'trail/stores/sqlite-schema.ts')}')
     const open = (path) => openSqliteStore({ path, issuer: '${ISSUER}' })
     ${prepare}
     for (const path of ${JSON.stringify(paths)}) {
       const opening = path.startsWith('read ') ? async () => openForReading(path.slice(5)) : () => open(path)
       const said = await opening().then(() => 'opened', (error) => error.code + ': ' + error.message)
       console.log(said.replaceAll(process.cwd() + '/', ''))
     }
     for (const sealed of ['sealed', 'closed']) chmodSync(sealed, 0o755)
     process.exit()`,
  )
  const said: string[] = []
  for await (const line of child.lines) said.push(line)
  return said
}
describe('without permission', () => {
  it('a trail is not opened for writing or reading, and the message names the place', async (t) => {
    const prepare = `
      mkdirSync('sealed')
      mkdirSync('closed')
      for (const path of ['read-only.db', 'secret.db', 'closed/trail.db']) await (await open(path)).close()
      chmodSync('read-only.db', 0o444)
      chmodSync('secret.db', 0o000)
      chmodSync('sealed', 0o555)
      chmodSync('closed', 0o555)`
    const paths = ['read-only.db', 'sealed/trail.db', 'sealed/deep/trail.db', 'closed/trail.db', 'secret.db']
    assert.deepEqual(
      await openedByNobody(t, prepare, [
        ...paths,
        'read secret.db',
        'read closed/trail.db',
        'read read-only.db',
      ]),
      [
        'trail-unwritable: read-only.db cannot be written: no permission to write to read-only.db.',
        'trail-unwritable: sealed/trail.db.lock cannot be written: no permission to write to sealed.',
        "trail-unwritable: sealed/deep/trail.db.lock cannot be written: EACCES: permission denied, mkdir 'sealed/deep'.",
        'trail-unwritable: closed/trail.db.lock cannot be written: no permission to write to closed.',
        'trail-unwritable: secret.db cannot be written: no permission to write to secret.db.',
        'trail-unreadable: secret.db cannot be read: no permission to read secret.db.',
        'trail-unreadable: closed/trail.db cannot be read: no permission to write to closed.',
        'opened',
      ],
    )
  })
})
