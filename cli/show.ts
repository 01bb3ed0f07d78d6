import { nameOf } from '../api/database.ts'
import { rfc3339, sessionJson } from '../api/session-json.ts'
import { ENTRIES_LIMIT } from '../session-ends/views-schema.ts'
import type { Entry } from '../trail/entry.ts'
import { commandOf, OR_OUTPUT } from './command.ts'
import { withRecords } from './records.ts'
import { sayOut } from './write-out.ts'

export const showCommand = commandOf({
  name: 'show',
  summary: 'Show how one session ended, and the entries that say so.',
  more: 'It may run beside the service.',
  args: {
    session_id: { type: 'positional', required: true, description: 'Clerk’s id of the session, sess_…' },
    json: { type: 'boolean', description: 'For programs: the JSON of GET /v1/sessions/{session_id}.' },
  },
  hint: 'show takes one session id and --json.',
  exitCodes: { 0: 'Found.', 1: `Nothing is known of it, it cannot be read, ${OR_OUTPUT}` },
  examples: [
    {
      line: 'logout-trail show sess_2abc',
      does: 'A sentence that says how it ended, the facts, and what was told.',
    },
    { line: 'logout-trail show sess_2abc --json > session.json', does: 'The same, for a program.' },
  ],
  run: ({ session_id, json }) => show(String(session_id), json === true ? 'json' : 'text'),
})

async function show(id: string, as: 'json' | 'text'): Promise<void> {
  await withRecords(async ({ database, trail, views, known, behind }) => {
    const found = await views.session(id, Date.now())
    if (!found) {
      console.error(
        behind > 0
          ? `Of the first ${known} entries of ${nameOf(database)} none is about ${id}.`
          : `No entry of ${nameOf(database)} is about ${id}.`,
      )
      process.exitCode = 1
      return
    }
    const entries = await trail.at(found.indexes)
    const record = sessionJson(found.record)
    await sayOut(as === 'json' ? JSON.stringify({ ...record, entries }) : textOf(record, entries))
  })
}

function textOf({ sentence, ...record }: ReturnType<typeof sessionJson>, entries: readonly Entry[]): string {
  const facts = Object.entries(record).filter(([, value]) => value !== null)
  const width = Math.max(...facts.map(([name]) => name.length))
  return [
    sentence,
    '',
    ...facts.map(([name, value]) => `  ${name.padEnd(width)}  ${String(value)}`),
    '',
    'What was told, in the order in which it was recorded (UTC):',
    ...entries.map(lineOf),
    ...(entries.length === ENTRIES_LIMIT ? [`  … only the first ${ENTRIES_LIMIT} are shown`] : []),
  ].join('\n')
}

function lineOf({ index, kind, source, occurred_at, intent, clerk_status }: Entry): string {
  const more = [intent && `intent ${intent}`, clerk_status && `status ${clerk_status}`].filter(Boolean)
  const at = rfc3339(occurred_at) ?? 'at no date'
  return `  ${at}  ${kind}  by ${source}, entry ${index}${more.length > 0 ? ` (${more.join(', ')})` : ''}`
}
