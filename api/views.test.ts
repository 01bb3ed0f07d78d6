import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { history } from '../examples/demo/history.ts'
import { ViewsReader } from '../session-ends/views-reader.ts'
import { sqliteViews } from '../session-ends/views-sqlite.ts'
import { viewsPathOf } from '../session-ends/views-schema.ts'
import { until } from '../test/clerk-service.ts'
import { temporaryFolder } from '../test/service.ts'
import { openSqliteStore } from '../trail/stores/sqlite.ts'
import { startViews } from './views.ts'

/** Nobody looks. */
const nobody = () => undefined
const unseen = {
  onFigures: nobody,
  onWorks: nobody,
  onSetAside: nobody,
  onRestart: nobody,
  onTrouble: nobody,
}

const UNTIL = Date.UTC(2026, 10, 20, 12)

describe('the thread of the session records', () => {
  it('follows the trail, is started again when it fails, and goes on when it can', async () => {
    const path = join(temporaryFolder(), 'trail.db')
    const store = await openSqliteStore({ path, issuer: 'https://views.clerk.accounts.dev' })
    const reports = history({ until: UNTIL, days: 3, sessionsADay: 30 })
    let restarts = 0
    const views = await startViews({
      ...unseen,
      database: { engine: 'sqlite', path },
      onRestart: () => (restarts += 1),
    })
    const reader = new ViewsReader(sqliteViews(viewsPathOf(path)))
    const position = async () => (await reader.position())?.nextIndex
    await store.append(reports.slice(0, 20), UNTIL)
    await until(async () => (await position()) === 20)

    const db = new DatabaseSync(viewsPathOf(path), { timeout: 5000 })
    db.exec('ALTER TABLE user_ends RENAME TO elsewhere')
    await store.append(reports.slice(20, 30), UNTIL)
    await until(() => restarts >= 2)
    assert.equal(await position(), 20)

    db.exec('ALTER TABLE elsewhere RENAME TO user_ends')
    db.close()
    await until(async () => (await position()) === 30)
    await until(() => views.behind() === 0)
    await reader.close()
    await views.close()
    await store.close()
  })

  it('knows the start once it has followed until there, however much comes in after it', async () => {
    const path = join(temporaryFolder(), 'trail.db')
    const store = await openSqliteStore({ path, issuer: 'https://views.clerk.accounts.dev' })
    const reports = history({ until: UNTIL, days: 3, sessionsADay: 30 })
    await store.append(reports.slice(0, 20), UNTIL)
    const views = await startViews({
      ...unseen,
      database: { engine: 'sqlite', path },
      onRestart: () => assert.fail(),
    })
    assert.equal(views.knowTheStart(), false)
    await until(views.knowTheStart)
    await store.append(reports.slice(20, 60), UNTIL)
    const db = new DatabaseSync(viewsPathOf(path), { timeout: 5000 })
    db.exec('BEGIN IMMEDIATE')
    await store.append(reports.slice(60, 80), UNTIL)
    assert.equal(views.knowTheStart(), true)
    db.exec('ROLLBACK')
    db.close()
    await until(() => views.behind() === 0)
    await views.close()
    await store.close()
  })

  it('is told of as working only when it follows again, and is tried less often while it does not', async () => {
    const path = join(temporaryFolder(), 'trail.db')
    const store = await openSqliteStore({ path, issuer: 'https://views.clerk.accounts.dev' })
    const told: { what: string; at: number }[] = []
    const tell = (what: string) => () => {
      if (told.at(-1)?.what !== what || what === 'failed') told.push({ what, at: performance.now() })
    }
    const views = await startViews({
      ...unseen,
      database: { engine: 'sqlite', path },
      onRestart: tell('failed'),
      onWorks: tell('works'),
    })
    await until(() => told.length === 1)
    const db = new DatabaseSync(viewsPathOf(path), { timeout: 5000 })
    db.exec('ALTER TABLE session_entries RENAME TO elsewhere')
    await store.append(history({ until: UNTIL, days: 1, sessionsADay: 5 }), UNTIL)
    await until(() => told.length === 4)
    db.exec('ALTER TABLE elsewhere RENAME TO session_entries')
    db.close()
    await until(() => told.length === 5)

    assert.deepEqual(
      told.map(({ what }) => what),
      ['works', 'failed', 'failed', 'failed', 'works'],
    )
    const [, first, second, third] = told.map(({ at }) => at)
    assert.ok(first && second && third)
    assert.ok(third - second > 1.5 * (second - first), `${second - first} ms, then ${third - second} ms`)
    await views.close()
    await store.close()
  })

  it('sets damaged records aside, says so, and makes them anew', async () => {
    const path = join(temporaryFolder(), 'trail.db')
    const store = await openSqliteStore({ path, issuer: 'https://views.clerk.accounts.dev' })
    await store.append(history({ until: UNTIL, days: 3, sessionsADay: 30 }).slice(0, 20), UNTIL)
    writeFileSync(viewsPathOf(path), 'no database '.repeat(1000))
    const aside: string[] = []
    const views = await startViews({
      ...unseen,
      database: { engine: 'sqlite', path },
      onSetAside: (name, why) => aside.push(`${name}: ${why}`),
    })
    const reader = new ViewsReader(sqliteViews(viewsPathOf(path)))
    await until(async () => (await reader.position())?.nextIndex === 20)
    await reader.close()
    assert.equal(aside.length, 1)
    assert.match(aside[0] ?? '', /views\.db\.damaged-\S+: .*views\.db is damaged/)
    await views.close()
    await store.close()
  })

  it('can be ended while it fails', async () => {
    const path = join(temporaryFolder(), 'trail.db')
    const store = await openSqliteStore({ path, issuer: 'https://views.clerk.accounts.dev' })
    let restarts = 0
    const views = await startViews({
      ...unseen,
      database: { engine: 'sqlite', path },
      onRestart: () => (restarts += 1),
    })
    const db = new DatabaseSync(viewsPathOf(path), { timeout: 5000 })
    db.exec('DROP TABLE user_ends')
    db.close()
    await store.append(history({ until: UNTIL, days: 1, sessionsADay: 5 }), UNTIL)
    await until(() => restarts >= 1)
    await views.close()
    await store.close()
  })
})
