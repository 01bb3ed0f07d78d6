/** The checks for people: a line each, what to do below it, and a sum. */
import { styleText } from 'node:util'
import { columnsOf, wrapped } from '../lines.ts'
import type { Check, State } from './check.ts'

export interface Paper {
  /** Characters in a line. */
  columns: number
  /** Colours it, or not. */
  paint: (state: State | 'dim', text: string) => string
}

const MARKS = { fine: '✔', warning: '!', wrong: '✖', info: '·' } as const satisfies Record<State, string>
const COLOURS = { fine: 'green', warning: 'yellow', wrong: 'red', info: 'dim', dim: 'dim' } as const

/** Of this stream: colours on a terminal only, and not with NO_COLOR. */
export function paperOf(stream: NodeJS.WriteStream): Paper {
  return {
    columns: columnsOf(stream),
    paint: (state, text) => styleText(COLOURS[state], text, { stream }),
  }
}

export function textOf(checks: readonly Check[], paper: Paper): string {
  const width = Math.max(...checks.map(({ name }) => name.length))
  return [...checks.flatMap((check) => linesOf(check, width, paper)), '', sumOf(checks, paper)].join('\n')
}

/** `✔ keys    1 key …`; what is longer goes on below its beginning. */
function linesOf({ name, state, found, fix }: Check, width: number, { columns, paint }: Paper): string[] {
  const margin = ' '.repeat(width + 4)
  const room = columns - margin.length
  const [first = '', ...rest] = wrapped(found, room)
  const fixes = (fix?.split('\n') ?? []).flatMap((line) => {
    const [start, ...more] = wrapped(line, room - 2)
    return [`→ ${start}`, ...more.map((text) => `  ${text}`)]
  })
  return [
    `${paint(state, MARKS[state])} ${name.padEnd(width)}  ${first}`,
    ...rest.map((text) => margin + text),
    ...fixes.map((text) => margin + paint(state === 'info' ? 'dim' : state, text)),
  ]
}

function sumOf(checks: readonly Check[], { paint }: Paper): string {
  const count = (state: State) => checks.filter((check) => check.state === state).length
  const [wrong, warnings] = [count('wrong'), count('warning')]
  const parts = [
    paint(wrong > 0 ? 'wrong' : 'dim', `${wrong} wrong`),
    paint(warnings > 0 ? 'warning' : 'dim', `${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`),
    `${count('fine')} fine`,
    `${count('info')} to know`,
  ]
  return `${checks.length} checks: ${parts.join(', ')}.`
}
