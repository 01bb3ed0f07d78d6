/** The processes of the demo: what they print is read line by line, and all of them end when the demo does. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export interface ChildOptions {
  name: string
  args: string[]
  cwd: string
  env?: Record<string, string>
  /** Each line that it prints, without the line break. */
  onLine?: (line: string) => void
}

/**
 * Run in each child first: when this process is gone, however it went, the pipe is closed, and the child's group ends. Its
 * own workers and threads are handed this too, and are not asked.
 */
const ENDS_WITH_PARENT = `data:text/javascript,${encodeURIComponent(`
  import { Socket } from 'node:net'
  import { isMainThread } from 'node:worker_threads'
  if (isMainThread && process.ppid === ${process.pid}) {
    const parent = new Socket({ fd: 3 })
    parent.on('close', () => process.kill(-process.pid, 'SIGTERM'))
    parent.resume()
    parent.unref()
  }
`)}`

export class Children {
  readonly #running = new Set<ChildProcess>()
  #ending: Promise<void> | null = null
  readonly #endWithinMs: number

  constructor({ endWithinMs = 8000 } = {}) {
    this.#endWithinMs = endWithinMs
  }

  /** A process of Node that goes on; it has a group of its own, so that its children end with it. */
  start({ name, args, cwd, env, onLine }: ChildOptions): ChildProcess {
    if (this.#ending) throw new Error('The demo is ending.')
    const child = spawn(process.execPath, ['--import', ENDS_WITH_PARENT, ...args], {
      cwd,
      env: { ...process.env, ...env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    })
    this.#running.add(child)
    child.once('exit', () => this.#running.delete(child))
    child.once('error', (error) => onLine?.(`${name} cannot be started: ${error.message}`))
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (line) => onLine?.(line))
    }
    return child
  }

  /** A process that ends by itself. @throws {Error} with what it printed, when it fails. */
  async run(options: ChildOptions): Promise<void> {
    const printed: string[] = []
    const child = this.start({ ...options, onLine: (line) => printed.push(line) })
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
    if (code !== 0)
      throw new Error(`${options.name} failed (${code ?? signal}):\n${printed.slice(-40).join('\n')}`)
  }

  /** Ends all that runs, the newest first; what does not end in time (8 s) is killed. */
  end(): Promise<void> {
    return (this.#ending ??= this.#end())
  }

  /** Now, without a word. */
  kill(): void {
    for (const child of this.#running) signalGroup(child, 'SIGKILL')
  }

  async #end(): Promise<void> {
    const killing = setTimeout(() => this.kill(), this.#endWithinMs)
    await Promise.all(
      [...this.#running].toReversed().map(async (child) => {
        const ended = once(child, 'exit')
        signalGroup(child, 'SIGTERM')
        await ended
      }),
    )
    clearTimeout(killing)
  }
}

/** It may have ended in this moment. */
function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
