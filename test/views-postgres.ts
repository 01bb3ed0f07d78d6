/** The session records of a test in PostgreSQL: made in SQLite, and copied row by row. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import type { Client } from 'pg'
import type { Rows } from '../session-ends/rows.ts'
import { postgresViews } from '../session-ends/views-postgres.ts'
import { VIEWS_SCHEMA, viewsSchemaSql, viewsTables } from '../session-ends/views-postgres-schema.ts'
import { ViewsReader } from '../session-ends/views-reader.ts'
import { viewsPathOf } from '../session-ends/views-schema.ts'
import type { Report } from '../trail/entry.ts'
import { inDatabase, sharedPostgres, withDatabase } from './postgres.ts'
import { trailOf, type TestTrail, type Where } from './views.ts'

export const inPostgres: Where = {
  name: 'PostgreSQL',
  open: copiedTrailOf,
  empty: async () => postgresViews({ url: await sharedPostgres() }),
  // Each copies whole tables, and each query crosses a socket.
  runs: (many) => Math.ceil(many / 3),
}

async function copiedTrailOf(reports: readonly Report[]): Promise<TestTrail> {
  const made = await trailOf(reports)
  const { url, drop } = await newDatabase()
  await inDatabase(url, (client) => client.query(Object.values(viewsSchemaSql()).join('\n')))
  const copy = () => inDatabase(url, (client) => copyViews(viewsPathOf(made.path), client))
  await copy()
  const views = new ViewsReader(postgresViews({ url }))
  return {
    ...made,
    views,
    read: async <T>(read: (rows: Rows) => Promise<T>) => {
      const found = await views.atOneMoment(read)
      assert.ok(found !== null)
      return found
    },
    record: async (reports, at) => {
      await made.record(reports, at)
      await copy()
    },
    close: async () => {
      await views.close()
      await made.close()
      await drop()
    },
  }
}

async function newDatabase(): Promise<{ url: string; drop: () => Promise<unknown> }> {
  const admin = await sharedPostgres()
  const name = `views_test_${randomBytes(6).toString('hex')}`
  await inDatabase(admin, (client) => client.query(`CREATE DATABASE ${name}`))
  const drop = () => inDatabase(admin, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`))
  return { url: withDatabase(admin, name), drop }
}

/** In one transaction: whoever reads sees all of it, or what was there before. */
export async function copyViews(path: string, client: Client): Promise<void> {
  const db = new DatabaseSync(path, { readOnly: true })
  await client.query('BEGIN')
  for (const table of viewsTables) {
    const name = `${VIEWS_SCHEMA}.${table}`
    await client.query(`DELETE FROM ${name}`)
    const rows = db.prepare(`SELECT * FROM ${table}`).all()
    await client.query(`INSERT INTO ${name} SELECT * FROM json_populate_recordset(NULL::${name}, $1)`, [
      JSON.stringify(rows),
    ])
  }
  await client.query('COMMIT')
  db.close()
}
