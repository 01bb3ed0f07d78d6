import { readDatabase } from '../api/config.ts'
import { backupTrail } from '../trail/stores/sqlite-backup.ts'
import { commandOf, OR_OUTPUT } from './command.ts'
import { UsageError } from './strict.ts'
import { sayOut } from './write-out.ts'

export const backupCommand = commandOf({
  name: 'backup',
  summary: 'Copy the trail to a new file.',
  more: 'Of a file; for PostgreSQL it says what to run instead. It may run beside the service. The copy has its name only once it is whole and on disk. docs/OPERATE.md says how to restore it.',
  args: {
    file: { type: 'positional', required: true, description: 'The file to write; it must not exist yet.' },
  },
  hint: 'backup takes one file and no options.',
  exitCodes: { 0: 'The copy is whole and on disk.', 1: `There is none, ${OR_OUTPUT}` },
  examples: [
    { line: 'logout-trail backup trail-2026-11-23.db', does: 'Copies the trail into this folder.' },
    {
      line: 'logout-trail backup "trail-$(date +%F).db"',
      does: 'The same under the date of today, as for a job of every night.',
    },
  ],
  run: ({ file }) => backup(String(file)),
})

async function backup(file: string): Promise<void> {
  const database = readDatabase()
  if (database.engine === 'postgres') throw new UsageError(insteadOf({ url: database.url, file }))
  const { path } = database
  if (process.stderr.isTTY) console.error(`Copying ${path} …`)
  const { head, bytes } = await backupTrail(path, file)
  const size = `${(bytes / 1e6).toFixed(1)} MB`
  await sayOut(`${file}: ${head.nextIndex} entries, ${size}, trail ${head.trailId} of ${head.issuer}`)
}

/** The session records are made from the trail, and need no backup. */
function insteadOf({ url, file }: { url: string; file: string }): string {
  return [
    'The trail is in PostgreSQL, and nothing was copied. Its server has backups of its own; the trail alone is copied, beside the services, by',
    '',
    `  pg_dump --schema=logout_trail --format=custom --file=${quoted(file)} --dbname=${quoted(forPgDump(url))}`,
    '',
    'It takes the password from PGPASSWORD or from ~/.pgpass, and else asks for it. docs/OPERATE.md says how to restore it.',
  ].join('\n')
}

/** What PostgreSQL's own programs know too; others of `pg` they refuse. */
const KNOWN_TO_BOTH = new Set(['host', 'port', 'user', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey'])

/** Without the password, wherever it stands. */
function forPgDump(url: string): string {
  const address = new URL(url)
  address.password = ''
  const kept = [...address.searchParams].filter(
    ([name, value]) => KNOWN_TO_BOTH.has(name) && value !== 'no-verify',
  )
  address.search = new URLSearchParams(kept).toString()
  return address.href
}

/** For a POSIX shell. */
function quoted(word: string): string {
  return /^[\w./:@-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
