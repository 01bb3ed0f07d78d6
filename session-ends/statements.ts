/** Prepared statements, kept for as long as their connection: preparing costs more than most reads. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'

const kept = new WeakMap<DatabaseSync, Map<string, StatementSync>>()

/** Queries have a few dozen shapes; whoever makes more begins anew. */
const KEPT = 500

export function prepared(db: DatabaseSync, sql: string): StatementSync {
  const statements = kept.get(db) ?? new Map<string, StatementSync>()
  kept.set(db, statements)
  const statement = statements.get(sql) ?? db.prepare(sql)
  if (statements.size >= KEPT) statements.clear()
  statements.set(sql, statement)
  return statement
}
