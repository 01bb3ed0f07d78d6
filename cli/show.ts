import { defineCommand } from 'citty'
import { readTrailPath } from '../api/config.ts'
import { rfc3339, sessionJson } from '../api/session-json.ts'
import { ENTRIES_LIMIT, ViewsReader } from '../session-ends/views-reader.ts'
import { viewsPathOf } from '../session-ends/views-schema.ts'
import type { Entry } from '../trail/entry.ts'
import { openSqliteReader } from '../trail/stores/sqlite-reader.ts'
import { sayBehind } from './behind.ts'
import { runStrictly } from './strict.ts'

const known = {
  options: ['session_id', 'json'],
  positionals: 1,
  hint: 'show takes one session id and --json.',
}

export const showCommand = defineCommand({
  meta: {
    name: 'show',
    description:
      'Show how a session ended, and the entries that say so, also while the service runs. Exit code 0: found; 1: nothing is known of it, or it cannot be read.',
  },
  args: {
    session_id: { type: 'positional', required: true, description: 'Clerk’s id, sess_…' },
    json: { type: 'boolean', description: 'For programs: the JSON of GET /v1/sessions/{session_id}.' },
  },
  run: ({ args }) => runStrictly(args, known, () => show(args.session_id, args.json ? 'json' : 'text')),
})

async function show(id: string, as: 'json' | 'text'): Promise<void> {
  const path = readTrailPath()
  const trail = openSqliteReader(path)
  const views = new ViewsReader(viewsPathOf(path))
  try {
    const known = views.position()?.nextIndex ?? 0
    const behind = (await trail.head()).nextIndex - known
    sayBehind(behind)
    const found = views.session(id, Date.now())
    if (!found) {
      console.error(
        behind > 0
          ? `Of the first ${known} entries of ${path} none is about ${id}.`
          : `No entry of ${path} is about ${id}.`,
      )
      process.exitCode = 1
      return
    }
    const entries = await trail.at(found.indexes)
    const record = sessionJson(found.record)
    console.log(as === 'json' ? JSON.stringify({ ...record, entries }) : textOf(record, entries))
  } finally {
    views.close()
    trail.close()
  }
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
