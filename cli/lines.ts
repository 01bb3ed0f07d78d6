/** Lines of text for people, as wide as their terminal. */

const WIDEST = 100
const NARROWEST = 60
/** Where there is no terminal. */
const USUAL = 80

/** Characters in a line of this stream. */
export function columnsOf({ columns = USUAL }: { columns?: number }): number {
  return Math.max(NARROWEST, Math.min(WIDEST, columns))
}

/** At spaces; a word that is longer than a line stays whole, so that it can be copied. */
export function wrapped(text: string, room: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
