import { defineCommand } from 'citty'
import { checksOf } from './doctor/checks.ts'
import { gatherFacts } from './doctor/facts.ts'
import { paperOf, textOf } from './doctor/print.ts'
import { runStrictly } from './strict.ts'

const known = { options: ['json'], positionals: 0, hint: 'doctor takes --json only.' }

export const doctorCommand = defineCommand({
  meta: {
    name: 'doctor',
    description:
      'Check the settings, Clerk’s keys and webhooks, the trail and its disk, beside a running service or without one, and say what to do. It changes nothing. Exit code 0: nothing is wrong (there may be warnings); 1: something is.',
  },
  args: {
    json: { type: 'boolean', description: 'For programs: {"checks":[{"name","state","found","fix"}]}.' },
  },
  run: ({ args }) => runStrictly(args, known, () => doctor(args.json ? 'json' : 'text')),
})

async function doctor(as: 'json' | 'text'): Promise<void> {
  const asking = as === 'text' && process.stderr.isTTY
  if (asking) process.stderr.write('Asking Clerk, and reading the trail …')
  const checks = checksOf(await gatherFacts(Date.now))
  if (asking) process.stderr.write('\r\u001B[K')
  const text = as === 'json' ? JSON.stringify({ checks }) : textOf(checks, paperOf(process.stdout))
  await new Promise((resolve) => process.stdout.write(`${text}\n`, resolve))
  // At once: a request of Clerk's package that nobody answers would hold the process for minutes.
  process.exit(checks.some(({ state }) => state === 'wrong') ? 1 : 0)
}
