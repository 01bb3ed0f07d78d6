import { wholeNumber } from '../api/query.ts'
import { sessionJson } from '../api/session-json.ts'
import type { SessionRecord } from '../session-ends/record.ts'
import { commandOf, OR_OUTPUT } from './command.ts'
import { filterArgs, filterFrom } from './filters.ts'
import { withRecords } from './records.ts'
import { UsageError } from './strict.ts'
import { sayOut, writeOut } from './write-out.ts'

const LIMIT = 20
const MOST = 1000
const limits = wholeNumber({ least: 1, most: MOST })

export const sessionsCommand = commandOf({
  name: 'sessions',
  summary: 'List session records.',
  more: 'In the order in which the sessions were first heard of, the last of them at the top, whenever they ended. All filters that are given must fit; export gives all that fit. It may run beside the service.',
  args: {
    ...filterArgs,
    limit: {
      type: 'string',
      valueHint: 'number',
      description: `How many, from 1 to ${MOST}.`,
      default: String(LIMIT),
    },
    json: { type: 'boolean', description: 'For programs: one record a line, as the API gives it.' },
  },
  hint: 'sessions takes filters such as --user-id, --limit and --json; logout-trail sessions --help lists them.',
  exitCodes: { 0: 'Read, whatever was found.', 1: `It cannot be read, ${OR_OUTPUT}` },
  examples: [
    {
      line: 'logout-trail sessions --user-id user_2abc --limit 5',
      does: 'The five sessions of a person that were heard of last.',
    },
    {
      line: 'logout-trail sessions --reason revoked --from 2026-11-01',
      does: 'What was revoked since the beginning of November (UTC).',
    },
  ],
  run: sessions,
})

async function sessions(args: Record<string, unknown>): Promise<void> {
  const filter = filterFrom(args)
  const limit = limits.parse(String(args['limit']))
  if (limit === undefined) throw new UsageError(`--limit must be ${limits.accepts}.`)
  await withRecords(async ({ reading }) => {
    const request = { filter, order: 'newest', beyond: null, now: Date.now() } as const
    const { listed } = await reading.list({ ...request, limit: limit + 1 })
    const shown = listed.slice(0, limit).map(({ record }) => record)
    if (args['json'] === true) {
      await writeOut(shown.map((record) => `${JSON.stringify(sessionJson(record))}\n`).join(''))
      return
    }
    const more = listed.length > limit ? '\n\nThere are more: --limit shows more of them, export all.' : ''
    await sayOut((shown.length === 0 ? nothing(Object.keys(filter).length > 0) : tableOf(shown)) + more)
  })
}

function nothing(filtered: boolean): string {
  return filtered
    ? 'No session record fits. Ids must be whole; logout-trail sessions without filters shows those heard of last.'
    : 'There are no session records yet: the first logout or webhook begins them.'
}

const head = ['STARTED (UTC)', 'ENDED, ELSE ASKED', 'HOW', 'USER', 'SESSION']

function tableOf(records: readonly SessionRecord[]): string {
  const rows = [head, ...records.map(rowOf)]
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function rowOf(record: SessionRecord): string[] {
  const { ended_at, requested_at, started_at, user_id, session_id } = record
  return [timeOf(started_at), timeOf(ended_at ?? requested_at), howOf(record), user_id ?? '–', session_id]
}

function timeOf(ms: number | null): string {
  return ms === null ? '–' : (sessionTime(ms) ?? '–')
}

/** Never `confirmed` of what is not. */
function howOf({ state, reason, initiator, confidence, unconfirmed }: SessionRecord): string {
  switch (state) {
    case 'open':
      return 'open'
    case 'requested':
      return unconfirmed ? 'logout unconfirmed' : 'logout requested'
    case 'ended':
      return `${reason}${initiator ? ` by ${initiator}` : ''}${confidence === 'inferred' ? ' (inferred)' : ''}`
  }
}

/** To the second: more is noise in a table. */
function sessionTime(ms: number): string | null {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? null : date.toISOString().slice(0, 19).replace('T', ' ')
}
