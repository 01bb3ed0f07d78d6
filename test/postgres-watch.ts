/** The database watches who writes the session records; and whether they are what the same entries make in a file. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { followAll } from '../session-ends/follow.ts'
import { openViews } from '../session-ends/views-files.ts'
import { VIEWS_SCHEMA, viewsTables } from '../session-ends/views-postgres-schema.ts'
import { sessionColumns } from '../session-ends/views-store.ts'
import { openPostgresReader } from '../trail/stores/postgres-reader.ts'
import { query } from './postgres-trails.ts'
import { temporaryFolder } from './service.ts'

/** From now on each taking of the lease is kept, and each step of the records, with who made it. */
const WATCH = `
  CREATE SCHEMA watch;
  CREATE TABLE watch.turns (fence bigint, holder text, application text, free_at timestamptz, at timestamptz, n bigserial);
  CREATE TABLE watch.steps (fence bigint, application text, from_index bigint, to_index bigint, n bigserial);
  CREATE FUNCTION watch.turn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO watch.turns VALUES (NEW.fence, NEW.holder, current_setting('application_name'), OLD.until, clock_timestamp());
    RETURN NEW;
  END $$;
  CREATE FUNCTION watch.step() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO watch.steps SELECT l.fence, current_setting('application_name'), OLD.next_index, NEW.next_index
      FROM logout_trail.leases l WHERE l.name = 'session records';
    RETURN NEW;
  END $$;
  CREATE TRIGGER turn AFTER UPDATE ON logout_trail.leases
    FOR EACH ROW WHEN (OLD.fence <> NEW.fence) EXECUTE FUNCTION watch.turn();
  CREATE TRIGGER step AFTER UPDATE ON ${VIEWS_SCHEMA}.position FOR EACH ROW EXECUTE FUNCTION watch.step();`

export async function watchWhoWrites(database: string): Promise<void> {
  await query(database, WATCH)
}

/** Nobody took a lease that another held, and nobody wrote whose turn it was not, or twice what another had written. */
export async function checkTurns(database: string): Promise<{ turns: number; steps: number }> {
  const turns = await query(
    database,
    'SELECT fence::integer, application, free_at < at AS was_free FROM watch.turns ORDER BY n',
  )
  const steps = await query(
    database,
    'SELECT fence::integer, application, from_index::integer, to_index::integer FROM watch.steps ORDER BY n',
  )
  assert.deepEqual(
    turns.map(({ fence }) => fence),
    turns.map((_, at) => Number(turns[0]?.['fence']) + at),
    'each turn has the next fence',
  )
  assert.ok(
    turns.every((turn) => turn['was_free']),
    'nobody takes a turn that is not over',
  )
  const whose = new Map(turns.map(({ fence, application }) => [fence, application]))
  for (const [at, { fence, application, from_index }] of steps.entries()) {
    const before = steps[at - 1]
    if (before) assert.equal(from_index, before['to_index'], 'each step begins where the last one ended')
    assert.ok(Number(fence) >= Number(before?.['fence'] ?? 0), 'the fences of the steps rise')
    if (whose.has(fence))
      assert.equal(application, whose.get(fence), `whoever writes at fence ${String(fence)}`)
  }
  return { turns: turns.length, steps: steps.length }
}

/** Every row of every table is as SQLite's writer makes it of the same entries. Gives how many rows there are. */
export async function checkRecords(database: string): Promise<number> {
  const path = join(temporaryFolder(), 'views.db')
  const trail = await openPostgresReader(database)
  const views = await openViews(path, trail)
  await followAll(views, trail)
  await views.close()
  trail.close()
  const file = new DatabaseSync(path, { readOnly: true })
  let compared = 0
  for (const table of [...viewsTables, 'session_entries'] as const) {
    const found = await query(database, selectIn[table] ?? selectOf(table, `${VIEWS_SCHEMA}.`))
    const expected = file.prepare(selectOf(table, '')).all()
    assert.deepEqual(asTexts(found), asTexts(expected), table)
    compared += expected.length
  }
  file.close()
  return compared
}

/** The entries of a session are in its row there. */
const selectIn: Partial<Record<Table, string>> = {
  session_entries: `SELECT id AS session, unnest(entries) AS "index" FROM ${VIEWS_SCHEMA}.sessions`,
}

type Table = (typeof viewsTables)[number] | 'session_entries'

/** Numbers of organisations depend on which entries came together, so their names are compared. */
function selectOf(table: Table, schema: string): string {
  if (table === 'sessions') return `SELECT id, ${sessionColumns.join(', ')} FROM ${schema}sessions`
  if (table === 'orgs') return `SELECT org_id FROM ${schema}orgs`
  if (table !== 'rollup_org_quarters') return `SELECT * FROM ${schema}${table}`
  return `SELECT o.org_id, r.measure, r.at, r.outcome, r.part, r.sessions
          FROM ${schema}rollup_org_quarters r JOIN ${schema}orgs o ON o.id = r.org`
}

/** Sorted; one driver gives numbers where the other gives text. */
function asTexts(rows: readonly object[]): string[] {
  return rows
    .map((row) =>
      JSON.stringify(row, (_, value: unknown) => (typeof value === 'number' ? String(value) : value)),
    )
    .toSorted()
}
