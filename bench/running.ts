/** A target as a process of its own, and what it uses, as the kernel counts it. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { OUTPUT, type Target } from './targets.ts'
import { HOST } from './targets/settings.ts'
import { ISSUER, PUBLISHABLE_KEY, WEBHOOK_SECRET } from './tokens.ts'

export interface Running {
  port: number
  folder: string
  /** CPU time used so far by all threads, ms. NaN where there is no /proc. */
  cpuMs: () => number
  /** The most memory it ever had resident, bytes. NaN where there is no /proc. */
  peakBytes: () => number
  /** Ends it as an operator would. @throws when it does not end by itself. */
  stop: () => Promise<void>
}

export interface Place {
  /** An empty folder of this run. */
  folder: string
  /** Where the targets are built. */
  built: string
  jwtKey: string
  /** Of the trail; a file in the folder, unless it is given. */
  databaseUrl?: string | undefined
}

const START_TIMEOUT_MS = 30_000
const STOP_TIMEOUT_MS = 20_000

export async function startTarget(
  target: Target,
  { folder, built, jwtKey, databaseUrl }: Place,
): Promise<Running> {
  const port = await freePort()
  const settings = {
    port,
    folder,
    issuer: ISSUER,
    publishableKey: PUBLISHABLE_KEY,
    jwtKey,
    webhookSecret: WEBHOOK_SECRET,
    databaseUrl: databaseUrl ?? `file:${folder}/trail.db`,
  }
  const { args, env } = target.command(settings, built)
  // A file, as a log is on many machines; standard error goes there too, to be looked at when something fails.
  const output = openSync(join(folder, OUTPUT), 'w')
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ['ignore', output, output] })
  closeSync(output)
  const ended = once(child, 'close')
  await untilListening(child, port, join(folder, OUTPUT))
  return {
    port,
    folder,
    cpuMs: () => cpuMsOf(child.pid),
    peakBytes: () => peakBytesOf(child.pid),
    stop: async () => {
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
      const [, signal] = (await ended) as [number | null, NodeJS.Signals | null]
      clearTimeout(late)
      if (signal === 'SIGKILL') throw new Error(`${target.name} did not end by itself`)
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function untilListening(child: ChildProcess, port: number, output: string): Promise<void> {
  const until = performance.now() + START_TIMEOUT_MS
  while (!(await answers(port))) {
    if (child.exitCode !== null || performance.now() > until) {
      child.kill('SIGKILL')
      throw new Error(`a target did not start:\n${readFileSync(output, 'utf8')}`)
    }
    await sleep(20)
  }
}

function answers(port: number): Promise<boolean> {
  const socket = connect(port, HOST)
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
  }).then((listening) => {
    socket.destroy()
    return listening === true
  })
}

/** Of Linux, on every architecture that Node supports: 100 ticks a second in /proc. */
const MS_PER_TICK = 10

function cpuMsOf(pid: number | undefined): number {
  const [user = Number.NaN, system = Number.NaN] = timesOf(pid)
  return (user + system) * MS_PER_TICK
}

/** With that of its children that have ended. 0: it has ended itself, and its parent has counted it. */
export function cpuMsWithEnded(pid: number): number {
  try {
    return timesOf(pid).reduce((sum, ticks) => sum + ticks, 0) * MS_PER_TICK
  } catch {
    return 0
  }
}

/** Ticks: user and system, of itself and of its children that have ended. */
function timesOf(pid: number | undefined): number[] {
  const stat = readProc(pid, 'stat')
  // After the command's name, which may hold spaces, the fields are numbers: utime is the 14th of all.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields.slice(11, 15).map(Number)
}

export function readChildren(pid: number): number[] {
  return readProc(pid, `task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number)
}

function peakBytesOf(pid: number | undefined): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readProc(pid, 'status'))?.[1]) * 1024
}

function readProc(pid: number | undefined, file: string): string {
  if (process.platform !== 'linux' || pid === undefined) return ''
  return readFileSync(`/proc/${pid}/${file}`, 'utf8')
}
