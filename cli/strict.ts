/**
 * How each command is run. Arguments that it does not know, that are given twice or that lack their value are mistakes, and are
 * said to be: nobody should think that `--port` worked, or that both of two users were asked for.
 */
import { parseArgs } from 'node:util'
import type { ArgsDef } from 'citty'
import { ConfigError } from '../api/config.ts'
import { TrailError } from '../trail/error.ts'
import { OutputClosed, OutputError } from './write-out.ts'

/** Arguments that cannot be. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** What people can mend is one plain message, and exit code 1. Closed output is exit code 1 alone. */
export async function plainly(run: () => void | Promise<void>): Promise<void> {
  try {
    await run()
  } catch (error) {
    process.exitCode = 1
    if (error instanceof OutputClosed) return
    if (!isPlain(error)) throw error
    console.error(error.message)
  }
}

function isPlain(error: unknown): error is Error {
  return [TrailError, ConfigError, UsageError, OutputError].some((known) => error instanceof known)
}

export interface Given {
  /** As they were typed, behind the name of the command. */
  rawArgs: string[]
  args: ArgsDef
  /** What to do instead of what is not known. */
  hint: string
}

/** @throws {UsageError} naming what does not fit. */
export function refuseUnfit({ rawArgs, args, hint }: Given): void {
  const options = typesOf(args)
  const { tokens } = parseArgs({
    args: rawArgs,
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const given = tokens.filter((token) => token.kind === 'option')
  refuseEmpty(given, args)
  refuseRepeated(given)
  const room = Object.values(args).filter(({ type }) => type === 'positional').length
  const tooMany = tokens.filter((token) => token.kind === 'positional').slice(room)
  const strange = given.filter(({ name }) => !Object.hasOwn(options, name))
  const unknown = [...strange, ...tooMany].toSorted((a, b) => a.index - b.index)
  if (unknown.length === 0) return
  const names = unknown.map((token) => (token.kind === 'option' ? token.rawName : token.value))
  throw new UsageError(`Not known here: ${names.join(' ')}. ${hint}`)
}

/** Both ways in which citty takes a name: `user-id` and `userId`. */
function typesOf(args: ArgsDef): Record<string, { type: 'string' | 'boolean' }> {
  const options = Object.entries(args).filter(([, { type }]) => type !== 'positional')
  const types = options.flatMap(([name, { type }]) => {
    const own = { type: type === 'boolean' ? ('boolean' as const) : ('string' as const) }
    return [
      [name, own],
      [name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()), own],
    ]
  })
  return Object.fromEntries(types) as Record<string, { type: 'string' | 'boolean' }>
}

interface Option {
  name: string
  rawName: string
  value?: string | undefined
  inlineValue?: boolean | undefined
}

const dashed = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

function refuseRepeated(options: readonly Option[]): void {
  const seen = new Set<string>()
  for (const { name, rawName } of options) {
    if (seen.has(dashed(name))) throw new UsageError(`${rawName} is given twice; give it once.`)
    seen.add(dashed(name))
  }
}

/** The next option is no value: a file of the name `--format` is meant by `--out=--format` only. */
function refuseEmpty(options: readonly Option[], args: ArgsDef): void {
  for (const { name, rawName, value = '', inlineValue } of options) {
    const arg = args[dashed(name)]
    if (arg?.type !== 'string') continue
    if (value !== '' && (inlineValue === true || !/^-./.test(value))) continue
    throw new UsageError(`${rawName} has no value; give it one, as in ${rawName} <${valueOf(arg)}>.`)
  }
}

/** What stands for the value in help and messages. */
export function valueOf({ valueHint }: { valueHint?: string }): string {
  return valueHint ?? 'value'
}
