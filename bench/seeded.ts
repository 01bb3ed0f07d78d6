/** Folders with a trail and its session records: 60 days of a company. */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seed } from '../examples/demo/seed.ts'
import { followOnce } from '../session-ends/follow.ts'
import { openViews } from '../session-ends/views-files.ts'
import { viewsPathOf } from '../session-ends/views-schema.ts'
import { openSqliteReader } from '../trail/stores/sqlite-reader.ts'
import { progress } from './progress.ts'
import { ISSUER } from './tokens.ts'

export interface Seeded extends Disposable {
  /** A copy of its own, and how many entries it holds. */
  next: () => { folder: string; recorded: number }
}

export async function seededFolders(): Promise<Seeded> {
  progress('inventing 60 days of history')
  const all = mkdtempSync(join(tmpdir(), 'logout-trail-bench-'))
  const first = join(all, '0')
  mkdirSync(first)
  const path = join(first, 'trail.db')
  const recorded = await seed({ path, issuer: ISSUER, until: Date.now(), days: 60, sessionsADay: 1000 })
  const trail = openSqliteReader(path)
  const views = await openViews(viewsPathOf(path), trail)
  while ((await followOnce(views, trail)) > 0) continue
  await views.close()
  trail.close()
  let copies = 0
  return {
    next: () => {
      const folder = join(all, String((copies += 1)))
      cpSync(first, folder, { recursive: true })
      return { folder, recorded }
    },
    [Symbol.dispose]: () => rmSync(all, { recursive: true }),
  }
}
