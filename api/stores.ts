/** Chooses what is behind `DATABASE_URL`: a file, or a PostgreSQL. For the composition roots: the service, its threads, and the command. */
import type { ViewsDatabase } from '../session-ends/rows.ts'
import { postgresViews } from '../session-ends/views-postgres.ts'
import { viewsPathOf } from '../session-ends/views-schema.ts'
import { sqliteViews } from '../session-ends/views-sqlite.ts'
import type { TrailReader, TrailStore } from '../trail/store.ts'
import { openPostgresReader } from '../trail/stores/postgres-reader.ts'
import { openPostgresStore, type PostgresStoreOptions } from '../trail/stores/postgres.ts'
import { openSqliteReader } from '../trail/stores/sqlite-reader.ts'
import { openSqliteStore, type SqliteStoreOptions } from '../trail/stores/sqlite.ts'
import type { Database } from './database.ts'

export interface StoreOptions {
  issuer: string
  sqlite: Omit<SqliteStoreOptions, 'path' | 'issuer'>
  postgres: Omit<PostgresStoreOptions, 'url' | 'issuer'>
}

/** @throws {TrailError} what keeps the service from starting */
export function openStore(
  database: Database,
  { issuer, sqlite, postgres }: StoreOptions,
): Promise<TrailStore> {
  return database.engine === 'sqlite'
    ? openSqliteStore({ path: database.path, issuer, ...sqlite })
    : openPostgresStore({ url: database.url, issuer, ...postgres })
}

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
