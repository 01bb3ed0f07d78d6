/** What a check says. */

export const states = ['fine', 'warning', 'wrong', 'info'] as const
/** `info`: worth to see, and neither good nor bad. */
export type State = (typeof states)[number]

export interface Verdict {
  state: State
  found: string
  /** What to do about it; may have several lines. Null: nothing. */
  fix: string | null
}

export interface Check extends Verdict {
  name: string
}

export const fine = (found: string): Verdict => ({ state: 'fine', found, fix: null })
export const info = (found: string, fix: string | null = null): Verdict => ({ state: 'info', found, fix })
export const warning = (found: string, fix: string): Verdict => ({ state: 'warning', found, fix })
export const wrong = (found: string, fix: string): Verdict => ({ state: 'wrong', found, fix })
