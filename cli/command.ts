/** A command: what `--help` says of it, and what it does. */
import { defineCommand, type ArgsDef, type CommandDef } from 'citty'
import { plainly, refuseUnfit } from './strict.ts'

export interface Help {
  name: string
  /** A sentence, for the list of commands. */
  summary: string
  /** What else there is to know, in sentences. */
  more: string
  args: ArgsDef
  exitCodes: { 0: string; 1: string }
  /** Lines that can be copied. */
  examples: readonly Example[]
}

export interface Example {
  line: string
  does: string
}

export interface Command extends Help {
  /** For citty. */
  definition: CommandDef
}

interface Given extends Help {
  /** What to do instead of what is not known here. */
  hint: string
  run: (args: Record<string, unknown>) => void | Promise<void>
}

export function commandOf({ hint, run, ...help }: Given): Command {
  const { name, summary, args } = help
  const definition = defineCommand({
    meta: { name, description: summary },
    args,
    run: (given) =>
      plainly(() => {
        refuseUnfit({ rawArgs: given.rawArgs, args, hint })
        return run(given.args)
      }),
  })
  return { ...help, definition }
}

/** Ends the sentence about exit code 1 of what only reads. */
export const OR_OUTPUT = 'or the output was closed (as by head) or full.'
