import { defineCommand } from 'citty'
import { readTrailPath } from '../api/config.ts'
import { rfc3339 } from '../api/session-json.ts'
import { ViewsReader, type Coverage, type Gap } from '../session-ends/views-reader.ts'
import { viewsPathOf } from '../session-ends/views-schema.ts'
import { TrailError } from '../trail/error.ts'
import { openSqliteReader } from '../trail/stores/sqlite-reader.ts'
import { sayBehind } from './behind.ts'
import { runStrictly } from './strict.ts'

const known = { options: ['json'], positionals: 0, hint: 'coverage takes --json only.' }

const GAPS_SHOWN = 100

export const coverageCommand = defineCommand({
  meta: {
    name: 'coverage',
    description:
      'How complete the record is: of the sessions that were seen to begin and must be over by now, how many have an end; those without one are listed. Exit code 0: read, whatever the figure; 1: it cannot be read.',
  },
  args: { json: { type: 'boolean', description: 'For programs.' } },
  run: ({ args }) => runStrictly(args, known, () => coverage(args.json ? 'json' : 'text')),
})

async function coverage(as: 'json' | 'text'): Promise<void> {
  const path = readTrailPath()
  const trail = openSqliteReader(path)
  const views = new ViewsReader(viewsPathOf(path))
  try {
    const position = views.position()
    if (!position)
      throw new TrailError(
        'views-unusable',
        'There are no session records beside this trail yet: start the service once, or run logout-trail rebuild.',
      )
    sayBehind((await trail.head()).nextIndex - position.nextIndex)
    const now = Date.now()
    const figures = views.coverage(now)
    const gaps = views.gaps(now, GAPS_SHOWN)
    console.log(as === 'json' ? jsonOf(figures, gaps) : textOf(figures, gaps))
  } finally {
    views.close()
    trail.close()
  }
}

function jsonOf(figures: Coverage, gaps: readonly Gap[]): string {
  return JSON.stringify({
    ...figures,
    gaps: gaps.map((gap) => ({ ...gap, over_by: rfc3339(gap.over_by) })),
  })
}

function textOf({ sessions, ended, unknown }: Coverage, gaps: readonly Gap[]): string {
  if (sessions === 0)
    return 'No session that was seen to begin must be over by now: webhooks tell of beginnings (docs/OPERATE.md).'
  const share = `${((ended / sessions) * 100).toFixed(1)} %`
  const figure = `Of ${sessions} sessions that must be over by now, ${ended} have an end: ${share}.`
  const apart =
    unknown > 0 ? [`Of ${unknown} of these ends Clerk only says that it no longer has the session.`] : []
  return [figure, ...apart, ...listOf(gaps, sessions - ended)].join('\n')
}

function listOf(gaps: readonly Gap[], missing: number): string[] {
  if (gaps.length === 0) return []
  return [
    '',
    `Without an end${missing > gaps.length ? `, the first ${gaps.length} of ${missing}` : ''}:`,
    ...gaps.map(
      ({ session_id, user_id, over_by }) =>
        `  ${session_id}  of ${user_id ?? 'an unknown user'}, over by ${rfc3339(over_by) ?? 'no date'}`,
    ),
  ]
}
