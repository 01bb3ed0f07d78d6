/**
 * Work that one process at a time may do (the readers that write session records), shared out by the database.
 *
 * A lease lasts 3 s by the database's clock and is renewed each second; when its holder is killed, paused or cut off,
 * another takes it within 5 s. Each taking raises its `fence`, a number that no other holder ever had.
 *
 * That a process believes it holds a lease proves nothing: it may have been paused since. So each of its transactions
 * begins with `assertHeld`, which looks for its fence and locks the row of the lease until the transaction ends:
 *
 * - with FOR KEY SHARE, so that renewing (an update of no key) passes by, while taking (FOR UPDATE) has to wait;
 * - for a transaction whose client is silent for a second the server ends the connection
 *   (`idle_in_transaction_session_timeout`), so that a paused holder does not keep the lease by that lock.
 *
 * A paused process that wakes up finds its connection gone or its fence passed: it commits nothing after somebody else took
 * the lease. What it sends to other systems than this database is not fenced.
 */
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { PostgresLink } from './postgres-link.ts'

export interface Held {
  name: string
  fence: number
}

const LASTS = "interval '3 seconds'"
const LASTS_MS = 3000
const RENEW_EVERY_MS = 1000
const TRY_EVERY_MS = 500

/** Takes the lease when nobody has it; null when somebody does. Waits for no lock. `holder` is for people. */
export async function acquire(client: Client, name: string, holder: string): Promise<Held | null> {
  await client.query(
    `INSERT INTO logout_trail.leases (name, holder, fence, until) VALUES ($1, '', 0, '-infinity')
     ON CONFLICT DO NOTHING`,
    [name],
  )
  const { rows } = await client.query<{ fence: number | string }>(
    `WITH free AS (
       SELECT l.name FROM logout_trail.leases l WHERE l.name = $1 AND l.until < clock_timestamp()
       FOR UPDATE SKIP LOCKED
     )
     UPDATE logout_trail.leases l SET holder = $2, fence = l.fence + 1, until = clock_timestamp() + ${LASTS}
     FROM free WHERE l.name = free.name RETURNING l.fence`,
    [name, holder],
  )
  const [taken] = rows
  // A `pg` of the caller's own may read a bigint as text.
  return taken ? { name, fence: Number(taken.fence) } : null
}

/** False when another has taken it. A lease that ran out and that nobody wanted goes on. */
export async function renew(client: Client, { name, fence }: Held): Promise<boolean> {
  const { rowCount } = await client.query(
    `UPDATE logout_trail.leases SET until = clock_timestamp() + ${LASTS} WHERE name = $1 AND fence = $2`,
    [name, fence],
  )
  return rowCount === 1
}

/** Free for the next at once. Does nothing when another has it. */
export async function release(client: Client, { name, fence }: Held): Promise<void> {
  await client.query(`UPDATE logout_trail.leases SET until = '-infinity' WHERE name = $1 AND fence = $2`, [
    name,
    fence,
  ])
}

/**
 * The first statement of each transaction of the holder, on that transaction's connection.
 * @throws an error with SQLSTATE `LT004` (as a `TrailError`: `trail-locked`) when another has taken the lease.
 */
export async function assertHeld(client: Client, { name, fence }: Held): Promise<void> {
  await client.query('SELECT logout_trail.assert_held($1, $2)', [name, fence])
}

export interface KeepLeaseOptions {
  url: string
  name: string
  /** From now on this process may do the work, with this fence. */
  onTaken: (held: Held) => void
  /** It may not any more. What it still tries in the database fails by itself. */
  onLost: (held: Held) => void
  /** Told what the database or the network says; it is tried again. */
  onTrouble?: (error: unknown) => void
}

export interface KeptLease {
  readonly held: Held | null
  /** Gives it up, so that another need not wait until it runs out. */
  close(): Promise<void>
}

/** Takes the lease whenever it is free and keeps it, until closed. */
export function keepLease(options: KeepLeaseOptions): KeptLease {
  return new LeaseKeeper(options)
}

class LeaseKeeper implements KeptLease {
  held: Held | null = null
  readonly #options: KeepLeaseOptions
  readonly #link: PostgresLink
  readonly #closing = new AbortController()
  readonly #ended: Promise<void>
  #runsOut: NodeJS.Timeout | undefined

  constructor(options: KeepLeaseOptions) {
    this.#options = options
    this.#link = new PostgresLink({
      url: options.url,
      use: 'write',
      answerWithinMs: RENEW_EVERY_MS,
      onConnect: async () => undefined,
    })
    this.#ended = this.#keep()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#ended
    const { held } = this
    this.#lose()
    if (held) await this.#link.run((client) => release(client, held)).catch(this.#tell)
    await this.#link.close()
  }

  async #keep(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      await this.#once().catch(this.#tell)
      const pause = this.held ? RENEW_EVERY_MS : TRY_EVERY_MS
      await sleep(pause, undefined, { signal: this.#closing.signal }).catch(closing)
    }
  }

  async #once(): Promise<void> {
    const { held } = this
    // Counted from before the question: by the database's clock it runs out later than by this one.
    const askedAt = performance.now()
    if (held) {
      const renewed = await this.#link.run((client) => renew(client, held))
      // It may have run out by our clock meanwhile, and the work been told to stop: then the next fence is waited for.
      if (!renewed) this.#lose()
      else if (this.held) this.#watch(askedAt)
      return
    }
    const who = `${hostname()} ${process.pid}`
    const taken = await this.#link.run((client) => acquire(client, this.#options.name, who))
    if (!taken) return
    this.held = taken
    this.#watch(askedAt)
    this.#options.onTaken(taken)
  }

  /** While the database cannot be asked, the lease runs out all the same. */
  #watch(askedAt: number): void {
    clearTimeout(this.#runsOut)
    this.#runsOut = setTimeout(() => this.#lose(), askedAt + LASTS_MS - performance.now())
  }

  #lose(): void {
    clearTimeout(this.#runsOut)
    const { held } = this
    this.held = null
    if (held) this.#options.onLost(held)
  }

  readonly #tell = (error: unknown): void => {
    this.#options.onTrouble?.(error)
  }
}

/** The pause was cut short by `close`. */
function closing(): void {
  return undefined
}
