/** The path of the trail, for what is done to a file. */
import { ConfigError, readDatabase } from '../api/config.ts'

/** @throws {ConfigError} when the trail is in PostgreSQL; `instead` says what to do then. */
export function readTrailFile(instead: string): string {
  const database = readDatabase()
  if (database.engine === 'sqlite') return database.path
  throw new ConfigError([{ variable: 'DATABASE_URL', problem: `The trail is in PostgreSQL; ${instead}` }])
}
