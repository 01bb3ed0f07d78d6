import { defineCommand } from 'citty'
import { ConfigError, readTrailPath } from '../api/config.ts'
import { ViewsReader } from '../session-ends/views-reader.ts'
import { viewsPathOf } from '../session-ends/views-schema.ts'
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

function coverage(as: 'json' | 'text'): void {
  const views = new ViewsReader(viewsPathOf(readTrailPath()))
  try {
    if (!views.position()) {
      throw new ConfigError([
        {
          variable: 'DATABASE_URL',
          problem: 'There are no session records beside this trail; start the service once, or run rebuild.',
        },
      ])
    }
    const now = Date.now()
    const { sessions, ended } = views.coverage(now)
    const gaps = views.gaps(now, GAPS_SHOWN)
    console.log(as === 'json' ? JSON.stringify({ sessions, ended, gaps }) : textOf({ sessions, ended }, gaps))
  } finally {
    views.close()
  }
}

function textOf(
  { sessions, ended }: { sessions: number; ended: number },
  gaps: ReturnType<ViewsReader['gaps']>,
): string {
  if (sessions === 0)
    return 'No session that was seen to begin must be over by now: webhooks tell of beginnings (docs/OPERATE.md).'
  const share = `${((ended / sessions) * 100).toFixed(1)} %`
  const figure = `Of ${sessions} sessions that must be over by now, ${ended} have an end: ${share}.`
  if (gaps.length === 0) return figure
  const missing = sessions - ended
  return [
    figure,
    '',
    `Without an end${missing > gaps.length ? `, the first ${gaps.length} of ${missing}` : ''}:`,
    ...gaps.map(
      ({ session_id, user_id, over_by }) =>
        `  ${session_id}  of ${user_id ?? 'an unknown user'}, over by ${new Date(over_by).toISOString()}`,
    ),
  ].join('\n')
}
