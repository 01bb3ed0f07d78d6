import { defineCommand } from 'citty'
import { existsSync } from 'node:fs'
import { readTrailPath } from '../api/config.ts'
import { rebuildViews, refuseRewound } from '../session-ends/follow.ts'
import { ViewsReader } from '../session-ends/views-reader.ts'
import { viewsPathOf } from '../session-ends/views-schema.ts'
import { TrailError } from '../trail/error.ts'
import { holdLock } from '../trail/stores/sqlite-lock.ts'
import { openSqliteReader, raiseEpoch } from '../trail/stores/sqlite-reader.ts'
import { progress } from './progress.ts'
import { runStrictly } from './strict.ts'

const known = {
  options: ['accept-restore', 'acceptRestore'],
  positionals: 0,
  hint: 'rebuild takes --accept-restore only.',
}

export const rebuildCommand = defineCommand({
  meta: {
    name: 'rebuild',
    description:
      'Make the session records anew from the trail, while the service is stopped. Exit code 0: done; 1: nothing was changed.',
  },
  args: {
    'accept-restore': {
      type: 'boolean',
      description:
        'The trail was restored from a backup on purpose: accept it, and raise its epoch. When the records show that nothing was restored, it stays.',
    },
  },
  run: ({ args }) =>
    runStrictly(args, known, () => rebuild(args['accept-restore'] ? 'accept a restore' : 'as it was')),
})

async function rebuild(how: 'accept a restore' | 'as it was'): Promise<void> {
  const path = readTrailPath()
  const viewsPath = viewsPathOf(path)
  if (!existsSync(path)) openSqliteReader(path)
  using _ = holdLock(path)
  const trail = openSqliteReader(path)
  try {
    const refused = await whyRefused(viewsPath, trail)
    if (refused && how === 'as it was') throw refused
    if (how === 'accept a restore') acceptRestore(path, refused)
    const startedAt = performance.now()
    const entries = await rebuildViews({ path: viewsPath, trail, onProgress: progress('entries') })
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    console.log(`${viewsPath}: made from ${entries} entries in ${seconds} s`)
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
  const views = new ViewsReader(viewsPath)
  try {
    const position = views.position()
    if (!position) return undefined
    await refuseRewound(position, trail)
    return null
  } catch (error) {
    if (!(error instanceof TrailError)) throw error
    if (error.code === 'views-damaged') return undefined
    if (error.code === 'trail-rewound') return error
    throw error
  } finally {
    views.close()
  }
}

/** The epoch says that indexes were given out twice: it is raised for nothing less. */
function acceptRestore(path: string, refused: TrailError | null | undefined): void {
  if (refused === null)
    console.log(`${path}: nothing was restored, so its epoch stays; the records are made anew.`)
  else raiseEpoch(path)
}
