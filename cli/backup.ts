import { defineCommand } from 'citty'
import { readTrailPath } from '../api/config.ts'
import { backupTrail } from '../trail/stores/sqlite-backup.ts'
import { runStrictly } from './strict.ts'

const known = { options: ['file'], positionals: 1, hint: 'backup takes one file and no options.' }

export const backupCommand = defineCommand({
  meta: {
    name: 'backup',
    description:
      'Copy the trail of DATABASE_URL to a new file, also while the service runs. Exit code 0: the copy is whole and on disk; 1: there is none.',
  },
  args: {
    file: { type: 'positional', required: true, description: 'The file to write; it must not exist yet.' },
  },
  run: ({ args }) => runStrictly(args, known, () => backup(args.file)),
})

async function backup(file: string): Promise<void> {
  const path = readTrailPath()
  if (process.stderr.isTTY) console.error(`Copying ${path} …`)
  const { head, bytes } = await backupTrail(path, file)
  const size = `${(bytes / 1e6).toFixed(1)} MB`
  console.log(`${file}: ${head.nextIndex} entries, ${size}, trail ${head.trailId} of ${head.issuer}`)
}
