/** The PostgreSQL of the bench: one of its own with `fsync=on` and nothing else changed, or one that is given. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { inDatabase, startPostgres, withDatabase, type PostgresServer } from '../test/postgres.ts'
import { cpuMsWithEnded, readChildren } from './running.ts'

export interface BenchServer extends AsyncDisposable {
  /** As its superuser. */
  url: string
  /** Null: it is not ours to stop. */
  own: PostgresServer | null
  /** An empty database of it. */
  newDatabase: () => Promise<string>
  drop: (url: string) => Promise<void>
  /** Of all its processes so far, those that have ended too, ms. NaN where there is no /proc, or the server is elsewhere. */
  cpuMs: () => number
  /** SIGSTOP and SIGCONT to all of its processes. */
  signal: (signal: 'SIGSTOP' | 'SIGCONT') => void
}

/** `given`: the URL of a server on which the role may make databases. */
export async function benchServer(given: string | null): Promise<BenchServer> {
  const own = given === null ? await startPostgres({ fsync: 'on' }) : null
  const url = given ?? own?.url ?? ''
  const pid = own ? await pidOf(url) : undefined
  return {
    url,
    own,
    newDatabase: async () => {
      const name = `bench_${randomBytes(6).toString('hex')}`
      await inDatabase(url, (client) => client.query(`CREATE DATABASE ${name}`))
      return withDatabase(url, name)
    },
    drop: async (database) => {
      const name = new URL(database).pathname.slice(1)
      await inDatabase(url, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`))
    },
    cpuMs: () => cpuMsOfServer(pid),
    signal: (signal) => {
      if (pid !== undefined) for (const each of [pid, ...readChildren(pid)]) process.kill(each, signal)
    },
    [Symbol.asyncDispose]: async () => own?.end(),
  }
}

/** The first line of its own file says so. */
async function pidOf(url: string): Promise<number> {
  const read = `SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::integer AS pid`
  const { rows } = await inDatabase(url, (client) => client.query<{ pid: number }>(read))
  return rows[0]?.pid ?? -1
}

/** A process of its own serves each connection; what has ended is counted with its parent. */
function cpuMsOfServer(pid: number | undefined): number {
  if (pid === undefined) return Number.NaN
  return [pid, ...readChildren(pid)].reduce((sum, each) => sum + cpuMsWithEnded(each), 0)
}

export async function versionOf({ url }: BenchServer): Promise<string> {
  const { rows } = await inDatabase(url, (client) => client.query<{ is: string }>(SETTINGS))
  const model = readFileSync('/proc/version', 'utf8').split(' ')[2] ?? ''
  return `${rows[0]?.is ?? ''}, on the same cores (Linux ${model})`
}

const SETTINGS = `
  SELECT format('PostgreSQL %s, fsync=%s, synchronous_commit=%s, shared_buffers=%s', current_setting('server_version'),
    current_setting('fsync'), current_setting('synchronous_commit'), current_setting('shared_buffers')) AS is`
