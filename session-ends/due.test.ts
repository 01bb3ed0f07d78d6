import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { sql } from 'kysely'
import { temporaryFolder } from '../test/service.ts'
import type { SessionId } from '../trail/entry.ts'
import { dueAt, dueQuery, dueSessions } from './due.ts'
import type { SessionFacts } from './facts.ts'
import { openForWriting } from './views-schema.ts'
import { sqliteRows } from './views-sqlite.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const OPEN = 0
const REQUESTED = 1
const EXPIRED = 6

function facts(known: Partial<SessionFacts>): SessionFacts {
  return {
    session_id: 'sess_1' as SessionId,
    user_id: null,
    client_id: null,
    actor_id: null,
    org_id: null,
    org_at: null,
    started_at: null,
    alive_at: null,
    requested_at: null,
    intent: null,
    request_actor_id: null,
    last_requested_at: null,
    last_intent: null,
    last_request_actor_id: null,
    still_active_at: null,
    expire_at: null,
    abandon_at: null,
    end_kind: null,
    end_at: null,
    end_exact: null,
    begun: 1,
    webhook_ends: 0,
    device: null,
    ...known,
  }
}

const T = Date.UTC(2026, 10, 23, 12)

describe('a session is due', () => {
  for (const [when, known, outcome, expected] of [
    ['never, when nothing is known of its end', {}, OPEN, null],
    ['a minute after it must be over', { expire_at: T, abandon_at: T + HOUR_MS }, OPEN, T + MINUTE_MS],
    ['never, once it has ended', { expire_at: T }, EXPIRED, null],
    ['ten minutes after a logout', { last_requested_at: T }, REQUESTED, T + 10 * MINUTE_MS],
    ['by what comes first', { last_requested_at: T, expire_at: T }, REQUESTED, T + MINUTE_MS],
    [
      'no more for a logout after which it was still active',
      { last_requested_at: T, still_active_at: T + 11 * MINUTE_MS },
      REQUESTED,
      null,
    ],
    [
      'for a logout after that, an hour after the answer at the earliest',
      { last_requested_at: T + MINUTE_MS, still_active_at: T },
      REQUESTED,
      T + HOUR_MS,
    ],
    [
      'an hour after an answer, while it outlives what Clerk said',
      { expire_at: T, still_active_at: T + MINUTE_MS },
      OPEN,
      T + MINUTE_MS + HOUR_MS,
    ],
    [
      'when it must be over, after an answer long ago',
      { expire_at: T + 24 * HOUR_MS, still_active_at: T },
      OPEN,
      T + 24 * HOUR_MS + MINUTE_MS,
    ],
  ] as const) {
    it(when, () => assert.equal(dueAt(facts(known), outcome), expected))
  }
})

describe('what is due', () => {
  it('is searched for in indexes, and visits no session that is not due', async () => {
    const begin = { trailId: 'trail', epoch: 0, nextIndex: 0, lastHash: '', unanswered: null }
    const db = openForWriting(join(temporaryFolder(), 'views.db'), begin)
    const rows = sqliteRows(db)
    const request = { now: T, after: null, limit: 500 }
    assert.deepEqual(await dueSessions(rows, request), [])
    const plan = await rows.all(sql<{ detail: string }>`EXPLAIN QUERY PLAN ${dueQuery(request)}`)
    assert.deepEqual(
      plan.map(({ detail }) => detail).filter((detail) => /SCAN|SEARCH/.test(detail)),
      [
        'SEARCH sessions USING INDEX sessions_due (due_at>? AND due_at<?)',
        'SEARCH sessions USING INDEX sessions_still_active (still_active_at>?)',
      ],
    )
    db.close()
  })
})
