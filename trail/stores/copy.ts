/**
 * Moves a trail from a file into PostgreSQL: the same entries under the same indexes, with the keys by which repeats are known. It can be
 * stopped at any point, and goes on where it was.
 *
 * While it is not whole, the trail there says that it needs a program of a version that does not exist: no service starts on it or writes
 * to it. Nothing may write the file meanwhile: its lock is to be held.
 */
import { createHash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { Client } from 'pg'
import { columns } from '../entry.ts'
import { TrailError } from '../error.ts'
import { PostgresLink } from './postgres-link.ts'
import { migratePostgres } from './postgres-schema.ts'
import { openForReading, readTrailRow, type TrailRow } from './sqlite-schema.ts'

export interface Copying {
  /** Of the file. */
  from: string
  /** Of the PostgreSQL. */
  to: string
  /** Told again and again how many rows of how many are there: entries, and then keys. */
  onProgress?: (done: number, of: number) => void
}

export interface Copied {
  trailId: string
  issuer: string
  entries: number
  /** SHA-256 over all entries and keys, in order, the same on both sides: 64 hexadecimal digits. */
  hash: string
  /** `already`: it was whole before. */
  was: 'copied' | 'already'
}

const AT_ONCE = 5000
/** As those of the store. */
const PARTITION_SIZE = 10_000_000
/** Of a program that will never be. */
const UNFINISHED = 2_147_483_647
/** Partitions of many entries take their time. */
const ANSWER_WITHIN_MS = 600_000

/** @throws {TrailError} `trail-foreign` when there is another trail, or more than the file has; `trail-corrupt` when the sides differ */
export async function copyToPostgres({ from, to, onProgress }: Copying): Promise<Copied> {
  const db = openForReading(from)
  const link = new PostgresLink({
    url: to,
    use: 'write',
    answerWithinMs: ANSWER_WITHIN_MS,
    onConnect: async () => undefined,
  })
  try {
    const trail = readTrailRow(db)
    await migratePostgres({ url: to, issuer: null })
    const begun = await link.run((client) => begin(client, { trail, place: link.place }))
    const copy = new Copy(db, link, trail)
    if (begun === 'unfinished') await copy.all(onProgress)
    const hash = await copy.verifiedHash()
    if (begun === 'unfinished') await link.run(finish)
    const { trailId, issuer, nextIndex } = trail
    return { trailId, issuer, entries: nextIndex, hash, was: begun === 'unfinished' ? 'copied' : 'already' }
  } finally {
    await link.close()
    db.close()
  }
}

/** @throws {TrailError} `trail-foreign` */
async function begin(
  client: Client,
  { trail, place }: { trail: TrailRow; place: string },
): Promise<'unfinished' | 'whole'> {
  await client.query(
    `INSERT INTO logout_trail.trail (one, trail_id, trail_key, issuer, epoch, works_with)
     VALUES (1, $1, $2, $3, $4, ${UNFINISHED}) ON CONFLICT DO NOTHING`,
    [trail.trailId, trail.trailKey, trail.issuer, trail.epoch],
  )
  const { rows } = await client.query<{ trail_id: string; works_with: number; entries: number }>(
    `SELECT trail_id, works_with, (SELECT coalesce(max("index"), -1) + 1 FROM logout_trail.entries) AS entries
     FROM logout_trail.trail`,
  )
  const [found] = rows
  if (found?.trail_id !== trail.trailId)
    throw new TrailError(
      'trail-foreign',
      `${place} holds another trail, ${found?.trail_id}; copy into an empty database.`,
    )
  if (found.entries > trail.nextIndex)
    throw new TrailError(
      'trail-foreign',
      `${place} has ${found.entries} entries, and the file ${trail.nextIndex}: a service has used the copy since. Go on with it, or copy into an empty database.`,
    )
  return found.works_with === UNFINISHED ? 'unfinished' : 'whole'
}

async function finish(client: Client): Promise<void> {
  await client.query(
    `UPDATE logout_trail.trail SET works_with =
       (SELECT works_with FROM logout_trail.migrations ORDER BY version DESC LIMIT 1)`,
  )
}

/** A row of either side, in the order of its columns. */
type Row = readonly (string | number | null)[]

const ENTRY = ['index', ...columns]
const NAMES = ENTRY.map((column) => `"${column}"`).join(', ')

class Copy {
  readonly #db: DatabaseSync
  readonly #link: PostgresLink
  readonly #trail: TrailRow

  constructor(db: DatabaseSync, link: PostgresLink, trail: TrailRow) {
    this.#db = db
    this.#link = link
    this.#trail = trail
  }

  async all(onProgress: Copying['onProgress']): Promise<void> {
    const { nextIndex } = this.#trail
    await this.#makeRoom(nextIndex + PARTITION_SIZE / 2)
    const [last] = await this.#ask('SELECT coalesce(max("index"), -1) AS at FROM logout_trail.entries')
    for (let after = Number(last?.['at']); ;) {
      const rows = this.#entries(after)
      if (rows.length === 0) break
      await this.#ask(ADD_ENTRIES, [JSON.stringify(rows.map(named))])
      after = Number(rows.at(-1)?.[0])
      onProgress?.(after + 1, 2 * nextIndex)
    }
    await this.#keys(onProgress)
  }

  /** A few partitions at a time: more at once are taken for a mistake. */
  async #makeRoom(upTo: number): Promise<void> {
    for (let reached = 0; reached < upTo;) {
      const next = Math.min(upTo, reached + 5 * PARTITION_SIZE)
      const [row] = await this.#ask('SELECT logout_trail.add_partitions($1, $2) AS reached', [
        next,
        PARTITION_SIZE,
      ])
      reached = Number(row?.['reached'])
    }
  }

  async #keys(onProgress: Copying['onProgress']): Promise<void> {
    const { nextIndex } = this.#trail
    const [there] = await this.#ask(
      `SELECT count(*) AS keys, coalesce(encode(max(key), 'hex'), '') AS after FROM logout_trail.dedupe`,
    )
    let done = Number(there?.['keys'])
    for (let after = String(there?.['after']); ;) {
      const rows = this.#keysOfFile(after)
      if (rows.length === 0) break
      await this.#ask(ADD_KEYS, [rows.map(([key]) => key), rows.map(([, index]) => index)])
      after = String(rows.at(-1)?.[0])
      done += rows.length
      onProgress?.(nextIndex + done, 2 * nextIndex)
    }
  }

  /** @throws {TrailError} `trail-corrupt` when the two sides are not the same */
  async verifiedHash(): Promise<string> {
    const [file, postgres] = [createHash('sha256'), createHash('sha256')]
    for (let after = -1; ;) {
      const [here, there] = [this.#entries(after), await this.#entriesThere(after)]
      for (const row of here) file.update(JSON.stringify(row))
      for (const row of there) postgres.update(JSON.stringify(row))
      if (here.length === 0 && there.length === 0) break
      after = Number((here.at(-1) ?? there.at(-1))?.[0])
    }
    for (let after = ''; ;) {
      const [here, there] = [this.#keysOfFile(after), await this.#keysThere(after)]
      for (const row of here) file.update(JSON.stringify(row))
      for (const row of there) postgres.update(JSON.stringify(row))
      if (here.length === 0 && there.length === 0) break
      after = String((here.at(-1) ?? there.at(-1))?.[0])
    }
    const [hash, other] = [file.digest('hex'), postgres.digest('hex')]
    if (hash === other) return hash
    throw new TrailError(
      'trail-corrupt',
      `The copy in ${this.#link.place} is not the same as the file (SHA-256 ${other} and ${hash}). If both were used since, they have gone on apart, and each has entries of its own: remove neither. To copy again, rename the schema logout_trail there first.`,
    )
  }

  #entries(after: number): Row[] {
    const page = this.#db.prepare(
      `SELECT ${NAMES} FROM entries WHERE "index" > ? ORDER BY "index" LIMIT ${AT_ONCE}`,
    )
    page.setReturnArrays(true)
    return page.all(after) as unknown as Row[]
  }

  async #entriesThere(after: number): Promise<Row[]> {
    const rows = await this.#ask(
      `SELECT ${NAMES} FROM logout_trail.entries WHERE "index" > $1 ORDER BY "index" LIMIT ${AT_ONCE}`,
      [after],
    )
    return rows.map((row) => ENTRY.map((column) => row[column] ?? null))
  }

  /** Keys as hexadecimal digits, whose order is that of their bytes. */
  #keysOfFile(after: string): Row[] {
    const page = this.#db.prepare(
      `SELECT lower(hex(key)), "index" FROM dedupe WHERE key > ? ORDER BY key LIMIT ${AT_ONCE}`,
    )
    page.setReturnArrays(true)
    return page.all(Buffer.from(after, 'hex')) as unknown as Row[]
  }

  async #keysThere(after: string): Promise<Row[]> {
    const rows = await this.#ask(
      `SELECT encode(key, 'hex') AS hex, "index" FROM logout_trail.dedupe WHERE key > decode($1, 'hex') ORDER BY key LIMIT ${AT_ONCE}`,
      [after],
    )
    return rows.map((row) => [row['hex'] ?? null, row['index'] ?? null])
  }

  #ask(text: string, values: unknown[] = []): Promise<Record<string, string | number | null>[]> {
    return this.#link.run(async (client) => (await client.query(text, values)).rows)
  }
}

function named(row: Row): Record<string, string | number | null> {
  return Object.fromEntries(ENTRY.map((column, at) => [column, row[at] ?? null]))
}

const ADD_ENTRIES = `
  INSERT INTO logout_trail.entries (${NAMES})
  SELECT ${NAMES} FROM json_populate_recordset(NULL::logout_trail.entries, $1) ORDER BY "index"`

const ADD_KEYS = `
  INSERT INTO logout_trail.dedupe (key, "index")
  SELECT decode(k, 'hex'), i FROM unnest($1::text[], $2::bigint[]) AS told (k, i)`
