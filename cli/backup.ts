import { backupTrail } from '../trail/stores/sqlite-backup.ts'
import { commandOf, OR_OUTPUT } from './command.ts'
import { readTrailFile } from './file-trail.ts'
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
  const path = readTrailFile('copy it with pg_dump, or with the backups of the server (docs/OPERATE.md).')
  if (process.stderr.isTTY) console.error(`Copying ${path} …`)
  const { head, bytes } = await backupTrail(path, file)
  const size = `${(bytes / 1e6).toFixed(1)} MB`
  await sayOut(`${file}: ${head.nextIndex} entries, ${size}, trail ${head.trailId} of ${head.issuer}`)
}
