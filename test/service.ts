/** The service as its users run it: a process of its own, in a folder of its own, on a free port. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface RunningService extends AsyncDisposable {
  url: string
  process: ChildProcess
  /** The lines of standard output so far. */
  lines: string[]
  folder: string
  /** Waits until a line of standard output matches. */
  line: (pattern: RegExp) => Promise<string>
  /** The exit code, or the signal that ended it. */
  ended: Promise<number | NodeJS.Signals>
}

export interface StartOptions {
  /** Where it runs; by default a new folder, which is removed in the end. */
  folder?: string
  env?: Record<string, string>
  /** The program; by default the sources. */
  main?: string
  /** The user and group it runs as; by default those of the tests. */
  user?: { uid: number; gid: number }
  /** A command that runs the service as its child, or in its own place, with its arguments. */
  under?: readonly string[]
}

const URL_OF_SERVICE = /http:\/\/localhost:\d+/

const MAIN = join(import.meta.dirname, '../cli/main.ts')

/** A new folder, which is gone when the tests of this process have ended. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'logout-trail-'))
  folders.push(folder)
  return folder
}

const folders: string[] = []
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** Runs a command of the CLI with nothing in its environment but `env`. */
export function runCli(
  args: string[],
  { folder = temporaryFolder(), env = {}, main = MAIN, user, under = [] }: StartOptions = {},
): ChildProcess {
  const [command = process.execPath, ...rest] = [...under, process.execPath, main, ...args]
  return spawn(command, rest, {
    ...user,
    cwd: folder,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

export interface Finished {
  code: number | NodeJS.Signals
  stdout: string
  stderr: string
}

/** Runs a command to its end. */
export async function finished(child: ChildProcess): Promise<Finished> {
  const output = { stdout: '', stderr: '' }
  child.stdout?.on('data', (chunk) => (output.stdout += chunk))
  child.stderr?.on('data', (chunk) => (output.stderr += chunk))
  return { code: await endOf(child), ...output }
}

/** Starts the service in development mode, unless `env` names a Clerk instance, and waits until it listens. */
export async function startService(options: StartOptions = {}): Promise<RunningService> {
  const folder = options.folder ?? temporaryFolder()
  const child = runCli(['start'], { ...options, folder, env: { PORT: '0', ...options.env } })
  const { lines, line } = reading(child)
  const ended = endOf(child)
  const url = URL_OF_SERVICE.exec(await line(URL_OF_SERVICE))?.[0] ?? ''
  return {
    url,
    process: child,
    lines,
    folder,
    line,
    ended,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await ended
      if (!options.folder) rmSync(folder, { recursive: true })
    },
  }
}

async function endOf(child: ChildProcess): Promise<number | NodeJS.Signals> {
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return code ?? signal ?? 0
}

interface Awaited {
  pattern: RegExp
  resolve: (line: string) => void
}

/** What a process writes: its lines, a wait for one of them (it fails when the process ends first), its complaints. */
export function reading(child: ChildProcess) {
  const lines: string[] = []
  const awaited: Awaited[] = []
  let stderr = ''
  child.stderr?.on('data', (chunk) => (stderr += chunk))
  if (child.stdout) {
    createInterface({ input: child.stdout }).on('line', (text) => {
      lines.push(text)
      for (const { pattern, resolve } of awaited) if (pattern.test(text)) resolve(text)
    })
  }
  const line = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const already = lines.find((text) => pattern.test(text))
      if (already !== undefined) resolve(already)
      awaited.push({ pattern, resolve })
      child.once('close', () =>
        reject(new Error(`ended before it wrote ${pattern}: ${lines.join('\n')}${stderr}`)),
      )
    })
  return { lines, line, complaints: () => stderr }
}
