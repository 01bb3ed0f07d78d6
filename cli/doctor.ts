import { checksOf } from './doctor/checks.ts'
import { gatherFacts } from './doctor/facts.ts'
import { paperOf, textOf } from './doctor/print.ts'
import { commandOf, OR_OUTPUT } from './command.ts'
import { plainly } from './strict.ts'
import { sayOut } from './write-out.ts'

export const doctorCommand = commandOf({
  name: 'doctor',
  summary: 'Say what is off, and what to do about it.',
  more: 'Looks at the settings, Clerk’s keys and webhooks, the trail and its disk, beside a running service or without one, and changes nothing.',
  args: {
    json: { type: 'boolean', description: 'For programs: {"checks":[{"name","state","found","fix"}]}.' },
  },
  hint: 'doctor takes --json only.',
  exitCodes: {
    0: 'Nothing is wrong (there may be warnings).',
    1: `Something is wrong, ${OR_OUTPUT}`,
  },
  examples: [
    { line: 'logout-trail doctor', does: 'A line for each check, and below it what to do.' },
    { line: 'logout-trail doctor --json > doctor.json', does: 'The same, for a program.' },
  ],
  run: async ({ json }) => {
    await plainly(() => doctor(json === true ? 'json' : 'text'))
    // At once: a request of Clerk's package that nobody answers would hold the process for minutes.
    process.exit()
  },
})

async function doctor(as: 'json' | 'text'): Promise<void> {
  const asking = as === 'text' && process.stderr.isTTY
  if (asking) process.stderr.write('Asking Clerk, and reading the trail …')
  const checks = checksOf(await gatherFacts(Date.now))
  if (asking) process.stderr.write('\r\u001B[K')
  await sayOut(as === 'json' ? JSON.stringify({ checks }) : textOf(checks, paperOf(process.stdout)))
  process.exitCode = checks.some(({ state }) => state === 'wrong') ? 1 : 0
}
