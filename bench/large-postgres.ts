/** The session records of `large-views.ts` in PostgreSQL, made there in SQL; and entries, to see how large they are. */
import type { Client } from 'pg'
import { valueOf } from '../session-ends/bins.ts'
import { hashOf, viewsVersion } from '../session-ends/views-schema.ts'
import { VIEWS_SCHEMA, viewsSchemaSql } from '../session-ends/views-postgres-schema.ts'
import { inDatabase, withDatabase } from '../test/postgres.ts'
import { toldByWebhook } from '../trail/entry.ts'
import { openPostgresReader } from '../trail/stores/postgres-reader.ts'
import { openPostgresStore } from '../trail/stores/postgres.ts'
import { countedIn, ORGS, rollupsOfRollups, SESSIONS_OF_A_USER, YEAR_MS } from './large-views.ts'
import type { BenchServer } from './postgres-server.ts'
import { progress } from './progress.ts'
import { ISSUER } from './tokens.ts'

const STEP = 500_000

/** For the sizes of tables: more of them are as large. */
const ENTRIES_AT_MOST = 1_000_000

export interface LargePostgres {
  url: string
  /** Bytes, with their indexes. */
  bytesOfASession: { rows: number; indexes: number; rollups: number }
  bytesOfAnEntry: { rows: number; index: number; dedupe: number }
}

/** Made once for each number of sessions, and kept in a database of that name. */
export async function largePostgres(server: BenchServer, sessions: number): Promise<LargePostgres> {
  const name = `bench_sessions_${sessions}`
  const url = withDatabase(server.url, name)
  if (!(await isFilled(server, name, sessions))) {
    await inDatabase(server.url, async (client) => {
      await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
      await client.query(`CREATE DATABASE ${name}`)
    })
    await inDatabase(url, (client) => fill(client, url, sessions))
    progress('')
  }
  return inDatabase(url, async (client) => ({ url, ...(await sizesOf(client, sessions)) }))
}

async function isFilled(server: BenchServer, name: string, sessions: number): Promise<boolean> {
  const named = 'SELECT 1 FROM pg_database WHERE datname = $1'
  const { rowCount } = await inDatabase(server.url, (client) => client.query(named, [name]))
  if (!rowCount) return false
  // Written last.
  const query = `SELECT count(*)::integer AS found FROM pg_class WHERE relname = 'filled_${sessions}'`
  const { rows } = await inDatabase(withDatabase(server.url, name), (client) =>
    client.query<{ found: number }>(query),
  )
  return rows[0]?.found === 1
}

async function fill(client: Client, url: string, sessions: number): Promise<void> {
  await client.query(
    `SET synchronous_commit TO off; SET maintenance_work_mem TO '1GB'; SET work_mem TO '1GB'; SET jit TO off`,
  )
  const { tables, indexes } = viewsSchemaSql()
  await client.query(tables)
  await client.query(`SET search_path TO ${VIEWS_SCHEMA}`)
  for (let from = 0; from < sessions; from += STEP) {
    progress(`filling session records: ${from.toLocaleString('en')} of ${sessions.toLocaleString('en')}`)
    await insert(client, { from, to: Math.min(from + STEP, sessions), sessions })
  }
  await client.query('ANALYZE')
  await fillRollups(client)
  for (const index of indexes.split('\n')) {
    progress(`filling session records: ${index}`)
    await client.query(index)
  }
  await fillTrail(client, url, Math.min(3 * sessions, ENTRIES_AT_MOST))
  progress('filling session records: as autovacuum leaves them')
  await client.query('VACUUM (ANALYZE)')
  await client.query(`CREATE TABLE public.filled_${sessions} ()`)
}

/** 27 digits, as Clerk's ids have. */
function id(prefix: string, number: string): string {
  return `'${prefix}_' || lpad(to_hex(${number}), 27, '0')`
}

/** As in `large-views.ts`, which says what they are. */
async function insert(
  client: Client,
  { from, to, sessions }: { from: number; to: number; sessions: number },
): Promise<void> {
  const spacing = YEAR_MS / sessions
  const users = Math.ceil(sessions / SESSIONS_OF_A_USER)
  await client.query(
    `INSERT INTO sessions
       (id, session_id, user_id, client_id, org_id, org_at, started_at, alive_at, requested_at, intent, last_requested_at,
        expire_at, abandon_at, end_kind, end_at, end_exact, begun, webhook_ends, device, first_index, last_index, entries, outcome, at, day, over_by)
     SELECT i + 1, ${id('sess', 'i')}, ${id('user', `(i * 104729) % ${users}`)}, ${id('client', 'i')},
        'org_' || (i % ${ORGS}), started, started, started + lasted,
        CASE WHEN fate < 62 THEN started + lasted END, CASE WHEN fate < 62 THEN 'user' END, CASE WHEN fate < 62 THEN started + lasted END,
        started + 604800000, started + 2592000000,
        CASE WHEN fate < 80 THEN 'session.removed' WHEN fate < 90 THEN 'session.expired' WHEN fate < 96 THEN 'session.revoked'
          WHEN fate = 98 THEN 'session.unknown' END,
        CASE WHEN fate < 99 THEN started + lasted END, CASE WHEN fate < 96 THEN (fate NOT BETWEEN 80 AND 89)::integer END, 1,
        CASE WHEN fate < 80 THEN 2 WHEN fate BETWEEN 90 AND 95 THEN 4 ELSE 0 END,
        i % 3, 3 * i, 3 * i + 2, ARRAY[3 * i, 3 * i + 1, 3 * i + 2],
        CASE WHEN fate < 80 THEN 3 WHEN fate < 90 THEN 6 WHEN fate < 96 THEN 2 WHEN fate < 98 THEN 9 WHEN fate = 98 THEN 11 ELSE 0 END,
        started + lasted, (started + lasted) / 86400000, started + 604800000
     FROM (SELECT i, (i * 37) % 100 AS fate, (${Date.now() - YEAR_MS} + i * ${spacing}::float8)::bigint AS started,
             600000 + (i * 7919) % 28800000 AS lasted
           FROM generate_series(${from}::bigint, ${to - 1}) AS i) AS s`,
  )
}

/** In PostgreSQL `width_bucket` finds the bin. */
async function fillRollups(client: Client): Promise<void> {
  await client.query(
    'INSERT INTO orgs (id, org_id) SELECT row_number() OVER (), org_id FROM (SELECT DISTINCT org_id FROM sessions) AS s',
  )
  const bins = Array.from({ length: binCount() }, (_, bin) => valueOf(bin))
  await client.query(
    `CREATE FUNCTION pg_temp.bin_of(ms bigint) RETURNS bigint IMMUTABLE LANGUAGE sql
     RETURN width_bucket(ms, '{${bins.join()}}'::bigint[]) - 1`,
  )
  await client.query(`ALTER TABLE rollup_org_quarters DROP CONSTRAINT rollup_org_quarters_pkey`)
  for (const { name, select } of countedIn('pg_temp.bin_of')) {
    progress(`filling session records: ${name}`)
    await client.query(`INSERT INTO rollup_org_quarters ${select}`)
  }
  await client.query(
    `ALTER TABLE rollup_org_quarters ADD CONSTRAINT rollup_org_quarters_pkey PRIMARY KEY (org, measure, at, outcome, part)`,
  )
  for (const statement of rollupsOfRollups) await client.query(statement)
}

function binCount(): number {
  let count = 1
  while (valueOf(count) > 0) count += 1
  return count
}

async function fillTrail(client: Client, url: string, entries: number): Promise<void> {
  progress('filling a trail')
  const store = await openPostgresStore({ url, issuer: ISSUER })
  await client.query(FILL_ENTRIES, [entries - 1, Date.now() - YEAR_MS, YEAR_MS / entries])
  await client.query(FILL_DEDUPE, [entries - 1, Date.now() - YEAR_MS, YEAR_MS / entries])
  const report = toldByWebhook('msg_last', { kind: 'session.created', occurred_at: Date.now() })
  await store.append([report], Date.now())
  await store.close()
  const trail = await openPostgresReader(url)
  const { trailId, epoch, nextIndex } = await trail.head()
  const [last] = await trail.at([nextIndex - 1])
  trail.close()
  if (!last) throw new Error('The last entry is not there.')
  await client.query(
    'INSERT INTO position (one, version, trail_id, epoch, next_index, last_hash) VALUES (1, $1, $2, $3, $4, $5)',
    [viewsVersion, trailId, epoch, nextIndex, hashOf(last)],
  )
}

/** As in `large.ts`. */
const FILL_ENTRIES = `
  INSERT INTO logout_trail.entries
    ("index", kind, source, occurred_at, recorded_at, session_id, user_id, org_id, ip, user_agent, azp,
     token_iat, token_state, request_id, intent)
  SELECT i, 'logout.requested', 'api', at, at + 2, 'sess_' || md5('s' || i), 'user_' || left(md5('u' || i), 26),
    'org_' || (i % ${ORGS}), '203.0.113.0',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36',
    'https://app.example.com', at / 1000 - 20, 'valid', md5('r' || i), 'user'
  FROM (SELECT i, ($2::bigint + i * $3::float8)::bigint AS at FROM generate_series(0, $1::bigint) AS i) AS n`

const FILL_DEDUPE = `
  INSERT INTO logout_trail.dedupe
  SELECT decode(lpad(to_hex((($2::bigint + i * $3::float8) / 1000)::bigint), 8, '0') || md5('k' || i), 'hex'), i
  FROM generate_series(0, $1::bigint) AS i`

function views(name: string): string {
  return `'${VIEWS_SCHEMA}.${name}'`
}

async function sizesOf(
  client: Client,
  sessions: number,
): Promise<Pick<LargePostgres, 'bytesOfASession' | 'bytesOfAnEntry'>> {
  const size = async (of: string) => Number(Object.values((await client.query(`SELECT ${of}`)).rows[0])[0])
  const rollups = ['rollup_quarters', 'rollup_days', 'rollup_org_quarters', 'orgs']
  const each = async (of: string) => (await size(of)) / sessions
  const entries = await size('count(*) FROM logout_trail.entries')
  const eachEntry = async (of: string) => (await size(of)) / entries
  const PARTITIONS = `FROM pg_inherits WHERE inhparent = 'logout_trail.entries'::regclass`
  return {
    bytesOfASession: {
      rows: await each(`pg_table_size(${views('sessions')})`),
      indexes: await each(`pg_indexes_size(${views('sessions')})`),
      rollups: await each(rollups.map((name) => `pg_total_relation_size(${views(name)})`).join(' + ')),
    },
    bytesOfAnEntry: {
      rows: await eachEntry(`sum(pg_table_size(inhrelid)) ${PARTITIONS}`),
      index: await eachEntry(`sum(pg_indexes_size(inhrelid)) ${PARTITIONS}`),
      dedupe: await eachEntry(`pg_total_relation_size('logout_trail.dedupe')`),
    },
  }
}
