/**
 * The views in PostgreSQL: the tables of `views-schema.ts`, in a schema of their own. Ids have the collation "C", the order of their
 * bytes, as in SQLite. Where SQLite's indexes end with the row's place by themselves, these name `id`: it is the order of every list.
 *
 * A row costs 28 bytes and an index its key once more, so the entries of a session stand in its own row: the first `ENTRIES_LIMIT` of them.
 * Columns are in the order in which they fit without gaps.
 */
import { ENDED, REQUESTED } from './outcome.ts'

export const VIEWS_SCHEMA = 'logout_trail_views'

const ID = 'text COLLATE "C"'
const ROLLUP =
  'measure smallint NOT NULL, at bigint NOT NULL, outcome smallint NOT NULL, part smallint NOT NULL'
const ROLLUP_KEY = 'measure, at, outcome, part'

/** In the order in which they are made. */
const tables = {
  position: `
    one smallint PRIMARY KEY CHECK (one = 1),
    version integer NOT NULL,
    trail_id text NOT NULL,
    epoch bigint NOT NULL,
    next_index bigint NOT NULL,
    last_hash text NOT NULL,
    unanswered_first bigint, unanswered_last bigint`,
  sessions: `
    id bigint PRIMARY KEY,
    first_index bigint NOT NULL, last_index bigint NOT NULL,
    org_at bigint, started_at bigint, alive_at bigint, requested_at bigint, last_requested_at bigint,
    still_active_at bigint, expire_at bigint, abandon_at bigint, end_at bigint,
    at bigint, over_by bigint, due_at bigint,
    day integer,
    outcome smallint NOT NULL, begun smallint NOT NULL, webhook_ends smallint NOT NULL, end_exact smallint, device smallint,
    session_id ${ID} NOT NULL UNIQUE,
    user_id ${ID}, client_id ${ID}, actor_id ${ID}, org_id ${ID},
    intent text, request_actor_id ${ID}, last_intent text, last_request_actor_id ${ID}, end_kind text,
    entries bigint[] NOT NULL`,
  user_ends: `
    user_id ${ID} NOT NULL, "index" bigint NOT NULL, kind text NOT NULL, occurred_at bigint NOT NULL,
    PRIMARY KEY (user_id, "index")`,
  webhook_mix: 'webhook_ends smallint PRIMARY KEY, sessions bigint NOT NULL',
  heard: 'source text PRIMARY KEY, at bigint NOT NULL',
  orgs: `id integer PRIMARY KEY, org_id ${ID} NOT NULL UNIQUE`,
  rollup_quarters: `${ROLLUP}, sessions bigint NOT NULL, PRIMARY KEY (${ROLLUP_KEY})`,
  rollup_days: `${ROLLUP}, sessions bigint NOT NULL, PRIMARY KEY (${ROLLUP_KEY})`,
  rollup_org_quarters: `org integer NOT NULL, ${ROLLUP}, sessions integer NOT NULL, PRIMARY KEY (org, ${ROLLUP_KEY})`,
}

export const viewsTables = Object.keys(tables) as (keyof typeof tables)[]

/**
 * Each report rewrites its session's row and its places in a dozen indexes: of three entries two leave dead rows. Of a large table the
 * server's own fifth would be millions.
 */
const stored: Partial<Record<keyof typeof tables, string>> = {
  sessions: ' WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02)',
}

const indexes = {
  sessions_of_user: '(user_id, id)',
  sessions_of_org: '(org_id, id) WHERE org_id IS NOT NULL',
  sessions_by_outcome: '(outcome, id)',
  sessions_by_day: '(day, outcome, id) WHERE day IS NOT NULL',
  sessions_by_change: '(last_index, id)',
  sessions_over_by: '(over_by, begun, outcome) WHERE over_by IS NOT NULL',
  sessions_living: `(over_by) WHERE over_by IS NOT NULL AND outcome < ${ENDED}`,
  sessions_due: '(due_at, id) WHERE due_at IS NOT NULL',
  sessions_still_active: `(still_active_at) WHERE still_active_at IS NOT NULL AND outcome < ${ENDED}`,
  sessions_requested: `(requested_at) WHERE outcome = ${REQUESTED}`,
}

/** For an empty database. What fills the tables from nothing makes the indexes last. */
export function viewsSchemaSql(schema = VIEWS_SCHEMA): { tables: string; indexes: string } {
  const made = viewsTables.map(
    (name) => `CREATE TABLE ${schema}.${name} (${tables[name]})${stored[name] ?? ''};`,
  )
  return {
    tables: [`CREATE SCHEMA ${schema};`, ...made].join('\n'),
    indexes: Object.entries(indexes)
      .map(([name, on]) => `CREATE INDEX ${name} ON ${schema}.sessions ${on};`)
      .join('\n'),
  }
}
