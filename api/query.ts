/** The query of a read: known names, each once, none empty. What is wrong is named, with what there is instead. */
import { problem, type ProblemCode } from './problem.ts'

export interface Refused {
  refused: Extract<ProblemCode, 'invalid-request' | 'unknown-filter' | 'invalid-cursor'>
  /** One sentence; it repeats the names that were sent, and no values. */
  detail: string
}

export function isRefused(value: object): value is Refused {
  return 'refused' in value
}

export function refuse({ refused, detail }: Refused): Response {
  return problem(refused, detail)
}

const NAME_CHARACTERS = 40

export function readQuery<Name extends string>(
  url: string,
  names: readonly Name[],
): Partial<Record<Name, string>> | Refused {
  const given: Partial<Record<Name, string>> = {}
  for (const [name, value] of new URL(url).searchParams) {
    const known = names.find((one) => one === name)
    if (!known) {
      const shown = JSON.stringify(name.slice(0, NAME_CHARACTERS))
      return {
        refused: 'unknown-filter',
        detail: `There is no ${shown} here; there are ${names.join(', ')}.`,
      }
    }
    if (given[known] !== undefined)
      return { refused: 'invalid-request', detail: `${known} is given twice; give it once.` }
    if (value === '')
      return { refused: 'invalid-request', detail: `${known} is empty; give it a value or leave it out.` }
    given[known] = value
  }
  return given
}

/** Null when it is not one, or beyond the bounds. */
export function wholeNumberIn(text: string, { min, max }: { min: number; max: number }): number | null {
  if (!/^-?\d{1,16}$/.test(text)) return null
  const value = Number(text)
  return value >= min && value <= max ? value : null
}
