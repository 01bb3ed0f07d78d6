import { ConfigError, readDatabase } from '../api/config.ts'
import { backupTrail } from '../trail/stores/sqlite-backup.ts'
import { commandOf, OR_OUTPUT } from './command.ts'
import { sayOut } from './write-out.ts'

export const backupCommand = commandOf({
  name: 'backup',
  summary: 'Copy the trail to a new file.',
  more: 'It may run beside the service. The copy has its name only once it is whole and on disk. docs/OPERATE.md says how to restore it.',
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
  if (database.engine === 'postgres') throw isOfTheServer(database.url, file)
  const { path } = database
  if (process.stderr.isTTY) console.error(`Copying ${path} …`)
  const { head, bytes } = await backupTrail(path, file)
  const size = `${(bytes / 1e6).toFixed(1)} MB`
  await sayOut(`${file}: ${head.nextIndex} entries, ${size}, trail ${head.trailId} of ${head.issuer}`)
}

function isOfTheServer(url: string, file: string): ConfigError {
  const line = `pg_dump --schema=logout_trail --format=custom --file=${quoted(file)} ${quoted(withoutPassword(url))}`
  const problem = `The trail is in PostgreSQL, where the backups of the server have it too. A copy of it alone: ${line} (the password in PGPASSWORD or ~/.pgpass; docs/OPERATE.md says how to restore it)`
  return new ConfigError([{ variable: 'DATABASE_URL', problem }])
}

function withoutPassword(url: string): string {
  const bare = Object.assign(new URL(url), { password: '' })
  bare.searchParams.delete('password')
  return bare.href
}

/** For a shell. */
function quoted(text: string): string {
  return /^[\w.:/@=-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
