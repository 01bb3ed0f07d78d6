/** Chooses the store behind `DATABASE_URL`: a file, or a PostgreSQL. For the composition root. */
import type { TrailStore } from '../trail/store.ts'
import type { PostgresStoreOptions } from '../trail/stores/postgres.ts'
import { openSqliteStore, type SqliteStoreOptions } from '../trail/stores/sqlite.ts'
import type { Database } from './database.ts'

export interface StoreOptions {
  issuer: string
  sqlite: Omit<SqliteStoreOptions, 'path' | 'issuer'>
  postgres: Omit<PostgresStoreOptions, 'url' | 'issuer'>
}

/** What is not used is not loaded. @throws {TrailError} what keeps the service from starting */
export async function openStore(
  database: Database,
  { issuer, sqlite, postgres }: StoreOptions,
): Promise<TrailStore> {
  if (database.engine === 'sqlite') return openSqliteStore({ path: database.path, issuer, ...sqlite })
  const { openPostgresStore } = await import('../trail/stores/postgres.ts')
  return openPostgresStore({ url: database.url, issuer, ...postgres })
}
