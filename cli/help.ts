/** What `--help` prints. Colours stand on a terminal only, and not with NO_COLOR. */
import { styleText } from 'node:util'
import type { ArgsDef } from 'citty'
import type { Command, Example, Help } from './command.ts'
import { columnsOf, wrapped } from './lines.ts'
import { valueOf } from './strict.ts'

export interface Paper {
  /** Characters in a line. */
  columns: number
  heading: (text: string) => string
}

export function paperOf(stream: NodeJS.WriteStream): Paper {
  return { columns: columnsOf(stream), heading: (text) => styleText('bold', text, { stream }) }
}

const PROGRAM = 'logout-trail'
const HELP: Row = ['-h, --help', 'This text.']

export function helpOfCommand(command: Help, paper: Paper): string {
  const { name, args } = command
  const places = Object.entries(args).filter(([, { type }]) => type === 'positional')
  const usage = [PROGRAM, name, ...places.map(([place]) => `<${place}>`), '[options]'].join(' ')
  const rows = places.map(([place, { description = '' }]): Row => [`<${place}>`, description])
  return textOf(command, { usage, paper, lists: { Arguments: rows, Options: [...optionsOf(args), HELP] } })
}

export function helpOfProgram(program: Help, commands: readonly Command[], paper: Paper): string {
  const usage = `${PROGRAM} <command> [options]`
  const Commands = commands.map(({ name, summary }): Row => [name, summary])
  const Options: Row[] = [
    ['-h, --help', 'This text; behind the name of a command, what is to know of it.'],
    ['-v, --version', 'The version of the package.'],
  ]
  return textOf(program, { usage, paper, lists: { Commands, Options } })
}

/** What is explained, and the explanation. */
type Row = [name: string, meaning: string]

interface Page {
  usage: string
  lists: Record<string, Row[]>
  paper: Paper
}

function textOf({ summary, more, exitCodes, examples }: Help, { usage, lists, paper }: Page): string {
  const about = wrapped(`${summary} ${more}`.trim(), paper.columns)
  const sections = Object.entries({ ...lists, 'Exit codes': Object.entries(exitCodes) })
    .filter(([, rows]) => rows.length > 0)
    .flatMap(([title, rows]) => ['', paper.heading(title), ...listOf(rows, paper.columns)])
  return [
    `${paper.heading('Usage')}  ${usage}`,
    '',
    ...about,
    ...sections,
    '',
    paper.heading('Examples'),
    ...examples.flatMap((example) => exampleOf(example, paper.columns)),
  ].join('\n')
}

function optionsOf(args: ArgsDef): Row[] {
  return Object.entries(args)
    .filter(([, { type }]) => type !== 'positional')
    .map(([name, { type, description = '', default: usual, ...arg }]) => [
      `${name.length === 1 ? '-' : '--'}${name}${type === 'boolean' ? '' : ` <${valueOf(arg)}>`}`,
      usual === undefined ? description : `${description} Default: ${String(usual)}.`,
    ])
}

/** A long meaning goes on below its beginning. */
function listOf(rows: readonly Row[], columns: number): string[] {
  const width = Math.max(...rows.map(([name]) => name.length))
  const margin = ' '.repeat(width + 4)
  return rows.flatMap(([name, meaning]) => {
    const [first = '', ...rest] = wrapped(meaning, columns - margin.length)
    return [`  ${name.padEnd(width)}  ${first}`, ...rest.map((line) => margin + line)]
  })
}

/** The command stays on one line, so that it can be copied. */
function exampleOf({ line, does }: Example, columns: number): string[] {
  return [`  ${line}`, ...wrapped(does, columns - 6).map((text) => `      ${text}`)]
}
