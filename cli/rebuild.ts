import { existsSync } from 'node:fs'
import { readDatabase } from '../api/config.ts'
import { nameOf } from '../api/database.ts'
import { refuseRewound } from '../session-ends/follow.ts'
import type { ViewsDatabase } from '../session-ends/rows.ts'
import { rebuildViews } from '../session-ends/views-files.ts'
import { rebuildPostgresViews } from '../session-ends/views-place-postgres.ts'
import { postgresViews } from '../session-ends/views-postgres.ts'
import { ViewsReader } from '../session-ends/views-reader.ts'
import { viewsPathOf } from '../session-ends/views-schema.ts'
import { sqliteViews } from '../session-ends/views-sqlite.ts'
import { TrailError } from '../trail/error.ts'
import type { TrailReader } from '../trail/store.ts'
import { openPostgresReader } from '../trail/stores/postgres-reader.ts'
import { raisePostgresEpoch } from '../trail/stores/postgres-schema.ts'
import { holdLock } from '../trail/stores/sqlite-lock.ts'
import { openSqliteReader, raiseEpoch } from '../trail/stores/sqlite-reader.ts'
import { commandOf } from './command.ts'
import { progress } from './progress.ts'
import { linkToRecords } from './records-link.ts'
import { sayOut } from './write-out.ts'

export const rebuildCommand = commandOf({
  name: 'rebuild',
  summary: 'Make the session records anew from the trail.',
  more: 'Of a file, while the service is stopped; in PostgreSQL services may run. The old records stay until the new ones are done.',
  args: {
    'accept-restore': {
      type: 'boolean',
      description:
        'The trail was restored from a backup on purpose: accept it, and raise its epoch. Of a file it stays when the records show that nothing was restored.',
    },
  },
  hint: 'rebuild takes --accept-restore only.',
  exitCodes: {
    0: 'Done.',
    1: 'It was not done, and the message says why; or it was, and the output was closed or full.',
  },
  examples: [
    { line: 'logout-trail rebuild', does: 'After views.db was damaged or deleted.' },
    { line: 'logout-trail rebuild --accept-restore', does: 'After a backup was copied to trail.db.' },
  ],
  run: (args) => rebuild(args['accept-restore'] === true ? 'accept a restore' : 'as it was'),
})

type How = 'accept a restore' | 'as it was'

async function rebuild(how: How): Promise<void> {
  const database = readDatabase()
  const startedAt = performance.now()
  const entries =
    database.engine === 'sqlite'
      ? await rebuildFile(database.path, how)
      : await rebuildInPostgres(database.url, how)
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  const place = database.engine === 'sqlite' ? viewsPathOf(database.path) : nameOf(database)
  await sayOut(`${place}: made from ${entries} entries in ${seconds} s`)
}

async function rebuildFile(path: string, how: How): Promise<number> {
  const viewsPath = viewsPathOf(path)
  if (!existsSync(path)) openSqliteReader(path)
  using _ = holdLock(path)
  const trail = openSqliteReader(path)
  try {
    const refused = await whyRefused(sqliteViews(viewsPath), trail)
    if (refused && how === 'as it was') throw refused
    if (how === 'accept a restore') await acceptRestore(path, refused)
    return await rebuildViews({ path: viewsPath, trail, onProgress: progress('entries') })
  } finally {
    trail.close()
  }
}

async function rebuildInPostgres(url: string, how: How): Promise<number> {
  const trail = await openPostgresReader(url)
  const link = linkToRecords(url)
  try {
    const refused = how === 'as it was' ? await whyRefused(postgresViews({ url }), trail) : null
    if (refused) throw refused
    return await rebuildPostgresViews({
      link,
      trail,
      // Records in the same database were restored with the trail, and cannot show that it was: the operator says so.
      onceItCan: how === 'accept a restore' ? () => raisePostgresEpoch(url) : undefined,
      onProgress: progress('entries'),
      onWait: () =>
        console.error(
          'The new records are made, and somebody reads the old ones (a backup, a long query): they change places once that ends, or not at all after 10 minutes.',
        ),
    })
  } finally {
    await link.close()
    trail.close()
  }
}

/**
 * Why the records are not those of this trail; null: they are; undefined: they cannot say, because there are none, or damaged ones.
 * Damaged records are no reason to refuse: they are made anew.
 */
async function whyRefused(
  database: ViewsDatabase,
  trail: TrailReader,
): Promise<TrailError | null | undefined> {
  const views = new ViewsReader(database)
  try {
    const position = await views.position()
    if (!position) return undefined
    await refuseRewound(position, trail)
    return null
  } catch (error) {
    if (!(error instanceof TrailError)) throw error
    if (error.code === 'views-damaged') return undefined
    if (error.code === 'trail-rewound') return error
    throw error
  } finally {
    await views.close()
  }
}

/** The epoch says that indexes were given out twice: it is raised for nothing less. */
async function acceptRestore(path: string, refused: TrailError | null | undefined): Promise<void> {
  if (refused === null)
    await sayOut(`${path}: nothing was restored, so its epoch stays; the records are made anew.`)
  else raiseEpoch(path)
}
