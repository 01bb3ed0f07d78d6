/** `logout-trail <command>`: starts the service, and works beside it. */
import { defineCommand, runMain } from 'citty'
import { version } from '../api/version.ts'
import { backupCommand } from './backup.ts'
import { coverageCommand } from './coverage.ts'
import { doctorCommand } from './doctor.ts'
import { loadEnvFile } from './env-file.ts'
import { rebuildCommand } from './rebuild.ts'
import { exportCommand } from './export.ts'
import { sessionsCommand } from './sessions.ts'
import { showCommand } from './show.ts'
import { startCommand } from './start.ts'
import { statsCommand } from './stats.ts'

// What is written here names people: the files are for their own user only.
process.umask(0o077)
loadEnvFile()

await runMain(
  defineCommand({
    meta: {
      name: 'logout-trail',
      version,
      description:
        'The logout endpoint for apps that sign in with Clerk. Settings are variables of the environment or of .env: PORT, DATABASE_URL, CLERK_PUBLISHABLE_KEY, … (.env.example explains each).',
    },
    subCommands: {
      start: startCommand,
      sessions: sessionsCommand,
      show: showCommand,
      export: exportCommand,
      stats: statsCommand,
      coverage: coverageCommand,
      doctor: doctorCommand,
      rebuild: rebuildCommand,
      backup: backupCommand,
    },
  }),
)
