/** Reads the views in PostgreSQL, beside whichever process writes them. */
import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql,
  type RawBuilder,
} from 'kysely'
import type * as Pg from 'pg'
import type { Client, Pool, PoolClient, PoolConfig, QueryResult } from 'pg'
import { messageOf, TrailError } from '../trail/error.ts'
import {
  addressFor,
  sqlState,
  unusableAddress,
  whyNotConnected,
  withoutFullStop,
  withoutPg,
} from '../trail/postgres-client.ts'
import { orders, type Dialect, type Rows, type ViewsDatabase } from './rows.ts'
import { INSUFFICIENT_PRIVILEGE } from './views-errors-postgres.ts'
import { VIEWS_SCHEMA } from './views-postgres-schema.ts'
import { viewsVersion } from './views-schema.ts'

export interface PostgresViewsOptions {
  url: string
  /** Reads at the same time; more wait. */
  connections?: number | undefined
  /** How long one query may take. */
  answerWithinMs?: number | undefined
}

const CONNECTIONS = 4
const CONNECT_WITHIN_MS = 2000
const ANSWER_WITHIN_MS = 5000
/** After the server itself gave up: the network took the answer. */
const GIVE_UP_AFTER_MS = 1000

/** Kysely only writes the SQL. */
const compiler = new Kysely<unknown>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
})

const dialect: Dialect = {
  indexedBy: () => sql``,
  isOneOf: (values) => sql`= ANY(${values})`,
  // As a range: of rows that are equal the planner knows that the primary key has their order too, and may read all of it instead.
  behind: ({ column, value, and = sql`true` }, { order, beyond }) => {
    const { is, isNot, ordered } = orders[order]
    return {
      where: sql`${and} AND ${column} ${isNot} ${value} AND (${column}, id) ${is} (${value}, ${beyond})`,
      order: sql`${column} ${ordered}, id ${ordered}`,
    }
  },
  entriesOf: (id, limit) =>
    sql`SELECT unnest(entries) AS "index" FROM sessions WHERE id = ${id} LIMIT ${limit}`,
  idsForEach: (of, ids) => sql`SELECT found.id FROM ${of} CROSS JOIN LATERAL (${ids}) AS found`,
}

/** Nothing is opened before it is asked. */
export function postgresViews(options: PostgresViewsOptions): ViewsDatabase {
  return new PostgresViews(options)
}

class PostgresViews implements ViewsDatabase {
  readonly #options: PostgresViewsOptions
  readonly #answerWithinMs: number
  #pool: Pool | null = null
  readonly #asked = new Set<Promise<unknown>>()

  constructor(options: PostgresViewsOptions) {
    this.#options = options
    this.#answerWithinMs = options.answerWithinMs ?? ANSWER_WITHIN_MS
  }

  /** @throws {TrailError} `trail-unavailable` also when the connection is lost; the next read makes another. */
  async atOneMoment<T>(read: (rows: Rows) => Promise<T>): Promise<T | null> {
    const answer = this.#read(read)
    this.#asked.add(answer)
    try {
      return await answer
    } finally {
      this.#asked.delete(answer)
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#asked)
    await this.#pool?.end()
  }

  async #read<T>(read: (rows: Rows) => Promise<T>): Promise<T | null> {
    const client = await this.#connected()
    let broken = true
    try {
      const version = await asked(client, this.#begin()).then(versionIn, nothingThere)
      const found = version === viewsVersion ? await read(rowsOf(client)) : null
      await asked(client, version === null ? 'ROLLBACK' : 'COMMIT')
      broken = false
      return found
    } finally {
      // What failed may still be answering: another read would take that for its own answer.
      client.release(broken)
    }
  }

  /**
   * For this transaction only, so that a pooler may lend the connection to others in between. Every query has an index: a scan or a bitmap
   * would read all of a list before its first page, and the planner takes them where it has no statistics yet. Compiling costs more than
   * any of these queries.
   */
  #begin(): string {
    return `
      BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
      SET LOCAL search_path TO ${VIEWS_SCHEMA};
      SET LOCAL statement_timeout TO ${this.#answerWithinMs};
      SET LOCAL idle_in_transaction_session_timeout TO ${this.#answerWithinMs};
      SET LOCAL enable_seqscan TO off;
      SET LOCAL enable_bitmapscan TO off;
      SET LOCAL jit TO off;
      SELECT version FROM ${VIEWS_SCHEMA}.position`
  }

  async #connected(): Promise<PoolClient> {
    const { default: pg } = await import('pg').catch(withoutPg)
    const pool = (this.#pool ??= newPool(pg, { ...this.#options, answerWithinMs: this.#answerWithinMs }))
    try {
      return await pool.connect()
    } catch (cause) {
      throw namedError(cause, pool.waitingCount > 0 ? `, and ${pool.waitingCount} more reads wait` : '')
    }
  }
}

/** @throws {TrailError} `trail-unavailable` when the address cannot be read */
function newPool(
  { Client, Pool, types }: Pick<typeof Pg, 'Client' | 'Pool' | 'types'>,
  options: PostgresViewsOptions & { answerWithinMs: number },
): Pool {
  const config: PoolConfig = {
    connectionString: addressFor(options.url),
    max: options.connections ?? CONNECTIONS,
    connectionTimeoutMillis: CONNECT_WITHIN_MS,
    query_timeout: options.answerWithinMs + GIVE_UP_AFTER_MS,
    keepAlive: true,
    application_name: 'logout-trail reads',
    // Places, indexes, times and counts: whole numbers far below 2^53.
    types: {
      getTypeParser: (oid, format) =>
        oid === types.builtins.INT8 ? Number : types.getTypeParser(oid, format),
    },
  }
  if (!canBeRead(Client, config)) throw unusableAddress(options.url)
  const pool = new Pool(config)
  pool.on('error', toldToWhoAsksNext)
  pool.on('connect', (client) => client.on('error', toldToWhoAsksNext))
  return pool
}

/** The address and the files that it names: a client reads them before it connects, and this one does not connect. */
function canBeRead(Made: typeof Client, config: PoolConfig): boolean {
  try {
    return new Made(config) instanceof Made
  } catch {
    return false
  }
}

/** Of a connection that broke. What was asked of it rejects, and the pool forgets it; without a listener the process would end. */
function toldToWhoAsksNext(): void {
  return undefined
}

/** Queries have no names: each is planned for the values that it is asked with. */
function rowsOf(client: PoolClient): Rows {
  return {
    dialect,
    all: async <Row>(query: RawBuilder<Row>) => {
      const { sql, parameters } = query.compile(compiler)
      const { rows } = (await asked(client, sql, [...parameters])) as QueryResult<Row & object>
      return rows
    },
  }
}

async function asked(client: PoolClient, text: string, values?: unknown[]): Promise<unknown> {
  try {
    return await client.query(text, values)
  } catch (cause) {
    throw namedError(cause)
  }
}

/** Of the last of several statements. */
function versionIn(results: unknown): number | null {
  const last = (results as QueryResult<{ version: number }>[]).at(-1)
  return last?.rows[0]?.version ?? null
}

const MISSING = new Set(['3F000', '42P01', '42703'])

/** Null: there are no tables. */
function nothingThere(error: unknown): null {
  if (error instanceof TrailError && MISSING.has(sqlState(error.cause) ?? '')) return null
  throw error
}

const CANCELLED = '57014'

/** Network and server come back, and then it can be read again; the rest of what the server refuses stays refused. */
function namedError(cause: unknown, more = ''): TrailError {
  const state = sqlState(cause)
  const said = withoutFullStop(messageOf(cause))
  if (state === INSUFFICIENT_PRIVILEGE)
    return new TrailError(
      'views-unusable',
      `The session records may not be read (${said}); \`logout-trail migrate --print-sql\` has the GRANTs.`,
      { cause },
    )
  const why = state === CANCELLED ? 'the query took too long' : (whyNotConnected(cause) ?? said)
  const message = `The session records in PostgreSQL cannot be read now: ${why}${more}.`
  return new TrailError('trail-unavailable', message, { cause })
}
