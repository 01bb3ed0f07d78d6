/** Load from another process: as fast as it is answered (autocannon, wrk), or at a steady rate. */
import { execFile, fork, spawnSync, type ChildProcess } from 'node:child_process'
import { on, once } from 'node:events'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Running } from './running.ts'
import { HOST, LOGOUT_PATH } from './targets/settings.ts'

export const CONNECTIONS = 64

/** As long as a browser's. */
export const AGENT =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36'

export interface LoadOrder {
  port: number
  /** A file with a token a line. */
  tokens: string
  /** Measured; one more second goes before. */
  seconds: number
  /** Webhooks of Clerk instead of logouts: signed with this secret, each of a session of its own. */
  webhookSecret?: string | undefined
  /** Each token is sent once at most; when they run out, the figures say nothing. */
  once: boolean
  /** Requests a second, of the open loop. */
  rate: number
  /** `CONNECTIONS`, unless they are shared among several targets. */
  connections?: number | undefined
}

export interface LoadResult {
  /** Requests answered while it was measured, and for how long that was. */
  answered: number
  seconds: number
  p50Ms: number
  p99Ms: number
  /** Since the target started. */
  everAnswered: number
  /** Answers other than 200, and failed requests. */
  unexpected: number
  ranOut: boolean
}

export type LoadMessage = { say: 'measuring' } | ({ say: 'measured' } & LoadResult)

export interface Figures extends LoadResult {
  /** CPU of the target, all threads, µs for each request. */
  cpuMicros: number
  /** The same of the database's server, where it has one. */
  serverCpuMicros: number
}

export type Generator = 'autocannon' | 'wrk' | 'open-loop'

/** What is loaded: a target, and the server behind it. */
export type Loaded = Pick<Running, 'port' | 'cpuMs'> & { serverCpuMs?: (() => number) | undefined }

export function drive(
  generator: Generator,
  running: Loaded,
  order: Omit<LoadOrder, 'port'>,
): Promise<Figures> {
  const whole = { ...order, port: running.port }
  return generator === 'wrk' ? driveWithWrk(running, whole) : driveWithNode(generator, running, whole)
}

/** What the generator process says to this one. */
export function tell(message: LoadMessage): void {
  process.send?.(message)
}

const FILES = { autocannon: 'saturate.ts', 'open-loop': 'open-loop.ts' } as const

async function driveWithNode(
  generator: keyof typeof FILES,
  running: Loaded,
  order: LoadOrder,
): Promise<Figures> {
  const child = fork(join(import.meta.dirname, FILES[generator]), [JSON.stringify(order)])
  const ended = once(child, 'exit')
  let since = usedSince(running)
  for await (const message of messagesOf(child)) {
    if (message.say === 'measuring') {
      since = usedSince(running)
      continue
    }
    const used = since(message.answered)
    await ended
    return { ...message, ...used }
  }
  throw new Error(`${FILES[generator]} ended without a result`)
}

/** From now on, for each request. */
function usedSince({ cpuMs, serverCpuMs }: Loaded) {
  const before = { own: cpuMs(), server: serverCpuMs?.() ?? Number.NaN }
  return (answered: number) => ({
    cpuMicros: ((cpuMs() - before.own) * 1000) / answered,
    serverCpuMicros: (((serverCpuMs?.() ?? Number.NaN) - before.server) * 1000) / answered,
  })
}

async function* messagesOf(child: ChildProcess): AsyncGenerator<LoadMessage> {
  const done = new AbortController()
  child.once('exit', () => setImmediate(() => done.abort()))
  try {
    for await (const [message] of on(child, 'message', { signal: done.signal })) yield message as LoadMessage
  } catch (error) {
    if (!done.signal.aborted) throw error
  }
}

/** Whether wrk can be used; it is not of npm, and takes less of the machine than any generator in JavaScript. */
export function hasWrk(): boolean {
  return spawnSync('wrk', ['--version']).error === undefined
}

/** Its latencies are left out: they include the first moments, when 64 connections reach a busy server at once. */
async function driveWithWrk(running: Loaded, order: LoadOrder): Promise<Figures> {
  const warmUp = await runWrk(order, { seconds: 1, skip: 0 })
  const since = usedSince(running)
  const measured = await runWrk(order, {
    seconds: order.seconds,
    skip: warmUp.answered + (order.connections ?? CONNECTIONS),
  })
  return {
    ...measured,
    ...since(measured.answered),
    p50Ms: Number.NaN,
    p99Ms: Number.NaN,
    everAnswered: warmUp.answered + measured.answered,
    unexpected: warmUp.unexpected + measured.unexpected,
  }
}

interface WrkRun {
  seconds: number
  /** Tokens that were sent before. */
  skip: number
}

async function runWrk(
  { port, tokens, once, connections = CONNECTIONS }: LoadOrder,
  { seconds, skip }: WrkRun,
) {
  const script = join(import.meta.dirname, 'wrk.lua')
  const url = `http://${HOST}:${port}${LOGOUT_PATH}`
  const args = [
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '-s',
    script,
    url,
    '--',
    tokens,
    String(skip),
    AGENT,
  ]
  const { stdout } = await execFileAsync('wrk', args)
  const said = /^RESULT (\d+) (\d+) (\d+) (\d+)$/m.exec(stdout)
  if (!said) throw new Error(`wrk said something unexpected:\n${stdout}`)
  const [answered = 0, micros = 0, unexpected = 0, left = 0] = said.slice(1).map(Number)
  return { answered, seconds: micros / 1e6, unexpected, ranOut: once && left === 0 }
}

const execFileAsync = promisify(execFile)
