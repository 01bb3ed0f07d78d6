/** Query strings, read strictly: each name is known and stands at most once, and each value is of its kind. */
import { problem } from './problem.ts'

/** One kind of value. */
export interface Parameter<T> {
  /** Undefined when it is not of this kind. */
  parse: (text: string) => T | undefined
  /** Ends the sentence “must be …”. */
  accepts: string
}

export interface Bounds {
  least: number
  most: number
}

/** In decimal, as `String` writes it: `01`, `1e3` and what a number cannot hold exactly are refused. */
export function wholeNumber({ least, most }: Bounds): Parameter<number> {
  return {
    parse: (text) => {
      const value = Number(text)
      return String(value) === text && Number.isInteger(value) && value >= least && value <= most
        ? value
        : undefined
    },
    accepts: `a whole number from ${least} to ${most}`,
  }
}

type Parameters = Record<string, Parameter<unknown>>

/** What is not given is absent. */
type Values<P extends Parameters> = { [Name in keyof P]?: P[Name] extends Parameter<infer T> ? T : never }

/** The values of a URL's query; else a problem: `unknown-filter` for a name, `invalid-request` for a value. */
export function queryOf<P extends Parameters>(
  url: string,
  parameters: P,
): { values: Values<P> } | { problem: Response } {
  const values: Record<string, unknown> = {}
  for (const [name, text] of new URL(url).searchParams) {
    const parameter = Object.hasOwn(parameters, name) ? parameters[name] : undefined
    if (!parameter) return { problem: unknownFilter(name, Object.keys(parameters)) }
    if (Object.hasOwn(values, name)) return { problem: problem('invalid-request', `${name}: give it once.`) }
    const read = valueOf(name, text, parameter)
    if ('problem' in read) return read
    values[name] = read.value
  }
  return { values: values as Values<P> }
}

/** One value that may come from elsewhere too, as from a header; else the problem `invalid-request`. */
export function valueOf<T>(
  name: string,
  text: string,
  { parse, accepts }: Parameter<T>,
): { value: T } | { problem: Response } {
  const value = parse(text)
  if (value !== undefined) return { value }
  return { problem: problem('invalid-request', `${name}: must be ${accepts}.`) }
}

const PLAIN_NAME = /^[\w.-]{1,64}$/

/** What a caller made up is repeated only when it looks like a name. */
function unknownFilter(name: string, known: string[]): Response {
  const unknown = PLAIN_NAME.test(name) ? `“${name}”` : 'parameter of that name'
  return problem('unknown-filter', `There is no ${unknown} here; there are: ${known.join(', ')}.`)
}
