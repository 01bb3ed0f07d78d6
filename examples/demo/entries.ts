/** What is new in the trail, as a line for people: read from the file, beside the service that writes it. */
import { openSqliteReader } from '../../trail/stores/sqlite-reader.ts'

export interface NewEntries {
  /** Since it was asked last; at first since it was opened. */
  lines: () => Promise<string[]>
  close: () => void
}

const AT_ONCE = 100

/** @throws {TrailError} when there is no trail at this path. */
export async function newEntries(path: string): Promise<NewEntries> {
  const reader = openSqliteReader(path)
  let after = (await reader.head()).nextIndex - 1
  return {
    lines: async () => {
      const entries = await reader.read(after, AT_ONCE)
      after = entries.at(-1)?.index ?? after
      return entries.map(
        ({ index, kind, session_id, user_id }) =>
          `entry ${index}: ${kind} of ${session_id ?? 'the account'}, ${user_id}`,
      )
    },
    close: () => reader.close(),
  }
}
