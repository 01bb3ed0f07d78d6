import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  answeredToSweep,
  columns,
  logoutRequested,
  type Kind,
  type LogoutFacts,
  type SessionId,
  type UserId,
} from './entry.ts'

/** 2026-11-23T12:00:00.000Z, in seconds. */
const IAT = 1795435200

const facts: LogoutFacts = {
  session_id: 'sess_2abc' as SessionId,
  user_id: 'user_2abc' as UserId,
  actor_id: null,
  org_id: null,
  ip: '203.0.113.0',
  user_agent: 'Mozilla/5.0',
  azp: 'https://app.example.com',
  token_iat: IAT,
  token_state: 'valid',
  request_id: '000102030405060708090a0b0c0d0e0f',
  trace_id: null,
  intent: 'user',
}

describe('the report of a logout', () => {
  it('says who, when and from where, as the api learned it', () => {
    assert.deepEqual(logoutRequested(1795435203456, facts), {
      ...facts,
      kind: 'logout.requested',
      source: 'api',
      occurred_at: 1795435203456,
      naturalKey: 'sess_2abc\u00001795435200',
      keyedAt: 1795435200000,
    })
  })

  it('has the key of its token, however often, whenever and from wherever the token is sent', () => {
    const { naturalKey, keyedAt } = logoutRequested(1795435203456, facts)
    const repeat = logoutRequested(1795435299999, {
      ...facts,
      ip: '198.51.100.0',
      intent: 'idle',
      token_state: 'expired',
      request_id: 'f'.repeat(32),
    })
    assert.deepEqual([repeat.naturalKey, repeat.keyedAt], [naturalKey, keyedAt])
  })

  it('has another key for another token of the session, and for another session', () => {
    const keys = [
      logoutRequested(0, facts),
      logoutRequested(0, { ...facts, token_iat: IAT + 1 }),
      logoutRequested(0, { ...facts, session_id: 'sess_2abd' as SessionId }),
      logoutRequested(0, { ...facts, session_id: 'sess_2abc1' as SessionId, token_iat: 795435200 }),
    ].map((report) => report.naturalKey)
    assert.equal(new Set(keys).size, 4)
  })

  it('is keyed by the day of its token, not by the clock of the server', () => {
    const tomorrow = logoutRequested(0, { ...facts, token_iat: IAT + 86_400 })
    assert.equal(tomorrow.keyedAt, 1795521600000)
    assert.equal(logoutRequested(1795521600000, facts).keyedAt, 1795435200000)
  })
})

describe('an answer of Clerk to the sweep', () => {
  const HOUR_MS = 3_600_000
  const keyOfAnswer = (kind: Kind, askedAt: number) => {
    const { naturalKey, keyedAt } = answeredToSweep(askedAt, { kind, session_id: 'sess_1' as SessionId })
    return `${naturalKey} ${keyedAt}`
  }

  it('is one entry, whenever it is given, when it is an end', () => {
    for (const kind of ['session.expired', 'session.removed', 'session.replaced'] as const) {
      assert.equal(keyOfAnswer(kind, 0), keyOfAnswer(kind, 30 * HOUR_MS))
    }
  })

  it('is one entry an hour when it may be given again: that the session lives, or is not known', () => {
    for (const kind of ['session.still-active', 'session.unknown'] as const) {
      assert.equal(keyOfAnswer(kind, HOUR_MS), keyOfAnswer(kind, 2 * HOUR_MS - 1))
      assert.notEqual(keyOfAnswer(kind, HOUR_MS), keyOfAnswer(kind, 2 * HOUR_MS))
    }
  })
})

describe('the columns of an entry', () => {
  it('hold every fact of a logout', () => {
    const { naturalKey: _, keyedAt: __, ...stored } = logoutRequested(0, facts)
    assert.deepEqual(
      Object.keys(stored).filter((key) => !columns.some((column) => column === key)),
      [],
    )
  })

  it('name no column twice', () => {
    assert.equal(new Set(columns).size, columns.length)
  })
})
