/**
 * How each command is run. Arguments that it does not know are mistakes, and are said to be: nobody should think that `--port`
 * worked.
 */
import { ConfigError } from '../api/config.ts'
import { TrailError } from '../trail/error.ts'

/** A value of an option that cannot be. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export interface Known {
  options: readonly string[]
  positionals: number
  /** What to do instead. */
  hint: string
}

/** What people can mend is one plain message and exit code 1. */
export async function runStrictly(
  args: Parsed,
  known: Known,
  run: () => void | Promise<void>,
): Promise<void> {
  if (refuseUnknown(args, known) === 'refused') return
  try {
    await run()
  } catch (error) {
    if (!(error instanceof TrailError || error instanceof ConfigError || error instanceof UsageError))
      throw error
    console.error(error.message)
    process.exitCode = 1
  }
}

type Parsed = Record<string, unknown> & { _: string[] }

/** Says what is not known and sets exit code 1. */
function refuseUnknown(args: Parsed, known: Known): 'refused' | 'fine' {
  const options = Object.keys(args).filter((name) => name !== '_' && !known.options.includes(name))
  const unknown = [...options.map((name) => `--${name}`), ...args._.slice(known.positionals)]
  if (unknown.length === 0) return 'fine'
  console.error(`Not known here: ${unknown.join(' ')}. ${known.hint}`)
  process.exitCode = 1
  return 'refused'
}
