/** `logout-trail <command>`: starts the service, and works beside it. */
import { stripVTControlCharacters } from 'node:util'
import { defineCommand, runCommand } from 'citty'
import { version } from '../api/version.ts'
import { backupCommand } from './backup.ts'
import type { Help } from './command.ts'
import { coverageCommand } from './coverage.ts'
import { doctorCommand } from './doctor.ts'
import { loadEnvFile } from './env-file.ts'
import { exportCommand } from './export.ts'
import { helpOfCommand, helpOfProgram, paperOf } from './help.ts'
import { migrateCommand } from './migrate.ts'
import { rebuildCommand } from './rebuild.ts'
import { sessionsCommand } from './sessions.ts'
import { showCommand } from './show.ts'
import { startCommand } from './start.ts'
import { statsCommand } from './stats.ts'
import { plainly, UsageError } from './strict.ts'
import { sayOut } from './write-out.ts'

const commands = [
  startCommand,
  sessionsCommand,
  showCommand,
  exportCommand,
  statsCommand,
  coverageCommand,
  doctorCommand,
  migrateCommand,
  rebuildCommand,
  backupCommand,
]

const program: Help = {
  name: 'logout-trail',
  summary: 'The logout endpoint for apps that sign in with Clerk, and a record of how every session ended.',
  more: 'Settings are variables of the environment or of .env: PORT, DATABASE_URL, CLERK_PUBLISHABLE_KEY, … (.env.example explains each).',
  args: {},
  exitCodes: {
    0: 'It did what it says.',
    1: 'It did not, and says why; or the output was closed (as by head) or full. The help of a command says more.',
  },
  examples: [
    { line: 'logout-trail start', does: 'Starts the service; without settings in development mode.' },
    { line: 'logout-trail sessions --help', does: 'Says how to find sessions.' },
  ],
}

const definition = defineCommand({
  subCommands: Object.fromEntries(commands.map(({ name, definition }) => [name, definition])),
})

// What is written here names people: the files are for their own user only.
process.umask(0o077)
loadEnvFile()
await plainly(() => run(process.argv.slice(2)))

async function run(args: string[]): Promise<void> {
  if (args.some((arg) => arg === '--help' || arg === '-h')) await sayOut(helpFor(args))
  else if (args.length === 1 && (args[0] === '--version' || args[0] === '-v')) await sayOut(version)
  else await runOrTeach(args)
}

function helpFor(args: readonly string[]): string {
  const name = args.find((arg) => !arg.startsWith('-'))
  const command = commands.find((one) => one.name === name)
  const paper = paperOf(process.stdout)
  return command ? helpOfCommand(command, paper) : helpOfProgram(program, commands, paper)
}

/** What citty does not take is answered with help, and a message below it. */
async function runOrTeach(rawArgs: string[]): Promise<void> {
  try {
    await runCommand(definition, { rawArgs })
  } catch (error) {
    if (!(error instanceof Error && error.name === 'CLIError')) throw error
    await sayOut(`${helpFor(rawArgs)}\n`)
    throw new UsageError(stripVTControlCharacters(error.message), { cause: error })
  }
}
