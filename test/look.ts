/** Looks at a trail whose service is gone, as the dead left it, and at what was promised of it. */
import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Logouts } from './load.ts'

export interface Seen {
  /** Of the entries, in order of their index. */
  sessionIds: string[]
  indexes: number[]
  nextIndex: number
  dedupeKeys: number
  integrity: string
}

/**
 * Reads a copy. To open the file itself would recover its write-ahead log, and the next life of the service shall do
 * that without help. The index of the log (`-shm`) is not copied: it is rebuilt from the log, as after a power cut.
 */
export function lookAt(folder: string): Seen {
  const copies = join(folder, 'look')
  mkdirSync(copies)
  for (const file of ['trail.db', 'trail.db-wal']) {
    const original = join(folder, 'data', file)
    if (existsSync(original)) copyFileSync(original, join(copies, file))
  }
  const db = new DatabaseSync(join(copies, 'trail.db'))
  try {
    return read(db)
  } finally {
    db.close()
    rmSync(copies, { recursive: true })
  }
}

function read(db: DatabaseSync): Seen {
  const entries = db.prepare('SELECT "index", session_id FROM entries ORDER BY "index"').all()
  const one = (sql: string) => Object.values(db.prepare(sql).get() ?? {})[0]
  return {
    sessionIds: entries.map((entry) => String(entry['session_id'])),
    indexes: entries.map((entry) => Number(entry['index'])),
    nextIndex: Number(one('SELECT next_index FROM trail')),
    dedupeKeys: Number(one('SELECT count(*) FROM dedupe')),
    integrity: String(one('PRAGMA integrity_check')),
  }
}

/** The file is sound, and what was seen before is still there, at its place. `when` begins every message. */
export function checkWhole(seen: Seen, earlier: Seen | null, when: string): void {
  const { sessionIds, indexes } = seen
  assert.equal(seen.integrity, 'ok', `${when}: integrity_check`)
  assert.equal(
    indexes.findIndex((index, at) => index !== at),
    -1,
    `${when}: the indexes are 0 to n-1`,
  )
  assert.equal(seen.nextIndex, indexes.length, `${when}: next_index of the trail row`)
  assert.equal(seen.dedupeKeys, indexes.length, `${when}: one dedupe key for each entry`)
  const changed = earlier?.sessionIds.findIndex((id, at) => id !== sessionIds[at]) ?? -1
  assert.equal(changed, -1, `${when}: an entry that was seen before is still at its index`)
}

/** Whatever was promised to anybody, in any life so far, is in the trail, once. */
export function checkPromises(seen: Seen, logouts: Logouts, when: string): void {
  const ids = new Set(seen.sessionIds)
  const sent = new Set(logouts.sent.map(({ sessionId }) => sessionId))
  const promised = logouts.answered('durable', 'duplicate')
  const none: string[] = []
  const first = (found: string[]) => found.slice(0, 10)

  const lost = promised.map(({ sessionId }) => sessionId).filter((id) => !ids.has(id))
  assert.deepEqual(first(lost), none, `${when}: ${lost.length} of ${promised.length} promised are lost`)
  assert.equal(ids.size, seen.sessionIds.length, `${when}: one entry for each session`)
  const strange = seen.sessionIds.filter((id) => !sent.has(id))
  assert.deepEqual(first(strange), none, `${when}: ${strange.length} entries that nobody sent`)
  const again = promised.filter(({ outcomes }) => outcomes.filter((one) => one === 'durable').length > 1)
  assert.deepEqual(
    first(again.map(({ sessionId }) => sessionId)),
    none,
    `${when}: ${again.length} were called durable more than once, so an earlier promise was forgotten`,
  )
}
