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
      description: 'The trail was restored from a backup on purpose: accept it, and raise its epoch.',
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
  if (how === 'accept a restore') raiseEpoch(path)
  const trail = openSqliteReader(path)
  try {
    if (how === 'as it was') await refuseOther(viewsPath, trail)
    const startedAt = performance.now()
    const entries = await rebuildViews({ path: viewsPath, trail, onProgress: progress('entries') })
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    console.log(`${viewsPath}: made from ${entries} entries in ${seconds} s`)
  } finally {
    trail.close()
  }
}

/** Damaged records are no reason to refuse: they are made anew. */
async function refuseOther(viewsPath: string, trail: ReturnType<typeof openSqliteReader>): Promise<void> {
  const views = new ViewsReader(viewsPath)
  try {
    const position = views.position()
    if (position) await refuseRewound(position, trail)
  } catch (error) {
    if (!(error instanceof TrailError && error.code === 'views-unusable')) throw error
  } finally {
    views.close()
  }
}
