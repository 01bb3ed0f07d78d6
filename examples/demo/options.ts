/** What `npm run demo` is asked for. */
import { parseArgs } from 'node:util'
import type { Ports } from './ports.ts'

export const HELP = `npm run demo [-- options]: Logout Trail in a real Next.js app, without an account anywhere

  --port <n>            of the app (3000)
  --service-port <n>    of Logout Trail's service (8787)
  --stand-in-port <n>   of the stand-in for Clerk (4012)
  --days <n>            of invented history in a new trail (30; 0: none)
  --reset               begin with a new trail
  --help

The first time it builds what is missing. Ctrl-C ends everything it started.`

export interface DemoOptions {
  ports: Ports
  days: number
  reset: boolean
}

function text(given: string) {
  return { type: 'string' as const, default: given }
}

/** @throws {Error} naming the option that is wrong. */
export function readOptions(args: string[]): DemoOptions | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      port: text('3000'),
      'service-port': text('8787'),
      'stand-in-port': text('4012'),
      days: text('30'),
      reset: { type: 'boolean', default: false },
      help: { type: 'boolean' },
    },
  })
  if (values.help) return 'help'
  const number = (
    name: 'port' | 'service-port' | 'stand-in-port' | 'days',
    [least, most]: [number, number],
  ) => {
    const value = Number(values[name])
    if (values[name] !== '' && Number.isInteger(value) && value >= least && value <= most) return value
    throw new Error(
      `--${name} must be a whole number from ${least} to ${most}, and not ${values[name] || 'empty'}.`,
    )
  }
  const port = (name: 'port' | 'service-port' | 'stand-in-port') => number(name, [1, 65_535])
  const ports = { app: port('port'), service: port('service-port'), standIn: port('stand-in-port') }
  if (new Set(Object.values(ports)).size < 3)
    throw new Error('--port, --service-port and --stand-in-port must be three different ports.')
  return {
    ports,
    days: number('days', [0, 365]),
    reset: values.reset,
  }
}
