import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { DatabaseSync } from 'node:sqlite'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { columns } from '../entry.ts'
import { TrailError } from '../error.ts'
import type { TrailStore } from '../store.ts'
import {
  describeTrailStore,
  duplicate,
  durable,
  ISSUER,
  logout,
  NOON,
  rejectsWith,
  sessionsIn,
} from './conformance.ts'
import { fileIdentity, openForReading } from './sqlite-schema.ts'
import { SqliteWriter, type WriterOptions } from './sqlite-writer.ts'
import { openSqliteStore, type SqliteStoreOptions } from './sqlite.ts'

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'trail-sqlite-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

function newPath(t: TestContext): string {
  return join(newFolder(t), 'trail.db')
}

/** Opens a store that is closed when the test ends. */
async function open(
  t: TestContext,
  path: string,
  options: Partial<SqliteStoreOptions> = {},
): Promise<TrailStore> {
  const store = await openSqliteStore({ path, issuer: ISSUER, ...options })
  t.after(() => store.close())
  return store
}

/** Uses the file as another program would. */
function inFile<T>(path: string, use: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(path)
  try {
    return use(db)
  } finally {
    db.close()
  }
}

describeTrailStore('SQLite', (t) => {
  const path = newPath(t)
  return {
    open: (issuer = ISSUER) => open(t, path, { issuer }),
    eraseSubject: async (index) => {
      const erase = 'UPDATE entries SET session_id = NULL, user_id = NULL, client_id = NULL WHERE "index" = ?'
      inFile(path, (db) => db.prepare(erase).run(index))
    },
    takeAway: async () => {
      renameSync(path, `${path}.away`)
      return async () => renameSync(`${path}.away`, path)
    },
  }
})

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

  it('keep a repeat known by its day and a keyed hash: no id stands in the dedupe table', async (t) => {
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
        [`0000${hash('sweep\u0000sess_3\u0000session.expired')}`, 2],
        [`0002${hash('webhook\u0000msg_ä\u0000🗝')}`, 1],
        // 2026-11-23 is day 20780.
        [`512c${hash('api\u0000sess_1\u00001795435190')}`, 0],
      ],
    )
  })

  it('key the same report of another day differently, and hold days that have no number', async (t) => {
    const path = newPath(t)
    const store = await open(t, path)
    const keyedAt = [NOON, NOON + 86_400_000, -1, 70_000 * 86_400_000].map((keyedAt) =>
      logout(0, { keyedAt }),
    )
    assert.deepEqual(await store.append(keyedAt, NOON), [0, 1, 2, 3].map(durable))
    const days = inFile(path, (db) => db.prepare('SELECT substr(key, 1, 2) AS day FROM dedupe').all())
    assert.deepEqual(
      days.map(({ day }) => Buffer.from(day as Uint8Array).toString('hex')),
      ['0000', '512c', '512d', 'ffff'],
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

/** A writer in this thread, and the one connection that it opened. */
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

interface Unusable {
  what: string
  code: TrailError['code']
  says: RegExp
  make: (path: string) => void | Promise<void>
}

async function makeTrail(path: string, sql = ''): Promise<void> {
  const store = await openSqliteStore({ path, issuer: ISSUER })
  await store.append(
    Array.from({ length: 100 }, (_, n) => logout(n)),
    NOON,
  )
  await store.close()
  inFile(path, (db) => db.exec(sql))
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

const DIES_ONCE_OPEN = `
  const { parentPort } = require('node:worker_threads')
  parentPort.once('message', () => {
    parentPort.postMessage({ ok: true, value: { trailId: '${'0'.repeat(32)}' } })
    process.exit()
  })`

describe('opening with a thread that dies at once', () => {
  it('rejects with trail-unavailable, also when its answer and its end are heard of together', async (t) => {
    const startWorker = () => new Worker(DIES_ONCE_OPEN, { eval: true })
    const opening = open(t, newPath(t), { startWorker })
    // This thread sleeps until the other has answered and ended.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400)
    await rejectsWith('trail-unavailable', opening)
  })
})

const sqliteUrl = new URL('sqlite.ts', import.meta.url).href
const conformanceUrl = new URL('conformance.ts', import.meta.url).href

/** Runs a module in a process of its own, which is gone when the test ends. */
function run(t: TestContext, code: string) {
  const file = join(newFolder(t), 'child.mjs')
  writeFileSync(file, code)
  const args = ['--disable-warning=MODULE_TYPELESS_PACKAGE_JSON', file]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  const kill = async () => {
    child.kill('SIGKILL')
    await ended
  }
  t.after(kill)
  return { lines: createInterface(child.stdout), kill }
}

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

describe('one service for one trail', () => {
  it('locks out a second store in this process, however the path is spelled, until it is closed', async (t) => {
    const path = newPath(t)
    const store = await open(t, path)
    const error = await rejectsWith('trail-locked', open(t, path))
    assert.match(error.message, /Another logout-trail service is using/)
    await rejectsWith(
      'trail-locked',
      open(t, path.replace('/trail.db', '/../') + path.slice(path.indexOf('trail-sqlite-'))),
    )
    await store.append([logout(0)], NOON)
    await store.close()
    assert.deepEqual(await (await open(t, path)).append([logout(1)], NOON), [durable(1)])
  })

  it('locks out other processes until it ends, kill -9 too; reading goes on beside it', async (t) => {
    const path = newPath(t)
    const holder = run(
      t,
      `import { openSqliteStore } from '${sqliteUrl}'
       await openSqliteStore({ path: ${JSON.stringify(path)}, issuer: '${ISSUER}' })
       console.log('open')`,
    )
    assert.deepEqual(await holder.lines[Symbol.asyncIterator]().next(), { value: 'open', done: false })
    await rejectsWith('trail-locked', open(t, path))
    openForReading(path).close()
    await holder.kill()
    assert.deepEqual(await (await open(t, path)).append([logout(0)], NOON), [durable(0)])
  })

  it('loses nothing that it reported durable to kill -9', async (t) => {
    const path = newPath(t)
    const service = run(
      t,
      `import { writeSync } from 'node:fs'
       import { openSqliteStore } from '${sqliteUrl}'
       import { logout } from '${conformanceUrl}'
       const store = await openSqliteStore({ path: ${JSON.stringify(path)}, issuer: '${ISSUER}' })
       async function append(n) {
         const [first, second] = await store.append([logout(n), logout(n + 1)], ${NOON})
         writeSync(1, n + ' ' + first.index + '\\n' + (n + 1) + ' ' + second.index + '\\n')
         await append(n + 8)
       }
       await Promise.all([0, 2, 4, 6].map(append))`,
    )
    const reported: number[][] = []
    for await (const line of service.lines) {
      // A line that the kill cut short has one number.
      const numbers = line.split(' ').map(Number)
      if (numbers.length === 2) reported.push(numbers)
      if (reported.length === 400) await service.kill()
    }
    assert.ok(reported.length >= 400)

    const store = await open(t, path)
    const sessions = await sessionsIn(store)
    assert.equal(new Set(sessions).size, sessions.length)
    for (const [n, index = NaN] of reported) assert.equal(sessions[index], `sess_${n}`)
    assert.deepEqual(
      await store.append(
        reported.map(([n = NaN]) => logout(n)),
        NOON,
      ),
      reported.map(([, index = NaN]) => duplicate(index)),
    )
    assert.deepEqual(await store.append([logout(-1)], NOON), [durable(sessions.length)])
  })
})

/** A store whose writing threads the test holds on to, and what it said of their restarts. */
async function openWithThreads(t: TestContext, path: string) {
  const threads: Worker[] = []
  const restarts: unknown[] = []
  const store = await open(t, path, {
    onRestart: (cause) => restarts.push(cause),
    startWorker: (options: WriterOptions) => {
      const worker = new Worker(new URL('sqlite-worker.ts', import.meta.url), { workerData: options })
      threads.push(worker)
      return worker
    },
  })
  const killThread = async () => void (await threads.at(-1)?.terminate())
  return { store, threads, restarts, killThread }
}

// A thread that lived less than a second is restarted a second after it was started: these tests wait side by side.
describe('the writing thread', { concurrency: true }, () => {
  it('can be killed: what it was doing rejects, a new one goes on, nothing is missing or there twice', async (t) => {
    const { store, threads, restarts, killThread } = await openWithThreads(t, newPath(t))
    const batches = Array.from({ length: 200 }, (_, b) => [0, 1, 2, 3, 4].map((n) => logout(5 * b + n)))
    const appends = batches.map((batch) => store.append(batch, NOON))
    await appends[0]
    await killThread()
    const outcomes = await Promise.allSettled(appends)

    const promised = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []))
    assert.deepEqual(
      promised,
      promised.map((_, n) => durable(n)),
    )
    const rejected = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
    assert.ok(rejected.length > 0)
    for (const reason of rejected) {
      assert.ok(reason instanceof TrailError)
      assert.equal(reason.code, 'trail-unavailable')
    }

    const retries = await store.append(batches.flat(), NOON)
    assert.deepEqual(
      retries.slice(0, promised.length),
      promised.map((_, n) => duplicate(n)),
    )
    assert.deepEqual(
      await sessionsIn(store),
      batches.flat().map((report) => report.session_id),
    )
    assert.deepEqual([threads.length, restarts.length], [2, 1])
  })

  it('may end by a bug of its own; the cause is told, and what is asked meanwhile waits for the next', async (t) => {
    const { store, restarts } = await openWithThreads(t, newPath(t))
    const bug = store.append([logout(0, { keyedAt: 1n })], NOON)
    const error = await rejectsWith('trail-unavailable', bug)
    assert.ok(error.cause instanceof TypeError)
    const meanwhile = [store.append([logout(1)], NOON), store.append([logout(2)], NOON)]
    assert.deepEqual(await Promise.all(meanwhile), [[durable(0)], [durable(1)]])
    assert.deepEqual(restarts, [error.cause])
  })

  it('is not confused by a batch that cannot be sent to it', async (t) => {
    const store = await open(t, newPath(t))
    const unsendable = store.append([logout(0, { ip: () => 'a function' })], NOON)
    const next = store.append([logout(1)], NOON)
    await assert.rejects(unsendable, { name: 'DataCloneError' })
    assert.deepEqual(await next, [durable(0)])
    assert.equal((await store.head()).nextIndex, 1)
  })

  it('may be killed while the store closes: the lock is free again', async (t) => {
    const path = newPath(t)
    const { store, killThread } = await openWithThreads(t, path)
    await store.append([logout(0)], NOON)
    await Promise.all([killThread(), store.close()])
    assert.deepEqual(await sessionsIn(await open(t, path)), ['sess_0'])
  })

  it('is not started again once the store is closed; who waited for it is told', async (t) => {
    const path = newPath(t)
    const { store, threads, killThread } = await openWithThreads(t, path)
    await killThread()
    const waiting = rejectsWith('trail-closed', store.append([logout(0)], NOON))
    await store.close()
    await waiting
    assert.equal(threads.length, 1)
    await open(t, path)
  })

  it('finds a deleted trail gone and makes no new one; with the file put back it goes on', async (t) => {
    const path = newPath(t)
    const { store, restarts, killThread } = await openWithThreads(t, path)
    await store.append([logout(0)], NOON)
    renameSync(path, `${path}.aside`)
    await rejectsWith('trail-replaced', store.append([logout(1)], NOON))
    await rejectsWith('trail-replaced', store.check())
    assert.equal(existsSync(path), false)
    await killThread()
    await rejectsWith('trail-replaced', store.append([logout(1)], NOON))
    assert.equal(existsSync(path), false)
    renameSync(`${path}.aside`, path)
    assert.deepEqual(await store.append([logout(1), logout(0)], NOON), [durable(1), duplicate(0)])
    assert.equal(restarts.length, 1)
  })

  const impostors: [string, (path: string, aside: string) => unknown][] = [
    ['an empty file', (path) => writeFileSync(path, '')],
    ['another trail', (path) => makeTrail(path)],
    ['an older copy of the trail', (path, aside) => cpSync(aside, path)],
  ]
  for (const [what, make] of impostors) {
    it(`writes nothing into ${what} that took the place of its file, whose log stays`, async (t) => {
      const path = newPath(t)
      const aside = join(newFolder(t), 'aside.db')
      const { store, killThread } = await openWithThreads(t, path)
      await store.append([logout(0)], NOON)
      renameSync(path, aside)
      const impostor = join(newFolder(t), 'impostor.db')
      await make(impostor, aside)
      renameSync(impostor, path)
      const before = readFileSync(path)
      await rejectsWith('trail-replaced', store.append([logout(1)], NOON))
      await rejectsWith('trail-replaced', store.check())
      await killThread()
      await rejectsWith('trail-replaced', store.append([logout(1)], NOON))
      assert.deepEqual(readFileSync(path), before)
      await store.close()
      renameSync(aside, path)
      assert.deepEqual(await sessionsIn(await open(t, path)), ['sess_0'])
    })
  }
})
