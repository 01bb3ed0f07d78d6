/** A trail on disk with its session records, which know each report before the next call. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { sql } from 'kysely'
import { followOnce } from '../session-ends/follow.ts'
import { openViews } from '../session-ends/views-files.ts'
import type { Rows, ViewsDatabase } from '../session-ends/rows.ts'
import { ViewsReader } from '../session-ends/views-reader.ts'
import { viewsPathOf } from '../session-ends/views-schema.ts'
import { sqliteViews } from '../session-ends/views-sqlite.ts'
import type { Report, SessionId } from '../trail/entry.ts'
import type { TrailReader } from '../trail/store.ts'
import { openSqliteReader } from '../trail/stores/sqlite-reader.ts'
import { openSqliteStore } from '../trail/stores/sqlite.ts'
import { temporaryFolder } from './service.ts'

export interface TestTrail {
  views: ViewsReader
  trail: TrailReader
  path: string
  /** From the records that there are, at one moment. */
  read: <T>(read: (rows: Rows) => Promise<T>) => Promise<T>
  /** In the order in which they were first heard of. */
  ids: () => SessionId[]
  /** `at`: when they are recorded, ms since 1970. */
  record: (reports: readonly Report[], at?: number) => Promise<void>
  close: () => Promise<void>
}

const RECORDED_AT = Date.UTC(2026, 10, 20, 12)

/** Where the records of a test are kept. */
export interface Where {
  name: string
  open: (reports: readonly Report[]) => Promise<TestTrail>
  /** Where there are no records yet. */
  empty: () => Promise<ViewsDatabase>
  /** How often a property is tried that deserves this many runs. */
  runs: (many: number) => number
}

export const inSqlite: Where = {
  name: 'SQLite',
  open: (reports) => trailOf(reports),
  empty: async () => sqliteViews(join(temporaryFolder(), 'views.db')),
  runs: (many) => many,
}

export async function trailOf(reports: readonly Report[]): Promise<TestTrail> {
  const path = join(temporaryFolder(), 'trail.db')
  const store = await openSqliteStore({ path, issuer: 'https://views.clerk.accounts.dev' })
  const trail = openSqliteReader(path)
  const following = await openViews(viewsPathOf(path), trail)
  const views = new ViewsReader(sqliteViews(viewsPathOf(path)))
  const read = async <T>(read: (rows: Rows) => Promise<T>): Promise<T> => {
    const found = await views.atOneMoment(read)
    assert.ok(found !== null)
    return found
  }
  let ids: SessionId[] = []
  const record = async (reports: readonly Report[], recordedAt = RECORDED_AT) => {
    for (let at = 0; at < reports.length; at += 400) {
      await store.append(reports.slice(at, at + 400), recordedAt)
    }
    while ((await followOnce(following, trail)) > 0) continue
    const query = sql<{ session_id: SessionId }>`SELECT session_id FROM sessions ORDER BY id`
    ids = (await read((rows) => rows.all(query))).map(({ session_id }) => session_id)
  }
  await record(reports)
  return {
    views,
    trail,
    path,
    read,
    ids: () => ids,
    record,
    close: async () => {
      await following.close()
      await views.close()
      trail.close()
      await store.close()
    },
  }
}
