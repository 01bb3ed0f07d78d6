import { existsSync } from 'node:fs'
import { refuseRewound } from '../session-ends/follow.ts'
import { rebuildViews } from '../session-ends/views-files.ts'
import { ViewsReader } from '../session-ends/views-reader.ts'
import { viewsPathOf } from '../session-ends/views-schema.ts'
import { sqliteViews } from '../session-ends/views-sqlite.ts'
import { TrailError } from '../trail/error.ts'
import { holdLock } from '../trail/stores/sqlite-lock.ts'
import { openSqliteReader, raiseEpoch } from '../trail/stores/sqlite-reader.ts'
import { commandOf } from './command.ts'
import { readTrailFile } from './file-trail.ts'
import { progress } from './progress.ts'
import { sayOut } from './write-out.ts'

export const rebuildCommand = commandOf({
  name: 'rebuild',
  summary: 'Make the session records anew from the trail.',
  more: 'While the service is stopped. The old records stay until the new ones are done.',
  args: {
    'accept-restore': {
      type: 'boolean',
      description:
        'The trail was restored from a backup on purpose: accept it, and raise its epoch. When the records show that nothing was restored, it stays.',
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

async function rebuild(how: 'accept a restore' | 'as it was'): Promise<void> {
  const path = readTrailFile('that is not done here yet.')
  const viewsPath = viewsPathOf(path)
  if (!existsSync(path)) openSqliteReader(path)
  using _ = holdLock(path)
  const trail = openSqliteReader(path)
  try {
    const refused = await whyRefused(viewsPath, trail)
    if (refused && how === 'as it was') throw refused
    if (how === 'accept a restore') await acceptRestore(path, refused)
    const startedAt = performance.now()
    const entries = await rebuildViews({ path: viewsPath, trail, onProgress: progress('entries') })
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    await sayOut(`${viewsPath}: made from ${entries} entries in ${seconds} s`)
  } finally {
    trail.close()
  }
}

/**
 * Why the records are not those of this trail; null: they are; undefined: they cannot say, because there are none, or damaged ones.
 * Damaged records are no reason to refuse: they are made anew.
 */
async function whyRefused(
  viewsPath: string,
  trail: ReturnType<typeof openSqliteReader>,
): Promise<TrailError | null | undefined> {
  const views = new ViewsReader(sqliteViews(viewsPath))
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
