/** Reads the views in `views.db`, beside the thread that writes them. */
import { statSync } from 'node:fs'
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import {
  DummyDriver,
  Kysely,
  sql,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type RawBuilder,
} from 'kysely'
import { orders, type Dialect, type Rows, type ViewsDatabase } from './rows.ts'
import { prepared } from './statements.ts'
import { openForReading } from './views-schema.ts'

/** Kysely only writes the SQL. */
const compiler = new Kysely<unknown>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
})

const dialect: Dialect = {
  indexedBy: (index) => sql`INDEXED BY ${sql.ref(index)}`,
  isOneOf: (values) => sql`IN (SELECT value FROM json_each(${JSON.stringify(values)}))`,
  behind: ({ column, value, and = sql`true` }, { order, beyond }) => {
    const { is, ordered } = orders[order]
    return { where: sql`${and} AND ${column} = ${value} AND id ${is} ${beyond}`, order: sql`id ${ordered}` }
  },
  entriesOf: (id, limit) =>
    sql`SELECT "index" FROM session_entries WHERE session = ${id} ORDER BY "index" LIMIT ${limit}`,
  idsForEach: (of, ids) =>
    sql`SELECT found.id FROM ${of} CROSS JOIN sessions AS found WHERE found.id IN (${ids})`,
}

/** Of this connection, which answers at once. */
export function sqliteRows(db: DatabaseSync): Rows {
  return {
    dialect,
    all: async <Row>(query: RawBuilder<Row>) => {
      const { sql, parameters } = query.compile(compiler)
      const statement = prepared(db, sql)
      statement.setReturnArrays(true)
      const found = statement.all(...(parameters as SQLInputValue[])) as unknown as SQLOutputValue[][]
      return found.length === 0 ? [] : named<Row>(found, namesOf(statement))
    },
  }
}

const names = new WeakMap<StatementSync, string[]>()

function namesOf(statement: StatementSync): string[] {
  const known = names.get(statement) ?? statement.columns().map(({ name }) => name)
  names.set(statement, known)
  return known
}

/**
 * Of one shape, which the engine knows by its second row. The objects that SQLite would make are dictionaries instead: making a record of
 * one took ten times as long.
 */
function named<Row>(found: readonly SQLOutputValue[][], names: readonly string[]): Row[] {
  return found.map((values) => {
    const row: Record<string, SQLOutputValue> = {}
    for (const [at, name] of names.entries()) row[name] = values[at] ?? null
    return row as Row
  })
}

/** Nothing is opened before it is asked. */
export function sqliteViews(path: string): ViewsDatabase {
  return new SqliteViews(path)
}

class SqliteViews implements ViewsDatabase {
  readonly #path: string
  #db: DatabaseSync | null = null
  #file: number | null = null
  /** Ends when nothing is being read: a connection has one transaction at a time. */
  #idle: Promise<unknown> = Promise.resolve()

  constructor(path: string) {
    this.#path = path
  }

  atOneMoment<T>(read: (rows: Rows) => Promise<T>): Promise<T | null> {
    const answer = this.#idle.then(() => this.#read(read))
    this.#idle = Promise.allSettled([answer])
    return answer
  }

  async close(): Promise<void> {
    await this.#idle
    this.#closeFile()
  }

  async #read<T>(read: (rows: Rows) => Promise<T>): Promise<T | null> {
    const db = this.#opened()
    if (!db) return null
    db.exec('BEGIN')
    try {
      return await read(sqliteRows(db))
    } finally {
      db.exec('COMMIT')
    }
  }

  /** Null: there are none yet. Those that were made anew meanwhile are another file. */
  #opened(): DatabaseSync | null {
    const file = statSync(this.#path, { throwIfNoEntry: false })?.ino ?? null
    if (file !== this.#file) this.#closeFile()
    if (!this.#db && file !== null) this.#db = openForReading(this.#path)
    this.#file = file
    return this.#db
  }

  #closeFile(): void {
    this.#db?.close()
    this.#db = null
  }
}
