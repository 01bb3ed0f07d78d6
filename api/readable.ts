/** Opens what is behind `DATABASE_URL` to read, beside the service that writes it. For its threads, and for the command. */
import type { ViewsDatabase } from '../session-ends/rows.ts'
import { postgresViews } from '../session-ends/views-postgres.ts'
import { viewsPathOf } from '../session-ends/views-schema.ts'
import { sqliteViews } from '../session-ends/views-sqlite.ts'
import type { TrailReader } from '../trail/store.ts'
import { openPostgresReader } from '../trail/stores/postgres-reader.ts'
import { openSqliteReader } from '../trail/stores/sqlite-reader.ts'
import type { Database } from './database.ts'

/** @throws {TrailError} when there is no trail, or one of another version */
export async function openReader(database: Database): Promise<TrailReader> {
  return database.engine === 'sqlite' ? openSqliteReader(database.path) : openPostgresReader(database.url)
}

/** Nothing is opened before it is asked. */
export function viewsOf(database: Database): ViewsDatabase {
  return database.engine === 'sqlite'
    ? sqliteViews(viewsPathOf(database.path))
    : postgresViews({ url: database.url })
}
