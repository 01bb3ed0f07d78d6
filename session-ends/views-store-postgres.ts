/**
 * The views in PostgreSQL: written by one process at a time, which is shown in each transaction by its fence, and by the place where the
 * views stand. What a loss of the server loses of them is made again from the trail, so no commit here waits for a disk.
 */
import type { Client } from 'pg'
import { TrailError } from '../trail/error.ts'
import type { RollupRow, RollupRows } from './rollups.ts'
import { VIEWS_SCHEMA } from './views-postgres-schema.ts'
import { ENTRIES_LIMIT, positionFrom, viewsVersion } from './views-schema.ts'
import {
  sessionColumns,
  type Placed,
  type Position,
  type StoredSession,
  type StoredUserEnd,
  type ViewsChange,
  type ViewsStore,
} from './views-store.ts'

/** The connection of whoever may write. It reads `bigint` as numbers: times, places and indexes are far below 2^53. */
export interface ViewsLink {
  /** One at a time, in the order of the calls. @throws {TrailError} and drops the connection, whatever went wrong. */
  run: <T>(work: (client: Client) => Promise<T>) => Promise<T>
  /** The first statement of each transaction. @throws when another process may write now */
  assertHeld: (client: Client) => Promise<void>
  close: () => Promise<void>
}

export function postgresViewsStore(link: ViewsLink, schema = VIEWS_SCHEMA): ViewsStore {
  return new PostgresViewsStore(link, schema)
}

class PostgresViewsStore implements ViewsStore {
  /** A quarter less of the server's work for an entry than with 1,000. */
  readonly mostAtOnce = 8000
  readonly #link: ViewsLink
  readonly #schema: string
  /** Of the session that comes next; null before it was asked for. Nobody else gives any out. */
  #nextId: number | null = null

  constructor(link: ViewsLink, schema: string) {
    this.#link = link
    this.#schema = schema
  }

  async position(): Promise<Position> {
    const [row] = await this.#read<Record<string, unknown>>(`SELECT * FROM ${this.#schema}.position`)
    if (!row) throw new Error('The session records do not say how far they got.')
    return positionFrom(row)
  }

  async sessions(ids: Iterable<string>, users: Iterable<string>): Promise<StoredSession[]> {
    // Two searches, each of its index: of an OR the planner would make one of all rows.
    const found = [
      ...(await this.#rowsWith<StoredSession>('sessions', { column: 'session_id', values: ids })),
      ...(await this.#rowsWith<StoredSession>('sessions', { column: 'user_id', values: users })),
    ]
    return [...new Map(found.map((row) => [row.id, row])).values()]
  }

  userEnds(users: Iterable<string>): Promise<StoredUserEnd[]> {
    return this.#rowsWith<StoredUserEnd>('user_ends', { column: 'user_id', values: users })
  }

  async write(change: ViewsChange): Promise<void> {
    try {
      await this.#inTransaction((client) => this.#writeAll(client, change))
    } catch (error) {
      this.#nextId = null
      throw error
    }
  }

  close(): Promise<void> {
    return this.#link.close()
  }

  async #rowsWith<Row extends object>(
    table: 'sessions' | 'user_ends',
    { column, values }: { column: 'session_id' | 'user_id'; values: Iterable<string> },
  ): Promise<Row[]> {
    const wanted = listOf([...values])
    if (wanted === null) return []
    const selected = table === 'sessions' ? columns.join(', ') : '*'
    return this.#read<Row>(`SELECT ${selected} FROM ${this.#schema}.${table} WHERE ${column} = ANY($1)`, [
      wanted,
    ])
  }

  /** Without a look at the fence: what is written from it is not, once the views stand elsewhere. */
  #read<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
    return this.#link.run(async (client) => (await client.query<Row>(text, values)).rows)
  }

  #inTransaction<T>(work: (client: Client) => Promise<T>): Promise<T> {
    return this.#link.run(async (client) => {
      await client.query(
        `BEGIN; SET LOCAL search_path TO ${this.#schema}; SET LOCAL synchronous_commit TO off`,
      )
      await this.#link.assertHeld(client)
      const done = await work(client)
      await client.query('COMMIT')
      return done
    })
  }

  async #writeAll(client: Client, change: ViewsChange): Promise<void> {
    await moved(client, change)
    let next = this.#nextId ?? (await firstFreeId(client))
    const added = change.added.map((placed) => ({ ...placed, id: next++ }))
    const changed = change.changed.map(({ before, ...placed }) => ({ ...placed, id: before.id }))
    await putSessions(client, { name: 'add sessions', text: ADD_SESSIONS, placed: added })
    await putSessions(client, { name: 'change sessions', text: CHANGE_SESSIONS, placed: changed })
    await addUserEnds(client, change.userEnds)
    await addUp(client, change)
    await addRollups(client, change.rollups)
    this.#nextId = next
  }
}

async function moved(client: Client, { from, to }: { from: Position; to: Position }): Promise<void> {
  const { rowCount } = await client.query(
    `UPDATE position SET next_index = $1, last_hash = $2, unanswered_first = $3, unanswered_last = $4
     WHERE next_index = $5 AND trail_id = $6 AND epoch = $7 AND version = $8`,
    [
      to.nextIndex,
      to.lastHash,
      to.unanswered?.first ?? null,
      to.unanswered?.last ?? null,
      from.nextIndex,
      from.trailId,
      from.epoch,
      viewsVersion,
    ],
  )
  if (rowCount === 1) return
  throw new TrailError(
    'trail-locked',
    `The session records no longer stand at ${from.nextIndex}: somebody else writes them, or made them anew.`,
  )
}

async function firstFreeId(client: Client): Promise<number> {
  const { rows } = await client.query<{ id: string | number }>(
    'SELECT coalesce(max(id), 0) + 1 AS id FROM sessions',
  )
  return Number(rows[0]?.id)
}

type PlacedAt = Placed & { id: number }

const columns = ['id', ...sessionColumns] as const

const texts = new Set<(typeof columns)[number]>([
  'session_id',
  'user_id',
  'client_id',
  'actor_id',
  'org_id',
  'intent',
  'request_actor_id',
  'last_intent',
  'last_request_actor_id',
  'end_kind',
])

/** A list for each column: as JSON the same rows are a quarter of the server's work. */
const ADD_SESSIONS = `
  INSERT INTO sessions AS s (${columns.join(', ')}, entries)
  SELECT ${columns.join(', ')}, entries::bigint[]
  FROM unnest(${columns.map((name, at) => `$${at + 1}::${texts.has(name) ? 'text' : 'bigint'}[]`).join(', ')}, $${columns.length + 1}::text[])
    AS told (${columns.join(', ')}, entries)`

const CHANGE_SESSIONS = `${ADD_SESSIONS}
  ON CONFLICT (id) DO UPDATE SET ${sessionColumns.map((name) => `${name} = excluded.${name}`).join(', ')},
    entries = (s.entries || excluded.entries)[1:${ENTRIES_LIMIT}]`

async function putSessions(
  client: Client,
  { name, text, placed }: { name: string; text: string; placed: readonly PlacedAt[] },
): Promise<void> {
  if (placed.length === 0) return
  const rows = placed.map(({ id, row }) => ({ ...row, id }))
  const values = columns.map((column) => listOf(rows.map((row) => row[column])))
  const entries = listOf(placed.map(({ indexes }) => `{${indexes.slice(0, ENTRIES_LIMIT).join()}}`))
  await client.query({ name, text, values: [...values, entries] })
}

async function addUserEnds(client: Client, ends: readonly StoredUserEnd[]): Promise<void> {
  if (ends.length === 0) return
  await client.query(
    'INSERT INTO user_ends SELECT * FROM json_populate_recordset(NULL::user_ends, $1) ON CONFLICT DO NOTHING',
    [JSON.stringify(ends)],
  )
}

async function addUp(client: Client, { webhookMix, heard }: ViewsChange): Promise<void> {
  await client.query(
    `INSERT INTO webhook_mix AS t SELECT * FROM unnest($1::smallint[], $2::bigint[])
     ON CONFLICT (webhook_ends) DO UPDATE SET sessions = t.sessions + excluded.sessions`,
    columnsOf(
      [...webhookMix].filter(([, by]) => by !== 0),
      2,
    ),
  )
  await client.query(
    `INSERT INTO heard AS t SELECT * FROM unnest($1::text[], $2::bigint[])
     ON CONFLICT (source) DO UPDATE SET at = greatest(t.at, excluded.at)`,
    columnsOf([...heard], 2),
  )
}

async function addRollups(client: Client, { quarters, days, orgQuarters }: RollupRows): Promise<void> {
  await addRollup(client, 'rollup_quarters', quarters)
  await addRollup(client, 'rollup_days', days)
  if (orgQuarters.length === 0) return
  // A number takes a tenth of the place of an id, in every row.
  await client.query(
    `INSERT INTO orgs (id, org_id)
     SELECT (SELECT coalesce(max(id), 0) FROM orgs) + row_number() OVER (ORDER BY place), org_id
     FROM unnest($1::text[]) WITH ORDINALITY AS told (org_id, place)
     WHERE NOT EXISTS (SELECT 1 FROM orgs WHERE orgs.org_id = told.org_id)`,
    [orgQuarters.map(({ org }) => org)],
  )
  const rows = orgQuarters.flatMap(({ org, rows }) => rows.map((row) => [org, ...row]))
  await client.query(ADD_ORG_ROLLUP, columnsOf(rows, 6))
  const removed = rows.filter((row) => Number(row[5]) < 0).map((row) => row.slice(0, 5))
  if (removed.length > 0) await client.query(REMOVE_ORG_ROLLUP, columnsOf(removed, 5))
}

const SHAPE = 'unnest($1::smallint[], $2::bigint[], $3::smallint[], $4::smallint[]'
const ORG_SHAPE = 'unnest($1::text[], $2::smallint[], $3::bigint[], $4::smallint[], $5::smallint[]'
const SAME = 't.measure = c.measure AND t.at = c.at AND t.outcome = c.outcome AND t.part = c.part'

const ADD_ORG_ROLLUP = `
  INSERT INTO rollup_org_quarters AS t (org, measure, at, outcome, part, sessions)
  SELECT orgs.id, c.measure, c.at, c.outcome, c.part, c.by
  FROM ${ORG_SHAPE}, $6::bigint[]) AS c (org_id, measure, at, outcome, part, by) JOIN orgs USING (org_id)
  ON CONFLICT (org, measure, at, outcome, part) DO UPDATE SET sessions = t.sessions + excluded.sessions`

const REMOVE_ORG_ROLLUP = `
  DELETE FROM rollup_org_quarters t
  USING ${ORG_SHAPE}) AS c (org_id, measure, at, outcome, part) JOIN orgs USING (org_id)
  WHERE t.org = orgs.id AND ${SAME} AND t.sessions = 0`

/** Rows that count for nothing are removed, so that the same counts are the same rows. */
async function addRollup(
  client: Client,
  table: 'rollup_quarters' | 'rollup_days',
  rows: readonly RollupRow[],
): Promise<void> {
  if (rows.length === 0) return
  await client.query(
    `INSERT INTO ${table} AS t (measure, at, outcome, part, sessions) SELECT * FROM ${SHAPE}, $5::bigint[])
     ON CONFLICT (measure, at, outcome, part) DO UPDATE SET sessions = t.sessions + excluded.sessions`,
    columnsOf(rows, 5),
  )
  const removed = rows.filter(([, , , , by]) => by < 0).map((row) => row.slice(0, 4))
  if (removed.length === 0) return
  await client.query(
    `DELETE FROM ${table} t USING ${SHAPE}) AS c (measure, at, outcome, part) WHERE ${SAME} AND t.sessions = 0`,
    columnsOf(removed, 4),
  )
}

type Value = string | number

/** For `unnest`: a list for each column. */
function columnsOf(rows: readonly (readonly Value[])[], count: number): (string | null)[] {
  return Array.from({ length: count }, (_, at) => listOf(rows.map((row) => row[at] ?? 0)))
}

const TO_ESCAPE = /["\\]/g

/** As PostgreSQL writes an array; `pg` would look at each element much longer. Null, which costs nothing: there is nothing but nulls. */
function listOf(values: readonly (Value | null)[]): string | null {
  let told = false
  const written = values.map((value) => {
    if (value === null) return 'NULL'
    told = true
    if (typeof value === 'number') return String(value)
    return value.search(TO_ESCAPE) < 0 ? `"${value}"` : `"${value.replaceAll(TO_ESCAPE, '\\$&')}"`
  })
  return told ? `{${written.join()}}` : null
}
