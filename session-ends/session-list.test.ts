import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sql } from 'kysely'
import { inSqlite } from '../test/views.ts'
import type { OrgId, SessionId, UserId } from '../trail/entry.ts'
import { describeSessionLists } from './session-list.conformance.ts'
import { nextRows, type SessionFilter } from './sessions-query.ts'

describeSessionLists(inSqlite)

describe('a list of session records in SQLite', () => {
  it('is led by an index whatever the filter: no query reads every row', async () => {
    const trail = await inSqlite.open([])
    const walk = { order: 'newest', beyond: 1e9, limit: 51, orgIsLarge: false } as const
    const led: Record<string, SessionFilter> = {
      'one session': { session_id: 'sess_1' as SessionId, state: 'open' },
      'one user': { user_id: 'user_1' as UserId, from: 0, state: 'ended' },
      'one organisation': { org_id: 'org_1' as OrgId },
      'any id': { q: 'user_1' },
      'a reason': { reason: 'replaced' },
      'a time': { from: 0, to: 1 },
      'a time, and a reason': { from: 0, reason: 'unknown' },
    }
    for (const [name, filter] of Object.entries(led)) {
      const plan = await trail.read((rows) => {
        const query = nextRows({ ...walk, filter }, rows.dialect)
        assert.ok(query)
        return rows.all(sql<{ detail: string }>`EXPLAIN QUERY PLAN ${query}`)
      })
      const steps = plan.map(({ detail }) => detail)
      assert.deepEqual(
        steps.filter((step) => /SCAN sessions|PRIMARY KEY \(rowid[<>]/.test(step)),
        [],
        name,
      )
    }
    await trail.close()
  })
})
