import { rfc3339 } from '../api/session-json.ts'
import type { Coverage, Gap } from '../session-ends/views-reader.ts'
import { commandOf, OR_OUTPUT } from './command.ts'
import { withRecords } from './records.ts'
import { sayOut } from './write-out.ts'

const GAPS_SHOWN = 100

export const coverageCommand = commandOf({
  name: 'coverage',
  summary: 'Say how complete the session records are.',
  more: `Of the sessions that were seen to begin and must be over by now, how many have an end; the first ${GAPS_SHOWN} of those without one are listed. It may run beside the service.`,
  args: { json: { type: 'boolean', description: 'For programs: one object.' } },
  hint: 'coverage takes --json only.',
  exitCodes: { 0: 'Read, whatever the figure.', 1: `It cannot be read, ${OR_OUTPUT}` },
  examples: [
    { line: 'logout-trail coverage', does: 'The figure, and the sessions without an end.' },
    { line: 'logout-trail coverage --json > coverage.json', does: 'The same, for a program.' },
  ],
  run: ({ json }) => coverage(json === true ? 'json' : 'text'),
})

async function coverage(as: 'json' | 'text'): Promise<void> {
  await withRecords(async ({ views }) => {
    const now = Date.now()
    const figures = await views.coverage(now)
    const gaps = await views.gaps(now, GAPS_SHOWN)
    await sayOut(as === 'json' ? jsonOf(figures, gaps) : textOf(figures, gaps))
  })
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
