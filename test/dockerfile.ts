/** What Dockerfile and .dockerignore say, read by a parser that editors use; no expansions but those of ARG in FROM. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Copy, DockerfileParser, Env, Healthcheck, JSONInstruction, type Instruction } from 'dockerfile-ast'
import { read, ROOT } from './documents.ts'

export interface Stage {
  /** Null: the last one, which is the image. */
  name: string | null
  /** With its tag, and a digest where it is pinned. */
  base: string
  instructions: Step[]
}

export type Step =
  | WithText<'WORKDIR' | 'USER' | 'VOLUME' | 'EXPOSE' | 'RUN'>
  | { does: 'ENV'; variables: Record<string, string> }
  | { does: 'COPY'; sources: string[]; to: string; from: string | null }
  | { does: 'ENTRYPOINT' | 'CMD' | 'HEALTHCHECK'; command: string[]; flags: Record<string, string> }

/** One type for each word, so that the word tells the type. */
type WithText<Word extends string> = Word extends string ? { does: Word; text: string } : never

/** @throws {Error} at an instruction that is not among those above, and at a command in shell form. */
export function stagesOf(dockerfile = read('Dockerfile')): Stage[] {
  const parsed = DockerfileParser.parse(dockerfile)
  const presets = Object.fromEntries(
    parsed.getInitialARGs().map((arg) => [arg.getProperty()?.getName(), arg.getProperty()?.getValue() ?? '']),
  )
  const froms = parsed.getFROMs()
  return froms.map((from, at) => {
    const line = from.getRange().start.line
    const nextLine = froms[at + 1]?.getRange().start.line ?? Infinity
    return {
      name: from.getBuildStage(),
      base: (from.getImage() ?? '').replace(/\$\{(\w+)\}/, (_, name: string) => presets[name] ?? ''),
      instructions: parsed
        .getInstructions()
        .filter((instruction) => isBetween(instruction.getRange().start.line, line, nextLine))
        .map(stepOf),
    }
  })
}

function isBetween(line: number, above: number, below: number): boolean {
  return line > above && line < below
}

function stepOf(instruction: Instruction): Step {
  const does = instruction.getInstruction()
  const text = instruction.getArgumentsContent() ?? ''
  if (instruction instanceof Env) {
    const pairs = instruction.getProperties().map((one) => [one.getName(), one.getValue() ?? ''])
    return { does: 'ENV', variables: Object.fromEntries(pairs) as Record<string, string> }
  }
  if (instruction instanceof Copy) {
    const paths = instruction.getArguments().map((argument) => argument.getValue())
    return {
      does: 'COPY',
      sources: paths.slice(0, -1),
      to: paths.at(-1) ?? '',
      from: flagsOf(instruction)['from'] ?? null,
    }
  }
  if (does === 'ENTRYPOINT' || does === 'CMD' || does === 'HEALTHCHECK') {
    const command = JSON.parse(text.replace(/^CMD /, '')) as string[]
    return { does, command, flags: flagsOf(instruction) }
  }
  if (does === 'WORKDIR' || does === 'USER' || does === 'VOLUME' || does === 'EXPOSE' || does === 'RUN') {
    return { does, text }
  }
  throw new Error(`${does}: what this does is not known here.`)
}

function flagsOf(instruction: Instruction): Record<string, string> {
  if (!(instruction instanceof JSONInstruction || instruction instanceof Healthcheck)) return {}
  return Object.fromEntries(instruction.getFlags().map((flag) => [flag.getName(), flag.getValue() ?? '']))
}

/** Whether .dockerignore keeps a path out: the last line that matches it, or a folder it lies in, decides. */
export function isIgnored(path: string, ignore = read('.dockerignore')): boolean {
  const above = path.split('/').map((_, at, parts) => parts.slice(0, at + 1).join('/'))
  const lines = ignore.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const last = lines.findLast((line) =>
    above.some((folder) => matcherOf(line.replace(/^!/, '')).test(folder)),
  )
  return last !== undefined && !last.startsWith('!')
}

function matcherOf(pattern: string): RegExp {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('**/', '\0')
    .replaceAll('*', '[^/]*')
    .replaceAll('\0', '(.*/)?')
  return new RegExp(`^${source}$`)
}

/** Every file of this folder that a build can see, without what npm and git put there. */
export function contextFiles(): string[] {
  const top = readdirSync(ROOT).filter((name) => !['node_modules', '.git'].includes(name))
  const files = top.flatMap((name) => filesUnder(name))
  return files.filter((path) => !isIgnored(path))
}

function filesUnder(path: string): string[] {
  // A folder that is left out by its name is not walked.
  if (isIgnored(path)) return []
  const entries = namesIn(path)
  return entries ? entries.flatMap((name) => filesUnder(join(path, name))) : [path]
}

/** The names in a folder; null: it is a file. */
function namesIn(path: string): string[] | null {
  try {
    return readdirSync(join(ROOT, path))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return null
    throw error
  }
}
