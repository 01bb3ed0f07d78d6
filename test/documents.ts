/** The documents of this repository, and the code in them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '..')

export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** The blocks of one language in a document, also those in a list, without what a list indents them by. */
export function blocksOf(path: string, language: string): string[] {
  const blocks = [...read(path).matchAll(/^( *)```(\w*)\n([\s\S]*?)^\1```$/gm)]
  return blocks
    .filter((block) => block[2] === language)
    .map(([, indent = '', , code = '']) => code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''))
}

/** The one block of a language that has this in it. */
export function blockWith(path: string, language: string, text: string): string {
  const [block, ...others] = blocksOf(path, language).filter((code) => code.includes(text))
  if (block === undefined || others.length > 0) throw new Error(`${path} must have one block with ${text}`)
  return block
}
