import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { history } from '../examples/demo/history.ts'
import { temporaryFolder } from '../test/service.ts'
import type { Report } from '../trail/entry.ts'
import { TrailError } from '../trail/error.ts'
import type { TrailReader } from '../trail/store.ts'
import { openSqliteReader, raiseEpoch } from '../trail/stores/sqlite-reader.ts'
import { openSqliteStore } from '../trail/stores/sqlite.ts'
import { followOnce } from './follow.ts'
import { openViews, rebuildViews } from './views-files.ts'
import { ViewsReader } from './views-reader.ts'
import { sqliteViews } from './views-sqlite.ts'
import { viewsPathOf } from './views-schema.ts'

const UNTIL = Date.UTC(2026, 10, 20, 12)
const reports = history({ until: UNTIL, days: 30, sessionsADay: 30 })
const issuer = 'https://follow.clerk.accounts.dev'

/** A trail with these reports, in this folder. */
async function trailWith(given: readonly Report[], folder = temporaryFolder()) {
  const path = join(folder, 'trail.db')
  const store = await openSqliteStore({ path, issuer })
  for (let at = 0; at < given.length; at += 400) await store.append(given.slice(at, at + 400), UNTIL)
  await store.close()
  return { path, viewsPath: viewsPathOf(path), reader: openSqliteReader(path) }
}

async function followAll(viewsPath: string, trail: TrailReader): Promise<void> {
  const views = await openViews(viewsPath, trail)
  while ((await followOnce(views, trail)) > 0) continue
  await views.close()
}

/** Every row of every table, but for where the trail came from. */
function dump(viewsPath: string): unknown {
  const db = new DatabaseSync(viewsPath, { readOnly: true })
  const tables = [
    'sessions',
    'session_entries',
    'user_ends',
    'webhook_mix',
    'heard',
    'orgs',
    'rollup_quarters',
    'rollup_days',
    'rollup_org_quarters',
    'position',
  ]
  const rows = tables.map((table) => {
    const found = db.prepare(`SELECT * FROM ${table}`).all()
    assert.ok(found.length > 0 || table === 'user_ends', table)
    return found.map((row) => JSON.stringify(row)).toSorted()
  })
  db.close()
  return rows
}

function isCoded(code: string) {
  return (error: unknown) => error instanceof TrailError && error.code === code
}

describe('the session records', () => {
  it('are the same however often the reader is stopped', async () => {
    const { viewsPath, reader } = await trailWith(reports)
    await followAll(viewsPath, reader)
    const once = dump(viewsPath)

    rmSync(viewsPath)
    for (let done = 1; done > 0;) {
      const views = await openViews(viewsPath, reader)
      done = await followOnce(views, reader)
      await views.close()
    }

    assert.deepEqual(dump(viewsPath), once)
    reader.close()
  })

  it('are the same when they are made anew, with progress', async () => {
    const { viewsPath, reader } = await trailWith(reports)
    await followAll(viewsPath, reader)
    const before = dump(viewsPath)
    const progress: number[] = []

    const entries = await rebuildViews({
      path: viewsPath,
      trail: reader,
      onProgress: (done) => progress.push(done),
    })

    assert.deepEqual(dump(viewsPath), before)
    assert.equal(entries, reports.length)
    assert.equal(progress.at(-1), reports.length)
    assert.ok(!existsSync(`${viewsPath}.next`))
    reader.close()
  })

  it('are done when they reach where the trail was, however fast it grows meanwhile', async (t) => {
    const { path, viewsPath, reader } = await trailWith(reports.slice(0, 250))
    const store = await openSqliteStore({ path, issuer })
    t.after(() => store.close())
    let grownTo = 250
    const growing: TrailReader = {
      ...reader,
      read: async (after, limit) => {
        assert.ok(grownTo < 1000, 'it is not done')
        await store.append(reports.slice(grownTo, (grownTo += 200)), UNTIL)
        return reader.read(after, limit)
      },
    }
    const progress: [number, number][] = []

    const entries = await rebuildViews({
      path: viewsPath,
      trail: growing,
      onProgress: (...told) => progress.push(told),
    })

    assert.equal(entries, 250)
    assert.deepEqual(progress[0], [100, 250])
    assert.deepEqual(progress.at(-1), [250, 250])
    const views = await openViews(viewsPath, reader)
    // A machine that is quick takes more at once.
    assert.ok(views.position.nextIndex >= 250 && views.position.nextIndex <= 400)
    await views.close()
    reader.close()
  })

  it('go on where they were when the trail has grown', async () => {
    const folder = temporaryFolder()
    const first = await trailWith(reports.slice(0, 700), folder)
    await followAll(first.viewsPath, first.reader)
    first.reader.close()
    const { viewsPath, reader } = await trailWith(reports, folder)
    await followAll(viewsPath, reader)
    const grown = dump(viewsPath)
    await rebuildViews({ path: viewsPath, trail: reader })
    assert.deepEqual(dump(viewsPath), grown)
    reader.close()
  })

  it('refuse a trail that was restored from a backup, until that is accepted', async () => {
    const folder = temporaryFolder()
    const { path, viewsPath, reader } = await trailWith(reports.slice(0, 900), folder)
    await followAll(viewsPath, reader)
    reader.close()
    const db = new DatabaseSync(path)
    db.exec('DELETE FROM entries WHERE "index" >= 800; UPDATE trail SET next_index = 800')
    db.close()

    const shorter = openSqliteReader(path)
    await assert.rejects(openViews(viewsPath, shorter), isCoded('trail-rewound'))
    shorter.close()

    const { reader: regrown } = await trailWith(
      reports.slice(800).map((report) => ({ ...report, naturalKey: `${report.naturalKey} again` })),
      folder,
    )
    const changed = new DatabaseSync(path)
    changed.exec('UPDATE entries SET recorded_at = recorded_at + 1 WHERE "index" = 899')
    changed.close()
    await assert.rejects(openViews(viewsPath, regrown), isCoded('trail-rewound'))

    raiseEpoch(path)
    await rebuildViews({ path: viewsPath, trail: regrown })
    const views = await openViews(viewsPath, regrown)
    assert.equal(views.position.epoch, 1)
    await views.close()
    regrown.close()
  })

  it('refuse another trail, and a file of another program', async () => {
    const one = await trailWith(reports.slice(0, 10))
    const other = await trailWith(reports.slice(0, 10))
    await followAll(one.viewsPath, one.reader)
    await assert.rejects(openViews(one.viewsPath, other.reader), isCoded('trail-rewound'))

    mkdirSync(other.viewsPath)
    await assert.rejects(openViews(other.viewsPath, other.reader), isCoded('views-unusable'))
    rmSync(other.viewsPath, { recursive: true })
    const foreign = new DatabaseSync(other.viewsPath)
    foreign.exec('CREATE TABLE recipes (name TEXT)')
    foreign.close()
    await assert.rejects(openViews(other.viewsPath, other.reader), isCoded('views-unusable'))
    for (const { reader } of [one, other]) reader.close()
  })
})

describe('damaged session records', () => {
  const garbage = 'this is no database, and long enough to be seen as none '.repeat(100)

  it('are set aside and made anew, and only the last are kept', async () => {
    const { viewsPath, reader } = await trailWith(reports.slice(0, 100))
    await followAll(viewsPath, reader)
    const right = dump(viewsPath)
    const aside: string[] = []
    const opened = async () => {
      const views = await openViews(viewsPath, reader, {
        onSetAside: (path, { code }) => aside.push(`${code} ${path}`),
      })
      while ((await followOnce(views, reader)) > 0) continue
      await views.close()
    }
    const cutShort = readFileSync(viewsPath).subarray(0, 5000)
    const noPosition = () => {
      const db = new DatabaseSync(viewsPath)
      db.exec('DELETE FROM position')
      db.close()
    }
    for (const damage of [
      () => writeFileSync(viewsPath, garbage),
      () => writeFileSync(viewsPath, cutShort),
      noPosition,
    ]) {
      damage()
      await opened()
      assert.deepEqual(dump(viewsPath), right)
    }
    assert.equal(aside.length, 3)
    const folder = readdirSync(dirname(viewsPath)).filter((name) => name.includes('views.db.damaged-'))
    assert.deepEqual(
      folder.map((name) => `views-damaged ${join(dirname(viewsPath), name)}`),
      aside.slice(2),
    )
    assert.match(basename(folder[0] ?? ''), /^views\.db\.damaged-\d{4}-\d\d-\d\dT[\d-]+\.\d{3}Z$/)
    reader.close()
  })

  it('are left behind by who was reading them', async () => {
    const { viewsPath, reader } = await trailWith(reports.slice(0, 100))
    await followAll(viewsPath, reader)
    await using records = closing(new ViewsReader(sqliteViews(viewsPath)))
    assert.equal((await records.position())?.nextIndex, 100)
    renameSync(viewsPath, `${viewsPath}.aside`)
    assert.equal(await records.position(), null)
    const views = await openViews(viewsPath, reader)
    assert.equal((await records.position())?.nextIndex, 0)
    await views.close()
    reader.close()
  })

  it('are refused by whoever only reads them', async () => {
    const path = join(temporaryFolder(), 'views.db')
    writeFileSync(path, garbage)
    await assert.rejects(new ViewsReader(sqliteViews(path)).position(), isCoded('views-damaged'))
  })

  it('of a rebuild that was killed are removed', async () => {
    const { viewsPath, reader } = await trailWith([])
    for (const end of ['', '-wal', '-shm']) writeFileSync(`${viewsPath}.next${end}`, garbage)
    await followAll(viewsPath, reader)
    assert.deepEqual(
      readdirSync(dirname(viewsPath)).filter((name) => name.includes('.next')),
      [],
    )
    reader.close()
  })
})

function closing(reader: ViewsReader): ViewsReader & AsyncDisposable {
  return Object.assign(reader, { [Symbol.asyncDispose]: () => reader.close() })
}

it('the records stand beside the trail, under a name of their own', () => {
  for (const [trail, views] of [
    ['data/trail.db', 'data/views.db'],
    ['data/dev-trail.db', 'data/dev-views.db'],
    ['/srv/eu.db', '/srv/eu-views.db'],
    ['portrail.db', 'portrail-views.db'],
    ['trail', 'trail-views.db'],
  ] as const) {
    assert.equal(viewsPathOf(trail), views)
  }
})
