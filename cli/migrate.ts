import { existsSync } from 'node:fs'
import { readDatabase } from '../api/config.ts'
import { nameOf } from '../api/database.ts'
import { migratePostgresViews, viewsMigrationSql } from '../session-ends/views-place-postgres.ts'
import { PostgresLink } from '../trail/stores/postgres-link.ts'
import { migrationSql } from '../trail/stores/postgres-migrations.ts'
import { migratePostgres } from '../trail/stores/postgres-schema.ts'
import { commandOf } from './command.ts'
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
        'Change nothing, and print what an administrator runs instead: all of it, safe to run on tables that are there.',
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
      does: 'For an administrator: psql -v ON_ERROR_STOP=1 -f migrate.sql, then the GRANT lines at its end.',
    },
  ],
  run: (args) => (args['print-sql'] === true ? printSql() : migrate()),
})

async function printSql(): Promise<void> {
  await sayOut(`${migrationSql()}\n${viewsMigrationSql(ROLE)}`.trimEnd())
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
  const link = new PostgresLink({
    url: database.url,
    use: 'write',
    answerWithinMs: MIGRATE_WITHIN_MS,
    onConnect: async () => undefined,
  })
  const viewsChanged = await migratePostgresViews(link.run.bind(link)).finally(() => link.close())
  await sayOut(
    `${name}: ${from === to ? `the trail is of version ${to} already` : `the trail is of version ${to} now, and was of ${from}`}`,
  )
  await sayOut(
    `${name}: the tables of the session records ${viewsChanged ? 'are new; the service fills them from the trail' : 'are up to date already'}`,
  )
}

/** As that of the trail: dropping many records takes its time. */
const MIGRATE_WITHIN_MS = 600_000
