/** Trails in PostgreSQL, for tests, and a network between them and the database that fails when it is told to. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { ISSUER } from '../trail/stores/conformance.ts'
import { openPostgresStore, type PostgresStoreOptions } from '../trail/stores/postgres.ts'
import type { TrailStore } from '../trail/store.ts'
import { inDatabase } from './postgres.ts'

/** A store that is closed when the test ends. */
export async function open(
  t: TestContext,
  url: string,
  options: Partial<PostgresStoreOptions> = {},
): Promise<TrailStore> {
  const store = await openPostgresStore({ url, issuer: ISSUER, ...options })
  t.after(() => store.close())
  return store
}

export function query(url: string, text: string, values: unknown[] = []) {
  return inDatabase(
    url,
    async (client: Client) => (await client.query<Record<string, unknown>>(text, values)).rows,
  )
}

/** Waits until `holds`, for 10 s at most. */
export async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, `10 s went by, and still not: ${what}`)
    await sleep(10)
  }
}

/** Ends every connection of ours to the database, as an administrator or a failing network would. */
export async function cutConnections(url: string): Promise<void> {
  await query(
    url,
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'logout-trail' AND pid <> pg_backend_pid()`,
  )
}

/** Whether a connection of ours waits for a lock now. */
export async function someoneWaits(url: string): Promise<boolean> {
  const waiting = await query(
    url,
    `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  )
  return waiting.length > 0
}

/** Holds the lock that appends wait for, while `meanwhile` runs. */
export async function whileAppendsWait(url: string, meanwhile: () => Promise<void>): Promise<void> {
  await inDatabase(url, async (client) => {
    await client.query('BEGIN')
    await client.query('SELECT 1 FROM logout_trail.trail FOR UPDATE')
    await meanwhile()
    await client.query('ROLLBACK')
  })
}

export interface Network {
  /** The same database, through this network. */
  url: string
  /** The address of the server that new connections lead to. */
  leadsTo: string
  /**
   * `open`; `refused`: takes no new connection; `silent`: takes what is sent and delivers nothing; `deaf`: delivers it, and
   * loses the answers; `slow`: keeps the last five bytes back, with which a client of PostgreSQL says that its request is
   * complete.
   */
  is: 'open' | 'refused' | 'silent' | 'deaf' | 'slow'
  /** Breaks every connection that is open. */
  cut(): void
  /** Bytes that the database answered and that were lost. */
  lost: number
}

/** Ends with the test. */
export async function networkTo(t: TestContext, url: string): Promise<Network> {
  const sockets = new Set<Socket>()
  const network: Network = {
    url: '',
    leadsTo: url,
    is: 'open',
    lost: 0,
    cut: () => sockets.forEach((socket) => socket.destroy()),
  }
  const server = createServer((near) => {
    if (network.is === 'refused') {
      near.destroy()
      return
    }
    const { port, hostname } = new URL(network.leadsTo)
    const far = connect(Number(port), hostname)
    for (const [socket, other] of [[near, far] as const, [far, near] as const]) {
      sockets.add(socket)
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
      // What breaks here is seen by whoever uses the connection.
      socket.on('error', () => socket.destroy())
    }
    near.on('data', (bytes: Buffer) => {
      if (network.is !== 'silent') far.write(network.is === 'slow' ? bytes.subarray(0, -5) : bytes)
    })
    far.on('data', (bytes: Buffer) => {
      if (network.is !== 'silent' && network.is !== 'deaf') near.write(bytes)
      else network.lost += bytes.length
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    network.cut()
    server.close()
  })
  network.url = Object.assign(new URL(url), { port: String((server.address() as AddressInfo).port) }).href
  return network
}
