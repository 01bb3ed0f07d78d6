/** The views in the file `views.db`: one writing connection, whose statements are prepared once. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { OrgId } from '../trail/entry.ts'
import type { RollupRow, RollupRows } from './rollups.ts'
import { prepared } from './statements.ts'
import { positionOf } from './views-schema.ts'
import {
  sessionColumns,
  type Placed,
  type Position,
  type SessionColumns,
  type StoredSession,
  type StoredUserEnd,
  type ViewsChange,
  type ViewsStore,
} from './views-store.ts'

/** `db`: open for writing, with the tables in it. It is closed with the store. */
export function sqliteViewsStore(db: DatabaseSync): ViewsStore {
  const writer = new Writer(db)
  const find = db.prepare('SELECT * FROM sessions WHERE session_id = ?')
  const ofUser = db.prepare('SELECT * FROM sessions WHERE user_id = ?')
  const endsOf = db.prepare('SELECT * FROM user_ends WHERE user_id = ?')
  return {
    // With more the thread keeps more memory, and is no faster.
    mostAtOnce: 1000,
    position: async () => positionOf(db),
    sessions: async (ids, users) => {
      const found: unknown[] = []
      for (const id of ids) found.push(find.get(id))
      for (const user of users) found.push(...ofUser.all(user))
      return found.filter((row) => row !== undefined) as StoredSession[]
    },
    userEnds: async (users) => {
      const found: unknown[] = []
      for (const user of users) found.push(...endsOf.all(user))
      return found as StoredUserEnd[]
    },
    write: async (change) => writer.write(change),
    close: async () => db.close(),
  }
}

class Writer {
  readonly #db: DatabaseSync
  readonly #insert
  readonly #addEntry
  readonly #addUserEnd
  readonly #countMix
  readonly #hear
  readonly #rollups
  readonly #setPosition

  constructor(db: DatabaseSync) {
    this.#db = db
    this.#insert = db.prepare(
      `INSERT INTO sessions (${sessionColumns.join(', ')}) VALUES (${sessionColumns.map(() => '?').join(', ')})`,
    )
    this.#addEntry = db.prepare('INSERT OR IGNORE INTO session_entries VALUES (?, ?)')
    this.#addUserEnd = db.prepare('INSERT OR IGNORE INTO user_ends VALUES (?, ?, ?, ?)')
    this.#countMix = db.prepare(
      'INSERT INTO webhook_mix VALUES (?, ?) ON CONFLICT DO UPDATE SET sessions = sessions + excluded.sessions',
    )
    this.#hear = db.prepare(
      'INSERT INTO heard VALUES (?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)',
    )
    this.#rollups = new RollupTables(db)
    this.#setPosition = db.prepare(
      `UPDATE position SET next_index = ?, last_hash = ?, unanswered_first = ?, unanswered_last = ?
       WHERE next_index = ?`,
    )
  }

  write(change: ViewsChange): void {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      this.#setTo(change)
      for (const added of change.added) this.#addEntries(this.#add(added.row), added)
      for (const changed of change.changed) {
        this.#change(changed.row, changed.before)
        this.#addEntries(changed.before.id, changed)
      }
      for (const { user_id, index, kind, occurred_at } of change.userEnds)
        this.#addUserEnd.run(user_id, index, kind, occurred_at)
      for (const [webhookEnds, by] of change.webhookMix) if (by !== 0) this.#countMix.run(webhookEnds, by)
      for (const [source, at] of change.heard) this.#hear.run(source, at)
      this.#rollups.write(change.rollups)
      this.#db.exec('COMMIT')
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }

  #setTo({ from, to }: { from: Position; to: Position }): void {
    const { nextIndex, lastHash, unanswered } = to
    const { changes } = this.#setPosition.run(
      nextIndex,
      lastHash,
      unanswered?.first ?? null,
      unanswered?.last ?? null,
      from.nextIndex,
    )
    if (changes !== 1)
      throw new Error(`The views no longer stand at ${from.nextIndex}: somebody else writes them.`)
  }

  #add(row: SessionColumns): number {
    const values = sessionColumns.map((name): SQLInputValue => row[name])
    return Number(this.#insert.run(...values).lastInsertRowid)
  }

  /** Every column that is set costs the index of it, so only those are that changed. */
  #change(row: SessionColumns, before: StoredSession): void {
    const changed = sessionColumns.filter((name) => row[name] !== before[name])
    if (changed.length === 0) return
    const set = changed.map((name) => `${name} = ?`).join(', ')
    const update = prepared(this.#db, `UPDATE sessions SET ${set} WHERE id = ?`)
    update.run(...changed.map((name) => row[name]), before.id)
  }

  #addEntries(id: number, { indexes }: Placed): void {
    for (const index of indexes) this.#addEntry.run(id, index)
  }
}

const KEY = ['measure', 'at', 'outcome', 'part']

class RollupTables {
  readonly #quarters: RollupTable
  readonly #days: RollupTable
  readonly #orgQuarters: RollupTable
  readonly #findOrg
  readonly #addOrg

  constructor(db: DatabaseSync) {
    this.#quarters = new RollupTable(db, 'rollup_quarters', KEY)
    this.#days = new RollupTable(db, 'rollup_days', KEY)
    this.#orgQuarters = new RollupTable(db, 'rollup_org_quarters', ['org', ...KEY])
    this.#findOrg = db.prepare('SELECT id FROM orgs WHERE org_id = ?')
    this.#addOrg = db.prepare('INSERT INTO orgs (org_id) VALUES (?) RETURNING id')
  }

  write({ quarters, days, orgQuarters }: RollupRows): void {
    for (const row of quarters) this.#quarters.write(row)
    for (const row of days) this.#days.write(row)
    for (const { org, rows } of orgQuarters) {
      const number = this.#numberOf(org)
      for (const row of rows) this.#orgQuarters.write(row, number)
    }
  }

  /** A number takes a tenth of the place of an id, in every row. */
  #numberOf(org: OrgId): number {
    return Number((this.#findOrg.get(org) ?? this.#addOrg.get(org))?.['id'])
  }
}

/** Rows that count for nothing are removed, so that the same counts are the same rows. */
class RollupTable {
  readonly #add
  readonly #removeNone

  constructor(db: DatabaseSync, name: string, key: readonly string[]) {
    this.#add = db.prepare(
      `INSERT INTO ${name} VALUES (${[...key, 'sessions'].map(() => '?').join(', ')})
       ON CONFLICT DO UPDATE SET sessions = sessions + excluded.sessions`,
    )
    this.#removeNone = db.prepare(
      `DELETE FROM ${name} WHERE ${key.map((column) => `${column} = ?`).join(' AND ')} AND sessions = 0`,
    )
  }

  write(row: RollupRow, ...org: number[]): void {
    const [measure, at, outcome, part, by] = row
    this.#add.run(...org, measure, at, outcome, part, by)
    if (by < 0) this.#removeNone.run(...org, measure, at, outcome, part)
  }
}
