import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { before, describe, it } from 'node:test'
import { history } from '../examples/demo/history.ts'
import { ROOT } from '../test/documents.ts'
import { finished, runCli, temporaryFolder } from '../test/service.ts'
import { trailOf, type TestTrail } from '../test/views.ts'
import { backupCommand } from './backup.ts'
import { coverageCommand } from './coverage.ts'
import { doctorCommand } from './doctor.ts'
import { exportCommand } from './export.ts'
import { helpOfCommand } from './help.ts'
import { rebuildCommand } from './rebuild.ts'
import { sessionsCommand } from './sessions.ts'
import { showCommand } from './show.ts'
import { startCommand } from './start.ts'

const commands = [
  startCommand,
  sessionsCommand,
  showCommand,
  exportCommand,
  coverageCommand,
  doctorCommand,
  rebuildCommand,
  backupCommand,
]

const paperOf = (columns: number) => ({ columns, heading: (text: string) => text })

let trail: TestTrail
let folder: string
/** Without a trail: that of the examples is of no instance that doctor would be content with. */
const elsewhere = temporaryFolder()
before(async () => {
  trail = await trailOf(history({ until: Date.UTC(2026, 10, 20, 12), days: 10, sessionsADay: 20 }))
  await trail.close()
  folder = dirname(trail.path)
  const shim = `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, 'cli/main.ts')}' "$@"\n`
  writeFileSync(join(folder, 'logout-trail'), shim, { mode: 0o755 })
})

describe('--help of a command', () => {
  it('has usage, arguments, options with defaults, exit codes on lines of their own, and examples', () => {
    assert.equal(
      helpOfCommand(showCommand, paperOf(60)),
      `Usage  logout-trail show <session_id> [options]

Show how one session ended, and the entries that say so. It
may run beside the service.

Arguments
  <session_id>  Clerk’s id of the session, sess_…

Options
  --json      For programs: the JSON of GET
              /v1/sessions/{session_id}.
  -h, --help  This text.

Exit codes
  0  Found.
  1  Nothing is known of it, it cannot be read, or the
     output was closed (as by head) or full.

Examples
  logout-trail show sess_2abc
      A sentence that says how it ended, the facts, and what
      was told.
  logout-trail show sess_2abc --json > session.json
      The same, for a program.`,
    )
    assert.match(
      helpOfCommand(sessionsCommand, paperOf(100)),
      /^ {2}--limit <number> {11}How many, from 1 to 1000\. Default: 20\.$/m,
    )
  })

  it('is as wide as the paper', () => {
    for (const command of commands) {
      for (const columns of [60, 80, 100]) {
        for (const line of helpOfCommand(command, paperOf(columns)).split('\n'))
          assert.ok(line.length <= columns, `${columns}: ${line}`)
      }
    }
  })

  it('explains every option that the command takes', () => {
    for (const command of commands) {
      for (const [name, { description = '' }] of Object.entries(command.args)) {
        assert.ok(helpOfCommand(command, paperOf(80)).includes(name), name)
        assert.notEqual(description, '', name)
      }
    }
  })

  it('has two examples, which work as they stand', async () => {
    for (const command of commands) {
      assert.equal(command.examples.length, 2, command.name)
      if (command !== startCommand) for (const { line } of command.examples) await works(line)
    }
    assert.deepEqual(
      ['session.json', 'coverage.json', 'sessions.csv'].filter((name) => !readdirSync(folder).includes(name)),
      [],
    )
  })

  it('writes no colours into pipes, and wraps at 80 columns there', async () => {
    for (const args of [['--help'], ['-h'], ['export', '--help'], []]) {
      const { stdout } = await finished(runCli(args))
      assert.ok(!stdout.includes('\u001B'), args.join(' '))
      assert.match(stdout, /^Usage {2}logout-trail/)
      for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line)
    }
  })

  it(
    'colours its headings on a terminal, and not with NO_COLOR',
    { skip: process.platform !== 'linux' },
    async () => {
      const onTerminal = async (env: Record<string, string>) => {
        const script = 'command="$*"; exec script -qec "$command" /dev/null'
        const child = runCli(['show', '--help'], {
          env: { TERM: 'xterm-256color', ...env },
          under: ['sh', '-c', script, 'sh'],
        })
        return (await finished(child)).stdout
      }
      assert.ok((await onTerminal({})).startsWith('\u001B[1mUsage\u001B[22m  logout-trail show'))
      assert.ok((await onTerminal({ NO_COLOR: '1' })).startsWith('Usage  logout-trail show'))
    },
  )
})

describe('logout-trail without a command, or with one that it does not have,', () => {
  it('lists the commands, says what is missing below, and exits with 1', async () => {
    for (const [args, message] of [
      [[], 'No command specified.\n'],
      [['restart'], 'Unknown command restart\n'],
    ] as const) {
      const { code, stdout, stderr } = await finished(runCli([...args]))
      assert.deepEqual([code, stderr], [1, message])
      for (const { name, summary } of commands)
        assert.ok(stdout.includes(`  ${name.padEnd(8)}  ${summary}\n`))
    }
  })

  it('shows how a command is used when its argument is missing', async () => {
    const { code, stdout, stderr } = await finished(runCli(['show']))
    assert.deepEqual([code, stderr], [1, 'Missing required positional argument: SESSION_ID\n'])
    assert.match(stdout, /^Usage {2}logout-trail show <session_id>/)
  })
})

async function works(line: string): Promise<void> {
  const known = line.replace('sess_2abc', 'sess_seeded000001')
  const child = runCli([], {
    folder: line.includes('doctor') ? elsewhere : folder,
    env: {
      PATH: `${folder}:${String(process.env['PATH'])}`,
      DATABASE_URL: 'file:trail.db',
    },
    under: ['sh', '-c', known],
  })
  const { code, stderr } = await finished(child)
  assert.equal(code, 0, `${line}: ${stderr}`)
}
