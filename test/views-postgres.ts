/** The session records of a test in PostgreSQL, made there from a trail on disk. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { followAll } from '../session-ends/follow.ts'
import type { Rows } from '../session-ends/rows.ts'
import { openPostgresViews } from '../session-ends/views-place-postgres.ts'
import { postgresViews } from '../session-ends/views-postgres.ts'
import { ViewsReader } from '../session-ends/views-reader.ts'
import type { Report } from '../trail/entry.ts'
import { PostgresLink } from '../trail/stores/postgres-link.ts'
import { inDatabase, sharedPostgres, withDatabase } from './postgres.ts'
import { trailOf, type TestTrail, type Where } from './views.ts'

export const inPostgres: Where = {
  name: 'PostgreSQL',
  open: trailInPostgres,
  empty: async () => postgresViews({ url: await sharedPostgres() }),
  // Each has a database of its own, and each query crosses a socket.
  runs: (many) => Math.ceil(many / 5),
}

async function trailInPostgres(reports: readonly Report[]): Promise<TestTrail> {
  const made = await trailOf(reports)
  const { url, drop } = await newDatabase()
  const link = new PostgresLink({
    url,
    use: 'write',
    onConnect: async () => undefined,
  })
  const following = await openPostgresViews(
    { run: link.run.bind(link), assertHeld: async () => undefined, close: link.close.bind(link) },
    made.trail,
  )
  await followAll(following, made.trail)
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
      await followAll(following, made.trail)
    },
    close: async () => {
      await views.close()
      await following.close()
      await made.close()
      await drop()
    },
  }
}

/** Tests of a suite share it: it ends with its trail. */
async function newDatabase(): Promise<{ url: string; drop: () => Promise<unknown> }> {
  const admin = await sharedPostgres()
  const name = `views_test_${randomBytes(6).toString('hex')}`
  await inDatabase(admin, (client) => client.query(`CREATE DATABASE ${name}`))
  const drop = () => inDatabase(admin, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`))
  return { url: withDatabase(admin, name), drop }
}
