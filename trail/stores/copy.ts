/**
 * Moves a trail from a file into PostgreSQL: the same entries under the same indexes, with the keys by which repeats are known. It can be
 * stopped at any point, and goes on where it was, also when a service has used the file meanwhile.
 *
 * While it is not whole, the trail there says that it needs a program of a version that does not exist: no service starts on it or writes
 * to it. Nothing may write the file meanwhile: its lock is to be held.
 */
import { createHash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { columns } from '../entry.ts'
import { TrailError } from '../error.ts'
import { refuseWhatDoesNotFit } from './copy-fit.ts'
import {
  beginThere,
  carryEpoch,
  finish,
  linkOfCopy,
  lookThere,
  putBack,
  readFsync,
  type There,
} from './copy-there.ts'
import { quoted, whole } from './postgres-batch.ts'
import type { PostgresLink } from './postgres-link.ts'
import { migrations, type Migration } from './postgres-migrations.ts'
import { migratePostgres } from './postgres-schema.ts'
import { openForReading, readTrailRow, withErrorsNamed, type TrailRow } from './sqlite-schema.ts'

export interface Copying {
  /** Of the file. */
  from: string
  /** Of the PostgreSQL. */
  to: string
  /** Told again and again how many rows of how many are there, and then how many of them were compared: entries, and then keys. */
  onProgress?: ((what: 'copied' | 'compared', done: number, of: number) => void) | undefined
  /** Those of this program; tests bring more. */
  steps?: readonly Migration[]
  /** Entries in a partition. */
  partitionSize?: number
}

export interface Copied {
  trailId: string
  issuer: string
  entries: number
  /** SHA-256 over all entries and keys, in order, the same on both sides: 64 hexadecimal digits. */
  hash: string
  /** `already`: it was whole before. */
  was: 'copied' | 'already'
  /** Of the server. Off: the copy is not on its disk yet. */
  fsync: 'on' | 'off'
}

/** Pages of 1,000 and of 10,000 both took longer. */
const AT_ONCE = 5000
/** As those of the store. */
const PARTITION_SIZE = 10_000_000

/**
 * @throws {TrailError} `trail-foreign` when there is another trail, or the file and the copy have gone on apart; `trail-corrupt` when
 * the sides differ; `trail-locked` when another copy runs; `trail-unwritable` when PostgreSQL cannot hold an entry
 */
export async function copyToPostgres(copying: Copying): Promise<Copied> {
  const { from, to, onProgress, steps = migrations, partitionSize = PARTITION_SIZE } = copying
  const db = openForReading(from)
  const link = linkOfCopy(to)
  try {
    const trail = withErrorsNamed(from, 'read', () => readTrailRow(db))
    const comparing = { trail, place: link.place, known: steps.length }
    const copy = new Copy({ db, path: from, link, trail, onProgress, partitionSize })
    // Before anything is written there: what will be refused stays as it is.
    const found = await link.run((client) => lookThere(client, comparing))
    if (found?.state !== 'whole') {
      const { nextIndex } = trail
      withErrorsNamed(from, 'read', () => refuseWhatDoesNotFit({ db, path: from, nextIndex }))
      await migratePostgres({ url: to, issuer: null, steps })
      await link.run((client) => beginThere(client, trail))
      // Again: a service may have been faster.
      await copy.goOn(await link.run((client) => lookThere(client, comparing)))
    }
    const hash = await copy.verifiedHash()
    await link.run(finish)
    const fsync = await link.run(readFsync)
    const { trailId, issuer, nextIndex } = trail
    const was = found?.state === 'whole' ? 'already' : 'copied'
    return { trailId, issuer, entries: nextIndex, hash, was, fsync }
  } finally {
    await link.close()
    db.close()
  }
}

/** A row of either side, in the order of its columns. */
type Row = readonly (string | number | null)[]

/** A page of PostgreSQL, and the same page of the file. */
type Page = [there: Row[], here: Row[]]

const ENTRY = ['index', ...columns]
const NAMES = ENTRY.map((column) => `"${column}"`).join(', ')

interface CopyOptions extends Pick<Copying, 'onProgress'> {
  db: DatabaseSync
  path: string
  link: PostgresLink
  trail: TrailRow
  partitionSize: number
}

class Copy {
  readonly #options: CopyOptions

  constructor(options: CopyOptions) {
    this.#options = options
  }

  /** From what an earlier run has left. */
  async goOn(there: There | null): Promise<void> {
    const { link, trail, partitionSize } = this.#options
    if (there?.state !== 'unfinished')
      throw new TrailError(
        'trail-foreign',
        `${link.place} is used by a service; copy into an empty database.`,
      )
    await this.#refuseAnotherBeginning(there.entries)
    await link.run((client) => carryEpoch(client, trail.epoch))
    await this.#makeRoom(trail.nextIndex + Math.ceil(partitionSize / 2))
    await this.#addEntries(there.entries)
    await this.#addKeys()
    // So that the first services need not wait until the server does it by itself. Of tables of another owner it only warns.
    await this.#ask('ANALYZE logout_trail.entries, logout_trail.dedupe')
  }

  /** Entries that are there have to be those of the file: it may have been restored since, with other ones under their indexes. */
  async #refuseAnotherBeginning(entries: number): Promise<void> {
    const { place } = this.#options.link
    for await (const page of this.#entryPages(entries)) {
      const differs = whereDiffering(page)
      if (differs !== null)
        throw putBack(place, `${place} has another entry ${differs} than the file, in an unfinished copy`)
    }
  }

  /** A few partitions at a time: more at once are taken for a mistake. */
  async #makeRoom(upTo: number): Promise<void> {
    const { partitionSize } = this.#options
    for (let reached = 0; reached < upTo;) {
      const next = Math.min(upTo, reached + 5 * partitionSize)
      const [row] = await this.#ask('SELECT logout_trail.add_partitions($1, $2)', [next, partitionSize])
      reached = Number(row?.[0])
    }
  }

  async #addEntries(from: number): Promise<void> {
    const { trail, onProgress } = this.#options
    let at = from
    const next = () => listed(this.#entries(at, at + AT_ONCE))
    for (let page = next(); page.rows.length > 0;) {
      at += page.rows.length
      ;[, page] = await this.#meanwhile(ADD_ENTRIES, page.lists, next)
      onProgress?.('copied', at, 2 * trail.nextIndex)
    }
  }

  /** All of them: those of entries that came between two runs stand anywhere among the others. */
  async #addKeys(): Promise<void> {
    const { trail, onProgress } = this.#options
    let done = trail.nextIndex
    let after = ''
    const next = () => listed(this.#keys(after))
    for (let page = next(); page.rows.length > 0;) {
      after = lastOf(page.rows)
      done += page.rows.length
      ;[, page] = await this.#meanwhile(ADD_KEYS, page.lists, next)
      onProgress?.('copied', done, 2 * trail.nextIndex)
    }
  }

  /** @throws {TrailError} `trail-corrupt` when the two sides are not the same */
  async verifiedHash(): Promise<string> {
    const { trail, onProgress } = this.#options
    const hash = createHash('sha256')
    let done = 0
    const take = (page: Page, what: 'entry' | 'key of entry') => {
      const [there, here] = page.map(textOf)
      if (here === undefined || here !== there) throw this.#different(`${what} ${whereDiffering(page)}`)
      hash.update(here)
      onProgress?.('compared', (done += page[0].length), 2 * trail.nextIndex)
    }
    for await (const page of this.#entryPages(trail.nextIndex)) take(page, 'entry')
    for await (const page of this.#keyPages()) take(page, 'key of entry')
    return hash.digest('hex')
  }

  #different(what: string): TrailError {
    const { place } = this.#options.link
    return new TrailError(
      'trail-corrupt',
      `The copy in ${place} is not the same as the file: the ${what} differs. If both were used since, they have gone on apart, and each has entries of its own: remove neither. To copy again, rename the schema logout_trail there first.`,
    )
  }

  async *#entryPages(upTo: number): AsyncGenerator<Page> {
    for (let from = 0; from < upTo; from += AT_ONCE) {
      const to = Math.min(from + AT_ONCE, upTo)
      yield await this.#meanwhile(ENTRIES_THERE, [from, to], () => this.#entries(from, to))
    }
  }

  async *#keyPages(): AsyncGenerator<Page> {
    for (let after = ''; ;) {
      const page = await this.#meanwhile(KEYS_THERE, [after], () => this.#keys(after))
      if (page.every((rows) => rows.length === 0)) return
      yield page
      after = lastOf(page[1])
    }
  }

  #entries(from: number, to: number): Row[] {
    return this.#read(ENTRIES_HERE, [from, to])
  }

  /** Keys as hexadecimal digits, whose order is that of their bytes. */
  #keys(after: string): Row[] {
    return this.#read(KEYS_HERE, [Buffer.from(after, 'hex')])
  }

  #read(text: string, values: (number | Buffer)[]): Row[] {
    const { db, path } = this.#options
    return withErrorsNamed(path, 'read', () => {
      const page = db.prepare(text)
      page.setReturnArrays(true)
      return page.all(...values) as unknown as Row[]
    })
  }

  /** Asks PostgreSQL, and works here until it answers: once the question is on its way. */
  #meanwhile<T>(text: string, values: unknown[], work: () => T): Promise<[answer: Row[], done: T]> {
    return Promise.all([this.#ask(text, values), setImmediate().then(work)])
  }

  #ask(text: string, values: unknown[] = []): Promise<Row[]> {
    return this.#options.link.run(async (client) => {
      return (await client.query<(string | number | null)[]>({ text, values, rowMode: 'array' })).rows
    })
  }
}

/** Of the first row that is not the same in both: the entry that it is, or is of. */
function whereDiffering([there, here]: Page): number | null {
  const at = here.findIndex((row, place) => JSON.stringify(row) !== JSON.stringify(there[place]))
  const row = here[at] ?? there[here.length]
  if (!row) return null
  return Number(row.find((value) => typeof value === 'number'))
}

/** What is hashed: each row as JSON, and a comma after it. */
function textOf(rows: readonly Row[]): string {
  return rows.length === 0 ? '' : `${JSON.stringify(rows).slice(1, -1)},`
}

/** With the parameters that add them: a list for each column, as PostgreSQL writes it. */
function listed(rows: Row[]): { rows: Row[]; lists: string[] } {
  const [first = []] = rows
  return { rows, lists: first.map((_, at) => `{${rows.map((row) => written(row[at] ?? null)).join()}}`) }
}

function written(value: string | number | null): string {
  if (value === null) return 'NULL'
  return typeof value === 'number' ? String(value) : quoted(value)
}

function lastOf(keys: readonly Row[]): string {
  return String(keys.at(-1)?.[0] ?? '')
}

const ENTRIES_HERE = `SELECT ${NAMES} FROM entries WHERE "index" >= ? AND "index" < ? ORDER BY "index"`
const ENTRIES_THERE = `
  SELECT ${NAMES} FROM logout_trail.entries WHERE "index" >= $1 AND "index" < $2 ORDER BY "index"`

const KEYS_HERE = `SELECT lower(hex(key)), "index" FROM dedupe WHERE key > ? ORDER BY key LIMIT ${AT_ONCE}`
const KEYS_THERE = `
  SELECT encode(key, 'hex'), "index" FROM logout_trail.dedupe WHERE key > decode($1, 'hex') ORDER BY key LIMIT ${AT_ONCE}`

const numbers: ReadonlySet<string> = new Set(['index', ...whole])

/** A list for each column: JSON takes the server twice the time. */
const LISTS = ENTRY.map((column, at) => `$${at + 1}::${numbers.has(column) ? 'bigint' : 'text'}[]`)
const ADD_ENTRIES = `INSERT INTO logout_trail.entries (${NAMES}) SELECT * FROM unnest(${LISTS.join(', ')})`

const ADD_KEYS = `
  INSERT INTO logout_trail.dedupe (key, "index")
  SELECT decode(k, 'hex'), i FROM unnest($1::text[], $2::bigint[]) AS told (k, i) ON CONFLICT DO NOTHING`
