/** Arguments that a command does not know are mistakes, and are said to be: nobody should think that `--port` worked. */

export interface Known {
  options: readonly string[]
  positionals: number
  /** What to do instead. */
  hint: string
}

/** Says what is not known and sets exit code 1. */
export function refuseUnknown(
  args: Record<string, unknown> & { _: string[] },
  known: Known,
): 'refused' | 'fine' {
  const options = Object.keys(args).filter((name) => name !== '_' && !known.options.includes(name))
  const unknown = [...options.map((name) => `--${name}`), ...args._.slice(known.positionals)]
  if (unknown.length === 0) return 'fine'
  console.error(`Not known here: ${unknown.join(' ')}. ${known.hint}`)
  process.exitCode = 1
  return 'refused'
}
