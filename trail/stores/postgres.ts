/**
 * The store for more than one machine: any PostgreSQL from 14 on, and as many service processes as are wanted.
 *
 * Each process appends over one connection, one batch at a time, by one call of a function in the database that takes
 * the trail's lock, gives out indexes and commits (docs/decisions/0017). Reading has a connection of its own.
 *
 * A batch whose answer is lost rejects, and may have been committed: sent again it is answered `duplicate`.
 *
 * **A restored backup, or a replica that took over and had lagged.** With each append and check the database has to show
 * that the last entry this process was told durable is still there, with its key; else nothing is written and
 * `trail-rewound` is what everyone hears, until an operator accepts it and the epoch is raised. What that cannot notice:
 *
 * - entries that only another process was told durable. Until that process asks next, this one may give their indexes out
 *   again, and from then on that one refuses. Replication that commits wait for (`synchronous_standby_names`) loses none.
 * - what happened before this process started, when server and database are the same: a disk that was put back as it was, or a
 *   replica that took over and had lagged. Session records in the same database went back with it. `onOpen` tells when another server
 *   or another timeline of it answers than the trail knew. A dump that was read in, and a copied database, are noticed by their
 *   numbers in it, and refused (`isAtHome`).
 */
import type { Client } from 'pg'
import type { Entry, Report } from '../entry.ts'
import { TrailError } from '../error.ts'
import { sqlState } from '../postgres-client.ts'
import type { AppendResult, TrailHead, TrailStore } from '../store.ts'
import { dedupeKey, probe } from './dedupe-key.ts'
import { arraysOf, resultsOf, sortOut, type Answer, type Placed } from './postgres-batch.ts'
import { raised } from './postgres-errors.ts'
import { PostgresLink, withoutWarning } from './postgres-link.ts'
import { schemaVersion } from './postgres-migrations.ts'
import { readEntries, readHead, readingLink } from './postgres-reader.ts'
import { checkServer, foundVersion, migratePostgres, readTrailRow, type TrailRow } from './postgres-schema.ts'
import { readServer, type ServerSettings } from './postgres-server.ts'

export interface PostgresStoreOptions {
  /** `postgres://user:password@host:port/database`, with what `pg` knows of parameters (`sslmode=verify-full`, …). */
  url: string
  /** The Clerk instance, as in the token's `iss`; a trail of another one is refused. */
  issuer: string
  /** Entries in a partition. */
  partitionSize?: number
  /** How long the database may take for an answer before it counts as unavailable. */
  answerWithinMs?: number
  /** Told each time a connection for appends stands, how its server is set. */
  onOpen?: (settings: ServerSettings) => void
  /** Told what fails with nobody waiting for it: the next partition could not be made yet. */
  onTrouble?: (error: unknown) => void
}

/** Some 5 GB, at half a kilobyte for an entry. */
const PARTITION_SIZE = 10_000_000

/** Opens, creates or migrates the trail. @throws {TrailError} when it cannot be this service's trail. */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<TrailStore> {
  await migratePostgres(options)
  const store = new PostgresStore(options)
  try {
    await store.prepare()
    return store
  } catch (error) {
    await store.close()
    throw error
  }
}

/** The last entry that this process was told durable. */
interface Seen {
  index: number
  key: Buffer
}

const nothingSeen: Seen = { index: -1, key: Buffer.alloc(0) }

class PostgresStore implements TrailStore {
  readonly #options: PostgresStoreOptions
  readonly #writing: PostgresLink
  readonly #reading: PostgresLink
  readonly #partitionSize: number
  #trail: TrailRow | null = null
  #server: ServerSettings | null = null
  #seen = nothingSeen
  /** How far partitions reach, as far as this process knows. */
  #partitionedTo = 0
  #partitioning: Promise<void> | null = null

  constructor(options: PostgresStoreOptions) {
    this.#options = options
    this.#partitionSize = options.partitionSize ?? PARTITION_SIZE
    this.#writing = new PostgresLink({
      ...options,
      use: 'write',
      onConnect: (client) => this.#recognise(client),
    })
    this.#reading = readingLink(options)
  }

  /** The first partition, and a write that reaches the disk. */
  async prepare(): Promise<void> {
    const { nextIndex } = await this.head()
    await this.#addPartitions(nextIndex)
    await this.check()
  }

  async append(reports: readonly Report[], recordedAt: number): Promise<AppendResult[]> {
    try {
      return await this.#appendOnce(reports, recordedAt)
    } catch (error) {
      // Nothing was written, and the next connection knows that the restore was accepted.
      if (!(error instanceof TrailError) || sqlState(error.cause) !== raised.epochRaised) throw error
      return this.#appendOnce(reports, recordedAt)
    }
  }

  #appendOnce(reports: readonly Report[], recordedAt: number): Promise<AppendResult[]> {
    return this.#writing.run(async (client) => {
      const trail = this.#opened()
      const batch = sortOut(reports, trail.trailKey)
      const answers = batch.distinct.length > 0 ? await this.#send(client, batch.distinct, recordedAt) : []
      return resultsOf(batch, answers)
    })
  }

  async #send(client: Client, distinct: readonly Placed[], recordedAt: number): Promise<Answer[]> {
    const values = [...this.#expected(), recordedAt, ...arraysOf(distinct)]
    try {
      // By its name: parsed and planned once for a connection.
      const append = { name: 'append', text: APPEND, values }
      const { rows } = await withoutWarning(client, () => client.query<Answer>(append))
      this.#remember(distinct, rows)
      return rows
    } catch (error) {
      // The partition was not made when it was wanted (`onTrouble` told why): whoever appends next may find it.
      if (sqlState(error) === OUTSIDE_OF_PARTITIONS) this.#partitionAhead(this.#partitionedTo)
      throw error
    }
  }

  #remember(distinct: readonly Placed[], answers: readonly Answer[]): void {
    // Also a repeat: that it is there was promised too.
    for (const [at, { at_index }] of answers.entries()) {
      const placed = distinct[at]
      if (placed && at_index > this.#seen.index) this.#seen = { index: at_index, key: placed.key }
    }
    this.#partitionAhead(this.#seen.index + 1)
  }

  read(after: number, limit: number): Promise<Entry[]> {
    return this.#reading.run((client) => readEntries(client, after, limit))
  }

  head(): Promise<TrailHead> {
    return this.#reading.run(readHead)
  }

  async check(): Promise<void> {
    await this.#writing.run(async (client) => {
      const key = dedupeKey(this.#opened().trailKey, probe)
      await withoutWarning(client, () => client.query(CHECK, [...this.#expected(), key]))
    })
  }

  async close(): Promise<void> {
    await this.#writing.close()
    await this.#partitioning
    await this.#reading.close()
  }

  #opened(): TrailRow {
    if (!this.#trail) throw new TrailError('trail-unavailable', 'The trail is not open.')
    return this.#trail
  }

  /** What the database has to find before it writes. */
  #expected(): (string | number | Buffer)[] {
    const { trailId, epoch } = this.#opened()
    return [schemaVersion, trailId, epoch, this.#seen.index, this.#seen.key]
  }

  /** Each new connection may lead to another server, another schema or another trail. */
  async #recognise(client: Client): Promise<void> {
    const { place } = this.#writing
    await checkServer(client, place, 'write')
    const version = await foundVersion(client, { place, known: schemaVersion })
    const row = version > 0 ? await readTrailRow(client) : null
    if (!row || (this.#trail && this.#trail.trailId !== row.trailId)) throw gone(place)
    if (row.issuer !== this.#options.issuer) throw ofAnotherIssuer(place, row.issuer, this.#options.issuer)
    if (!row.isAtHome) throw putBack(place)
    // An operator accepted a restore: what was there before it does not count any more.
    if (this.#trail && row.epoch > this.#trail.epoch) this.#seen = nothingSeen
    // An epoch that went back is for the append to refuse.
    this.#trail = { ...row, epoch: Math.max(row.epoch, this.#trail?.epoch ?? 0) }
    this.#server = await readServer(client, this.#server)
    this.#options.onOpen?.(this.#server)
  }

  /** Long before it is needed, and beside the appends. */
  #partitionAhead(nextIndex: number): void {
    if (this.#partitioning || nextIndex + this.#partitionSize / 2 < this.#partitionedTo) return
    this.#partitioning = this.#addPartitions(nextIndex)
      .catch((error: unknown) => this.#options.onTrouble?.(error))
      .finally(() => (this.#partitioning = null))
  }

  async #addPartitions(nextIndex: number): Promise<void> {
    const upTo = nextIndex + Math.ceil(this.#partitionSize / 2)
    this.#partitionedTo = await this.#reading.run(async (client) => {
      const { rows } = await client.query<{ reached: number }>(ADD_PARTITIONS, [upTo, this.#partitionSize])
      return rows[0]?.reached ?? 0
    })
  }
}

/** A row that fits no partition breaks a constraint, as PostgreSQL says it. */
const OUTSIDE_OF_PARTITIONS = '23514'

const APPEND = `SELECT * FROM logout_trail.append(${Array.from({ length: 31 }, (_, at) => `$${at + 1}`).join()})`
const CHECK = 'SELECT logout_trail.check_write($1, $2, $3, $4, $5, $6)'
const ADD_PARTITIONS = 'SELECT logout_trail.add_partitions($1, $2) AS reached'

function gone(place: string): TrailError {
  return new TrailError(
    'trail-replaced',
    `${place} holds another trail, or none, in the place of the one that was open; put that one back.`,
  )
}

function putBack(place: string): TrailError {
  return new TrailError(
    'trail-rewound',
    `${place} cannot be written: since it was last used the trail was read in from a dump, or its database was copied. Nothing is recorded until \`logout-trail rebuild --accept-restore\` accepts it.`,
  )
}

function ofAnotherIssuer(place: string, recorded: string, configured: string): TrailError {
  return new TrailError(
    'trail-issuer-mismatch',
    `${place} records the sessions of ${recorded}, but Clerk is configured as ${configured}; ` +
      'use another DATABASE_URL for another Clerk instance.',
  )
}
