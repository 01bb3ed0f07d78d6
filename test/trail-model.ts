/** What a trail must hold after a crash, whatever was under way: the model that `trail-lives.ts` holds it to. */
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import type { Report } from '../trail/entry.ts'
import type { AppendResult } from '../trail/store.ts'
import { logout, UNSTORABLE } from '../trail/stores/conformance.ts'
import { readTrailRow } from '../trail/stores/sqlite-schema.ts'
import { dedupeKey } from '../trail/stores/dedupe-key.ts'

export interface Sent {
  session: number
  /** A type that the table refuses. */
  bad: boolean
}

export function reportOf({ session, bad }: Sent): Report {
  return logout(session, bad ? UNSTORABLE : {})
}

type Row = Record<string, unknown>

export class TrailModel {
  /** The index of each session that the trail must hold. */
  readonly known = new Map<number, number>()
  /** Sent in batches that were never answered: each may be there, once. */
  readonly perhaps = new Set<number>()
  /** The entries as they were read last; none ever changes. */
  #rows: Row[] = []

  /** A batch was answered; the store takes one after the other. */
  answered(batch: readonly Sent[], results: readonly AppendResult[]): void {
    assert.equal(results.length, batch.length)
    batch.forEach((sent, at) => this.#answeredOne(sent, results[at]))
  }

  unanswered(batch: readonly Sent[]): void {
    for (const { session, bad } of batch) if (!bad && !this.known.has(session)) this.perhaps.add(session)
  }

  #answeredOne({ session, bad }: Sent, result: AppendResult | undefined): void {
    const known = this.known.get(session)
    const about = `session ${session} was answered ${JSON.stringify(result)}`
    if (known !== undefined) assert.deepEqual(result, { result: 'duplicate', index: known }, about)
    else if (result?.result === 'duplicate') assert.ok(this.perhaps.has(session), about)
    else assert.equal(result?.result, bad ? 'rejected' : 'durable', about)
    // Only when all is known is the next index certain.
    if (result?.result === 'durable' && this.perhaps.size === 0)
      assert.equal(result.index, this.known.size, about)
    if (result?.result !== 'rejected') this.known.set(session, result?.index ?? Number.NaN)
  }

  /** Reads the whole file beside the trail, and holds it to all that was answered. From now on all is known. */
  check(path: string): void {
    const db = new DatabaseSync(path)
    try {
      assert.equal(db.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok')
      const rows = db.prepare('SELECT * FROM entries ORDER BY "index"').all()
      this.#checkEntries(rows)
      assert.equal(readTrailRow(db).nextIndex, rows.length, 'the next index is the number of entries')
      assert.deepEqual(dedupeRows(db), this.#dedupeRowsExpected(db), 'each entry has its dedupe row')
      this.#rows = rows
    } finally {
      db.close()
    }
  }

  #checkEntries(rows: Row[]): void {
    assert.deepEqual(
      rows.map((row) => row['index']),
      rows.map((_, at) => at),
      'indexes have no gap',
    )
    const found = new Map(rows.map((row, index) => [sessionOf(row), index]))
    assert.equal(found.size, rows.length, 'each session is there once')
    for (const [session, index] of this.known) {
      assert.equal(found.get(session), index, `session ${session}, answered for, is at its index`)
    }
    for (const session of found.keys()) {
      assert.ok(this.known.has(session) || this.perhaps.has(session), `session ${session} was sent`)
    }
    assert.deepEqual(rows.slice(0, this.#rows.length), this.#rows, 'entries stay as they were')
    for (const [session, index] of found) this.known.set(session, index)
    this.perhaps.clear()
  }

  #dedupeRowsExpected(db: DatabaseSync): Map<string, number> {
    const { trailKey } = readTrailRow(db)
    const keys = [...this.known].map(([session, index]): [string, number] => [
      Buffer.from(dedupeKey(trailKey, logout(session))).toString('hex'),
      index,
    ])
    return new Map(keys)
  }
}

/** @throws when the row is not that of the report: a bad one, or half of one. */
function sessionOf(row: Row): number {
  const session = Number(String(row['session_id']).slice('sess_'.length))
  const { naturalKey: _, keyedAt: __, ...stated } = logout(session)
  assert.deepEqual({ ...row, ...stated }, { ...row })
  return session
}

function dedupeRows(db: DatabaseSync): Map<string, number> {
  const rows = db.prepare('SELECT lower(hex(key)) AS key, "index" FROM dedupe').all()
  return new Map(rows.map((row) => [String(row['key']), Number(row['index'])]))
}
