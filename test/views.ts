/** A trail on disk with its session records, which know each report before the next call. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { followOnce, openViews } from '../session-ends/follow.ts'
import { ViewsReader } from '../session-ends/views-reader.ts'
import { viewsPathOf } from '../session-ends/views-schema.ts'
import type { Report, SessionId } from '../trail/entry.ts'
import type { TrailReader } from '../trail/store.ts'
import { openSqliteReader } from '../trail/stores/sqlite-reader.ts'
import { openSqliteStore } from '../trail/stores/sqlite.ts'
import { temporaryFolder } from './service.ts'

export interface TestTrail {
  views: ViewsReader
  trail: TrailReader
  path: string
  db: () => DatabaseSync
  /** In the order in which they were first heard of. */
  ids: () => SessionId[]
  record: (reports: readonly Report[]) => Promise<void>
  close: () => Promise<void>
}

const RECORDED_AT = Date.UTC(2026, 10, 20, 12)

export async function trailOf(reports: readonly Report[]): Promise<TestTrail> {
  const path = join(temporaryFolder(), 'trail.db')
  const store = await openSqliteStore({ path, issuer: 'https://views.clerk.accounts.dev' })
  const trail = openSqliteReader(path)
  const following = await openViews(viewsPathOf(path), trail)
  const views = new ViewsReader(viewsPathOf(path))
  const db = () => {
    const opened = views.db()
    assert.ok(opened)
    return opened
  }
  const record = async (reports: readonly Report[]) => {
    for (let at = 0; at < reports.length; at += 400) {
      await store.append(reports.slice(at, at + 400), RECORDED_AT)
    }
    while ((await followOnce(following, trail)) > 0) continue
  }
  await record(reports)
  return {
    views,
    trail,
    path,
    db,
    ids: () =>
      db()
        .prepare('SELECT session_id FROM sessions ORDER BY id')
        .all()
        .map(({ session_id }) => session_id as SessionId),
    record,
    close: async () => {
      await following.close()
      views.close()
      trail.close()
      await store.close()
    },
  }
}
