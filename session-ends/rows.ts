/**
 * How the views are read: every query is written once, with Kysely, and goes through this port. SQLite and PostgreSQL are behind it; the
 * little that they say differently is in `Dialect`.
 */
import { sql, type RawBuilder } from 'kysely'

export interface Rows {
  readonly dialect: Dialect
  /** In the order of the query, and named as its columns are. Integers are numbers, also where they need 64 bits. */
  all: <Row>(query: RawBuilder<Row>) => Promise<Row[]>
}

export interface Dialect {
  /** `FROM sessions ${indexedBy(…)}`: where the planner would guess wrong, and can be told. */
  indexedBy: (index: string) => RawBuilder<unknown>
  /** `column ${isOneOf(values)}`: one parameter, however many they are. */
  isOneOf: (values: readonly (string | number)[]) => RawBuilder<unknown>
  /** `WHERE ${where} AND … ORDER BY ${order}`: the rows of a list behind a place, found in its index and in the order of their ids. */
  behind: (list: List, place: Place) => { where: RawBuilder<unknown>; order: RawBuilder<unknown> }
  /** The first entries of the session in this place, in their order. */
  entriesOf: (id: number, limit: number) => RawBuilder<{ index: number }>
  /** `SELECT found.id …`, to be ordered and cut: for each row of `of` what `ids` selects, which may name `of`. */
  idsForEach: (of: RawBuilder<unknown>, ids: RawBuilder<unknown>) => RawBuilder<unknown>
}

/** Those rows of `sessions` whose `column` is `value`. An index begins with it; before it, with what `and` says. */
export interface List {
  column: RawBuilder<unknown>
  value: unknown
  and?: RawBuilder<unknown>
}

/** Behind the id `beyond`: `newest` towards the first, `oldest` towards the last. */
export interface Place {
  order: 'newest' | 'oldest'
  beyond: number
}

export const orders = {
  newest: { is: sql.raw('<'), isNot: sql.raw('>='), ordered: sql.raw('DESC') },
  oldest: { is: sql.raw('>'), isNot: sql.raw('<='), ordered: sql.raw('ASC') },
}

export interface ViewsDatabase {
  /**
   * Everything that `read` reads is of one moment. It asks `rows` and waits for nothing else: a transaction is open meanwhile, and others
   * wait for their turn. Null: there are no views yet, or they are of another version.
   * @throws {TrailError} `views-unusable`, `views-damaged`
   */
  atOneMoment: <T>(read: (rows: Rows) => Promise<T>) => Promise<T | null>
  /** What was asked before is still answered. */
  close: () => Promise<void>
}
