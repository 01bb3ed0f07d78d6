/** Writes the history into a new trail, before the service has it. */
import { openSqliteStore } from '../../trail/stores/sqlite.ts'
import type { HistoryOptions } from './history.ts'
import { history } from './history.ts'

export interface Seeding extends HistoryOptions {
  path: string
  issuer: string
}

const AT_ONCE = 500

/** Gives the number of entries. @throws {TrailError} when the trail cannot be written. */
export async function seed({ path, issuer, ...options }: Seeding): Promise<number> {
  const store = await openSqliteStore({ path, issuer })
  try {
    const reports = history(options)
    for (let at = 0; at < reports.length; at += AT_ONCE) {
      const batch = reports.slice(at, at + AT_ONCE)
      const last = batch.at(-1)
      if (last) await store.append(batch, last.occurred_at)
    }
    return (await store.head()).nextIndex
  } finally {
    await store.close()
  }
}
