/**
 * One connection to PostgreSQL that comes back: made when first needed, dropped at the first sign of trouble, made again
 * for whoever asks next. What was under way when it broke rejects, and may have been committed.
 *
 * What is set for the session here (timeouts, isolation) is why the connection has to be direct, or through a pooler in
 * session mode: a pooler in transaction mode (PgBouncer's `pool_mode=transaction`) would set it for others.
 */
import type { Client } from 'pg'
import { TrailError } from '../error.ts'
import { addressFor, unusableAddress, withoutPg } from '../postgres-client.ts'
import { namedError, placeOf, type Use } from './postgres-errors.ts'

export interface LinkOptions {
  url: string
  use: Use
  /** What a connection has to pass before anything else is asked of it, each time. */
  onConnect: (client: Client) => Promise<void>
  /** How long an answer may take; the server itself gives up a second earlier. */
  answerWithinMs?: number | undefined
}

const CONNECT_WITHIN_MS = 2000
const ANSWER_WITHIN_MS = 6000

/** While a server is not reached, nobody tries again for so long; who asks meanwhile hears of the last attempt. */
const RECONNECT_INTERVAL_MS = 200

export class PostgresLink {
  /** For messages. */
  readonly place: string
  readonly #options: LinkOptions
  readonly #answerWithinMs: number
  #client: Client | null = null
  #failure: { error: unknown; at: number } | null = null
  #last: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(options: LinkOptions) {
    this.#options = options
    this.place = placeOf(options.url)
    this.#answerWithinMs = options.answerWithinMs ?? ANSWER_WITHIN_MS
  }

  /** One at a time, in the order of the calls. @throws {TrailError} and drops the connection, whatever went wrong. */
  run<T>(work: (client: Client) => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new TrailError('trail-closed', 'The trail is closed.'))
    const turn = this.#last.then(async () => this.#perform(await this.#connected(), work))
    this.#last = turn.catch(toldToTheCaller)
    return turn
  }

  /** Waits for what was asked before. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#last
    if (this.#client) await this.#end(this.#client)
  }

  async #perform<T>(client: Client, work: (client: Client) => Promise<T>): Promise<T> {
    const seconds = this.#answerWithinMs / 1000
    // Ends the query too: `pg` rejects whatever waits on a connection that broke.
    const deadline = setTimeout(() => sever(client, `no answer within ${seconds} s`), this.#answerWithinMs)
    try {
      return await work(client)
    } catch (cause) {
      await this.#end(client)
      throw namedError(this.place, this.#options.use, cause)
    } finally {
      clearTimeout(deadline)
    }
  }

  async #connected(): Promise<Client> {
    if (this.#client) return this.#client
    const client = await this.#reached()
    await this.#perform(client, async () => {
      await setSession(client, Math.max(this.#answerWithinMs - 1000, this.#answerWithinMs / 2))
      await this.#options.onConnect(client)
    })
    this.#client = client
    return client
  }

  async #reached(): Promise<Client> {
    if (this.#failure && performance.now() - this.#failure.at < RECONNECT_INTERVAL_MS)
      throw this.#failure.error
    const client = await newClient(this.#options.url)
    const gone = () => {
      if (this.#client === client) this.#client = null
    }
    // Without a listener an idle connection that breaks would end the process.
    client.on('error', gone)
    client.on('end', gone)
    try {
      await client.connect()
      return client
    } catch (cause) {
      sever(client, 'it could not be opened')
      const error = namedError(this.place, this.#options.use, cause)
      this.#failure = { error, at: performance.now() }
      throw error
    }
  }

  async #end(client: Client): Promise<void> {
    if (this.#client === client) this.#client = null
    const late = setTimeout(() => sever(client, 'it did not close'), 1000)
    await client.end().catch(toldToTheCaller)
    clearTimeout(late)
  }
}

async function newClient(url: string): Promise<Client> {
  const { Client, types } = await import('pg').catch(withoutPg)
  try {
    return new Client({
      connectionString: addressFor(url),
      connectionTimeoutMillis: CONNECT_WITHIN_MS,
      keepAlive: true,
      application_name: 'logout-trail',
      // Indexes and times: whole numbers far below 2^53.
      types: {
        getTypeParser: (oid, format) =>
          oid === types.builtins.INT8 ? Number : types.getTypeParser(oid, format),
      },
    })
  } catch {
    throw unusableAddress(url)
  }
}

/**
 * Whatever happens to this process or to the network, the server lets go of locks by itself: of a statement that takes long, of
 * a transaction whose client fell silent within it, also between two messages of one request (`transaction_timeout`, from
 * PostgreSQL 17 on), and of a machine that is gone without a word (keepalives, after 5 s and not after 2 h).
 *
 * And each statement has to see what was committed before it (docs/decisions/0017), whatever a role is set to.
 */
async function setSession(client: Client, timeoutMs: number): Promise<void> {
  const timeout = String(Math.ceil(timeoutMs))
  const settings = {
    statement_timeout: timeout,
    idle_in_transaction_session_timeout: timeout,
    // A little later: of a statement that takes long, the other says so.
    transaction_timeout: String(Math.ceil(timeoutMs * 1.1)),
    tcp_keepalives_idle: '2',
    tcp_keepalives_interval: '1',
    tcp_keepalives_count: '3',
    default_transaction_isolation: 'read committed',
    // Many rows at once look dear to the planner, and are not.
    jit: 'off',
  }
  // Of those that this version of the server knows.
  await client.query(
    `SELECT set_config(s.name, $1::json ->> s.name, false) FROM pg_settings s WHERE $1::json ->> s.name IS NOT NULL`,
    [JSON.stringify(settings)],
  )
}

/**
 * A commit whose wait for its replicas was cancelled succeeds all the same, with a warning that it may be on one machine only:
 * that is no promise to hand on.
 */
export async function withoutWarning<T>(client: Client, query: () => Promise<T>): Promise<T> {
  const warnings: string[] = []
  const listen = ({ code, message }: { code?: string | undefined; message?: string | undefined }) => {
    // By its class: the word for its severity is in the language of the server.
    if (code?.startsWith('01')) warnings.push(message ?? 'of something')
  }
  client.on('notice', listen)
  try {
    const answer = await query()
    if (warnings.length > 0) throw new Error(`it warned of the commit: ${warnings.join('; ')}`)
    return answer
  } finally {
    client.off('notice', listen)
  }
}

function sever(client: Client, why: string): void {
  client.connection.stream.destroy(new Error(why))
}

/** The promise that was handed out rejects with it. */
function toldToTheCaller(): void {
  return undefined
}
