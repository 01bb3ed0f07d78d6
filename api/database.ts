/** Where the trail and its records are: what `DATABASE_URL` says. */

export type Database = { engine: 'sqlite'; path: string } | { engine: 'postgres'; url: string }

/**
 * `file:data/trail.db` → `data/trail.db`; also `file:/srv/trail.db` and `file:///srv/trail.db`. `postgres://…` and `postgresql://…` are
 * handed to PostgreSQL's client as they are. Null: neither.
 */
export function databaseOf(url: string): Database | null {
  const path = /^file:(?:\/\/(?=\/))?([^?#]+)$/.exec(url)?.[1]
  if (path !== undefined && !path.startsWith('//')) return { engine: 'sqlite', path }
  return isPostgres(url) ? { engine: 'postgres', url } : null
}

function isPostgres(url: string): boolean {
  if (!/^postgres(ql)?:\/\//.test(url)) return false
  const parsed = URL.parse(url)
  // An unescaped `/` in a password ends the host there: what is left of it would be shown as the name of the database.
  return parsed !== null && !parsed.pathname.includes('@')
}

/** For people: without the password, and whatever else stands in the URL. */
export function nameOf(database: Database): string {
  if (database.engine === 'sqlite') return database.path
  const { hostname, port, pathname } = new URL(database.url)
  return `postgres://${hostname}${port === '' ? '' : `:${port}`}${pathname}`
}
