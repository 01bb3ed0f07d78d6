/** Entries for tests. */
import { columns, type Entry, type Kind } from '../trail/entry.ts'
import type { SessionEntry } from '../session-ends/facts.ts'

/** An entry with nothing but what is given. */
export function entryWith(given: Partial<Entry> & { kind: Kind }): Entry {
  const empty = Object.fromEntries(columns.map((column) => [column, null])) as unknown as Entry
  return { ...empty, index: 0, source: 'webhook', occurred_at: 0, recorded_at: 0, ...given }
}

export function sessionEntry(given: Partial<Entry> & { kind: Kind }): SessionEntry {
  return { ...entryWith(given), session_id: given.session_id ?? 'sess_1' } as SessionEntry
}
