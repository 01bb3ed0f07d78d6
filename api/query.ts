/** Query strings, read strictly: each name is known and stands at most once, and each value is of its kind. */
import { problem, type ProblemCode } from './problem.ts'

export interface Refused {
  refused: Extract<ProblemCode, 'invalid-request' | 'unknown-filter' | 'invalid-cursor'>
  /** One sentence that says what to do; it may repeat a name that was sent, and no value. */
  detail: string
}

export function isRefused(value: object): value is Refused {
  return 'refused' in value
}

export function refuse({ refused, detail }: Refused): Response {
  return problem(refused, detail)
}

export function invalid(detail: string): Refused {
  return { refused: 'invalid-request', detail }
}

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

export function wordOf<Word extends string>(words: readonly Word[]): Parameter<Word> {
  return { parse: (text) => words.find((one) => one === text), accepts: `one of ${words.join(', ')}` }
}

type Parameters = Record<string, Parameter<unknown>>

/** What is not given is absent. */
export type Values<P extends Parameters> = {
  [Name in keyof P]?: P[Name] extends Parameter<infer T> ? T : never
}

/** The values of a URL's query. Refused: `unknown-filter` for a name, `invalid-request` for a value. */
export function queryOf<P extends Parameters>(url: string, parameters: P): Values<P> | Refused {
  const given: Record<string, string> = {}
  for (const [name, text] of new URL(url).searchParams) {
    if (!Object.hasOwn(parameters, name)) return unknownFilter(name, Object.keys(parameters))
    if (Object.hasOwn(given, name)) return invalid(`${name} is given twice; give it once.`)
    given[name] = text
  }
  return valuesOf(given, parameters)
}

/** The values of texts whose names are known. */
export function valuesOf<P extends Parameters>(
  given: { [Name in keyof P]?: string },
  parameters: P,
): Values<P> | Refused {
  const values: Record<string, unknown> = {}
  for (const [name, parameter] of Object.entries(parameters)) {
    const text = given[name]
    if (text === undefined) continue
    const read = valueOf(name, text, parameter)
    if (isRefused(read)) return read
    values[name] = read.value
  }
  return values as Values<P>
}

/** One value that may come from elsewhere too, as from a header. */
export function valueOf<T>(
  name: string,
  text: string,
  { parse, accepts }: Parameter<T>,
): { value: T } | Refused {
  if (text === '') return invalid(`${name} is empty; it must be ${accepts}.`)
  const value = parse(text)
  return value === undefined ? invalid(`${name} must be ${accepts}.`) : { value }
}

const PLAIN_NAME = /^[\w.-]{1,64}$/

/** What a caller made up is repeated only when it looks like a name. */
function unknownFilter(name: string, known: string[]): Refused {
  const unknown = PLAIN_NAME.test(name) ? `“${name}”` : 'parameter of that name'
  return { refused: 'unknown-filter', detail: `There is no ${unknown} here; there are ${known.join(', ')}.` }
}
