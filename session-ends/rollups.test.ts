import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DatabaseSync } from 'node:sqlite'
import * as fc from 'fast-check'
import { anyEntry } from '../test/entry-arbitraries.ts'
import type { Entry, SessionId } from '../trail/entry.ts'
import type { SessionFacts } from './facts.ts'
import { recordOf, type UserEnd } from './record.ts'
import { countsOf } from './rollups.ts'
import { openForWriting } from './views-schema.ts'
import { sqliteViewsStore } from './views-store-sqlite.ts'
import { Views } from './views.ts'

const MINUTE_MS = 60_000

/** In this order, so many at a time. */
async function viewsOf(given: readonly Entry[], atOnce: number): Promise<DatabaseSync> {
  const db = openForWriting(':memory:', {
    trailId: '',
    epoch: 0,
    nextIndex: 0,
    lastHash: '',
    unanswered: null,
  })
  const views = await Views.of(sqliteViewsStore(db))
  const indexed = given.map((entry, index) => ({ ...entry, index }))
  for (let at = 0; at < indexed.length; at += atOnce) await views.apply(indexed.slice(at, at + atOnce))
  return db
}

/** The numbers of organisations are in the order in which they came. */
function rollups(db: DatabaseSync): string[][] {
  return [
    'SELECT * FROM rollup_quarters',
    'SELECT * FROM rollup_days',
    `SELECT org_id, measure, at, outcome, part, sessions FROM rollup_org_quarters JOIN orgs ON orgs.id = org`,
  ].map((sql) =>
    db
      .prepare(sql)
      .all()
      .map((row) => Object.values(row).join(' '))
      .toSorted(),
  )
}

/** Counted from the records as they stand, and never taken back. */
function countedAnew(db: DatabaseSync): string[][] {
  const tables = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()] as const
  const add = (table: Map<string, number>, key: unknown[]) =>
    table.set(key.join(' '), (table.get(key.join(' ')) ?? 0) + 1)
  for (const row of db.prepare('SELECT * FROM sessions').all()) {
    const facts = row as unknown as SessionFacts
    const ends = db.prepare('SELECT * FROM user_ends WHERE user_id = ?').all(facts.user_id ?? '')
    for (const count of countsOf(facts, recordOf(facts, ends as unknown as UserEnd[], 0))) {
      const { measure, at, outcome, part } = count
      const [quarter, day] = [Math.floor(at / (15 * MINUTE_MS)), Math.floor(at / (24 * 60 * MINUTE_MS))]
      add(tables[0], [measure, quarter, outcome, part])
      add(tables[1], [measure, day, outcome, part])
      if (facts.org_id !== null) add(tables[2], [facts.org_id, measure, quarter, outcome, part])
    }
  }
  return tables.map((table) => [...table].map(([key, sessions]) => `${key} ${sessions}`).toSorted())
}

describe('the rollups', () => {
  it('are the same in every order of the reports, and however many come at once', async () => {
    const orders = fc
      .array(anyEntry, { minLength: 1, maxLength: 25 })
      .chain((given) => fc.tuple(fc.constant(given), fc.shuffledSubarray(given, { minLength: given.length })))
    await fc.assert(
      fc.asyncProperty(orders, fc.integer({ min: 1, max: 25 }), async ([given, shuffled], atOnce) => {
        const [one, other] = [await viewsOf(given, 1), await viewsOf(shuffled, atOnce)]
        assert.deepEqual(rollups(other), rollups(one))
        one.close()
        other.close()
      }),
      { numRuns: 300 },
    )
  })

  it('are what the records of now count for, after every report', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyEntry, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 30 }),
        async (given, atOnce) => {
          const db = await viewsOf(given, atOnce)
          assert.deepEqual(rollups(db), countedAnew(db))
          db.close()
        },
      ),
      { numRuns: 500 },
    )
  })

  it('are not written when a report cannot be', async () => {
    const [report] = fc.sample(anyEntry, { numRuns: 1, seed: 1 })
    assert.ok(report)
    const db = openForWriting(':memory:', {
      trailId: '',
      epoch: 0,
      nextIndex: 0,
      lastHash: '',
      unanswered: null,
    })
    const views = await Views.of(sqliteViewsStore(db))
    const good = { ...report, kind: 'session.created', session_id: 'sess_1' as SessionId } as const
    db.exec(
      `CREATE TRIGGER refused BEFORE INSERT ON sessions WHEN NEW.session_id = 'sess_2'
       BEGIN SELECT RAISE(ABORT, 'refused'); END`,
    )
    const both = [good, { ...good, index: 1, session_id: 'sess_2' as SessionId }]
    await assert.rejects(views.apply(both), /refused/)
    assert.deepEqual(rollups(db), [[], [], []])
    await views.apply([good])
    assert.deepEqual(rollups(db), countedAnew(db))
    db.close()
  })
})
