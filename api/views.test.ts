import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { history } from '../examples/demo/history.ts'
import { ViewsReader } from '../session-ends/views-reader.ts'
import { viewsPathOf } from '../session-ends/views-schema.ts'
import { until } from '../test/clerk-service.ts'
import { temporaryFolder } from '../test/service.ts'
import { openSqliteStore } from '../trail/stores/sqlite.ts'
import { startViews } from './views.ts'

/** Nobody looks. */
const onFigures = () => undefined

const UNTIL = Date.UTC(2026, 10, 20, 12)

describe('the thread of the session records', () => {
  it('follows the trail, is started again when it fails, and goes on when it can', async () => {
    const path = join(temporaryFolder(), 'trail.db')
    const store = await openSqliteStore({ path, issuer: 'https://views.clerk.accounts.dev' })
    const reports = history({ until: UNTIL, days: 3, sessionsADay: 30 })
    let restarts = 0
    const views = await startViews({ trailPath: path, onRestart: () => (restarts += 1), onFigures })
    const reader = new ViewsReader(viewsPathOf(path))
    const position = () => reader.position()?.nextIndex
    await store.append(reports.slice(0, 20), UNTIL)
    await until(() => position() === 20)

    const db = new DatabaseSync(viewsPathOf(path), { timeout: 5000 })
    db.exec('ALTER TABLE user_ends RENAME TO elsewhere')
    await store.append(reports.slice(20, 30), UNTIL)
    await until(() => restarts >= 2)
    assert.equal(position(), 20)

    db.exec('ALTER TABLE elsewhere RENAME TO user_ends')
    db.close()
    await until(() => position() === 30)
    assert.equal(views.behind(), 0)
    reader.close()
    await views.close()
    await store.close()
  })

  it('knows the start once it has followed until there, however much comes in after it', async () => {
    const path = join(temporaryFolder(), 'trail.db')
    const store = await openSqliteStore({ path, issuer: 'https://views.clerk.accounts.dev' })
    const reports = history({ until: UNTIL, days: 3, sessionsADay: 30 })
    await store.append(reports.slice(0, 20), UNTIL)
    const views = await startViews({ trailPath: path, onRestart: () => assert.fail(), onFigures })
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

  it('can be ended while it fails', async () => {
    const path = join(temporaryFolder(), 'trail.db')
    const store = await openSqliteStore({ path, issuer: 'https://views.clerk.accounts.dev' })
    let restarts = 0
    const views = await startViews({ trailPath: path, onRestart: () => (restarts += 1), onFigures })
    const db = new DatabaseSync(viewsPathOf(path), { timeout: 5000 })
    db.exec('DROP TABLE user_ends')
    db.close()
    await store.append(history({ until: UNTIL, days: 1, sessionsADay: 5 }), UNTIL)
    await until(() => restarts >= 1)
    await views.close()
    await store.close()
  })
})
