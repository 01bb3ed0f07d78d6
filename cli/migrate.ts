import { existsSync } from 'node:fs'
import { readDatabase } from '../api/config.ts'
import { nameOf } from '../api/database.ts'
import { migratePostgresViews, viewsMigrationSql } from '../session-ends/views-place-postgres.ts'
import { TrailError } from '../trail/error.ts'
import { migrationSql } from '../trail/stores/postgres-migrations.ts'
import { migratePostgres, schemaVersionIn } from '../trail/stores/postgres-schema.ts'
import { commandOf } from './command.ts'
import { linkToRecords } from './records-link.ts'
import { sayOut } from './write-out.ts'

/** What the printed SQL calls the role of the service. */
const ROLE = 'logout_trail_service'

export const migrateCommand = commandOf({
  name: 'migrate',
  summary: 'Bring the tables of a PostgreSQL up to date.',
  more: 'Services may run meanwhile. The start of a service does the same; this is for those whose service may not make tables, and for a step before several services start. The tables of a file are brought up to date by the start of the service only.',
  args: {
    'print-sql': {
      type: 'boolean',
      description:
        'Change nothing, and print what an administrator runs instead: what is missing in the database of DATABASE_URL, or all of it when that cannot be asked.',
    },
  },
  hint: 'migrate takes --print-sql only.',
  exitCodes: {
    0: 'They are up to date, or the SQL is printed.',
    1: 'They are not, and the message says why; or the output was closed or full.',
  },
  examples: [
    { line: 'logout-trail migrate', does: 'Before several services start on one PostgreSQL.' },
    {
      line: 'logout-trail migrate --print-sql > migrate.sql',
      does: 'For an administrator: psql -v ON_ERROR_STOP=1 -f migrate.sql, then the GRANT lines in it.',
    },
  ],
  run: (args) => (args['print-sql'] === true ? printSql() : migrate()),
})

async function printSql(): Promise<void> {
  const database = readDatabase()
  const from = database.engine === 'postgres' ? await versionAskedOf(database.url) : 0
  await sayOut(`${migrationSql(from)}\n${viewsMigrationSql(ROLE)}`.trimEnd())
}

async function versionAskedOf(url: string): Promise<number> {
  try {
    return await schemaVersionIn(url)
  } catch (error) {
    if (!(error instanceof TrailError) || error.code !== 'trail-unavailable') throw error
    console.error(`${error.message} What is printed is for a database without the tables.`)
    return 0
  }
}

async function migrate(): Promise<void> {
  const database = readDatabase()
  if (database.engine === 'sqlite') {
    const then = existsSync(database.path) ? 'brings it up to date' : 'begins it'
    await sayOut(
      `${database.path} is a file: the next start of the service ${then}, and nothing is to be done here.`,
    )
    return
  }
  const name = nameOf(database)
  const { from, to } = await migratePostgres({ url: database.url, issuer: null })
  const viewsChanged = await viewsMigrated(database.url)
  await sayOut(
    `${name}: ${from === to ? `the trail is of version ${to} already` : `the trail is of version ${to} now, and was of ${from}`}`,
  )
  await sayOut(
    `${name}: the tables of the session records ${viewsChanged ? 'are new; the service fills them from the trail' : 'are up to date already'}`,
  )
}

async function viewsMigrated(url: string): Promise<boolean> {
  const link = linkToRecords(url)
  try {
    return await migratePostgresViews(link)
  } finally {
    await link.close()
  }
}
