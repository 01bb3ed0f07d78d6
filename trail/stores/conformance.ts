/** What `trail/store.ts` promises, as tests that every store passes, the fake of `trail.test.ts` among them. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { columns, logoutRequested, type Report, type SessionId, type UserId } from '../entry.ts'
import { TrailError, type TrailErrorCode } from '../error.ts'
import type { AppendResult, TrailStore } from '../store.ts'

/** A place for one trail, which does not exist yet. It is gone when the test ends. */
export interface TrailPlace {
  /** Opens the trail that is there, or creates it. What a test leaves open is closed when the test ends. */
  open: (issuer?: string) => Promise<TrailStore>
  /** Erases the subject of an entry, beside the open store. */
  eraseSubject: (index: number) => Promise<void>
  /** Takes the trail away from under the open store; the function it answers puts it back. */
  takeAway: () => Promise<() => Promise<void>>
}

export const ISSUER = 'https://clerk.example.com'

/** 2026-11-23T12:00:00.000Z, in ms. */
export const NOON = Date.UTC(2026, 10, 23, 12)

/** The logout of the n-th session, with a token issued 10 s before noon. */
export function logout(n: number, changes: object = {}): Report {
  const report = logoutRequested(NOON - 5, {
    session_id: `sess_${n}` as SessionId,
    user_id: `user_${n}` as UserId,
    token_iat: NOON / 1000 - 10,
    actor_id: null,
    org_id: null,
    ip: '203.0.113.0',
    user_agent: 'Mozilla/5.0',
    azp: 'https://app.example.com',
    token_state: 'valid',
    request_id: n.toString(16).padStart(32, '0'),
    trace_id: null,
    intent: 'user',
  })
  return { ...report, ...changes }
}

/** A type that the table refuses. */
export const UNSTORABLE = { occurred_at: 'yesterday' }

export const durable = (index: number): AppendResult => ({ result: 'durable', index })
export const duplicate = (index: number): AppendResult => ({ result: 'duplicate', index })

export async function rejectsWith(code: TrailErrorCode, promise: Promise<unknown>): Promise<TrailError> {
  const error = await promise.then(
    (value) => assert.fail(`fulfilled with ${JSON.stringify(value)} instead of rejecting with ${code}`),
    (error: unknown) => error,
  )
  assert.ok(error instanceof TrailError, `a TrailError, not ${String(error)}`)
  assert.equal(error.code, code, error.message)
  return error
}

/** Every entry of the store, read again; their indexes have no gap. */
export async function allEntries(store: TrailStore) {
  const entries = await store.read(-1, 1_000_000)
  assert.deepEqual(
    entries.map((entry) => entry.index),
    entries.map((_, at) => at),
  )
  assert.equal((await store.head()).nextIndex, entries.length)
  return entries
}

export async function sessionsIn(store: TrailStore): Promise<(string | null)[]> {
  return (await allEntries(store)).map((entry) => entry.session_id)
}

export function describeTrailStore(name: string, newPlace: (t: TestContext) => TrailPlace): void {
  describe(`${name} as a trail store`, () => {
    describe('append', () => appending(newPlace))
    describe('a repeat', () => repeating(newPlace))
    describe('a report that the table refuses', () => refusing(newPlace))
    describe('read, head and check', () => reading(newPlace))
    describe('close', () => closing(newPlace))
  })
}

type NewPlace = (t: TestContext) => TrailPlace

function appending(newPlace: NewPlace): void {
  it('gives the indexes from 0 in the order of the batch, and goes on with the next batch', async (t) => {
    const store = await newPlace(t).open()
    assert.deepEqual(await store.append([logout(7), logout(3), logout(5)], NOON), [0, 1, 2].map(durable))
    assert.deepEqual(await store.append([], NOON), [])
    assert.deepEqual(await store.append([logout(1)], NOON), [durable(3)])
    assert.deepEqual(await sessionsIn(store), ['sess_7', 'sess_3', 'sess_5', 'sess_1'])
  })

  it('goes on after a restart where it was', async (t) => {
    const place = newPlace(t)
    for (const n of [0, 1, 2]) {
      const store = await place.open()
      assert.deepEqual(await store.append([logout(n)], NOON), [durable(n)])
      await store.close()
    }
    assert.deepEqual(await sessionsIn(await place.open()), ['sess_0', 'sess_1', 'sess_2'])
  })

  it('keeps the order of calls that are made at once', async (t) => {
    const store = await newPlace(t).open()
    const calls = Array.from({ length: 50 }, (_, n) => store.append([logout(2 * n), logout(2 * n + 1)], NOON))
    const results = (await Promise.all(calls)).flat()
    assert.deepEqual(
      results,
      results.map((_, n) => durable(n)),
    )
    assert.deepEqual(
      await sessionsIn(store),
      results.map((_, n) => `sess_${n}`),
    )
  })

  it('keeps what a report states, null for what it does not, and when it was recorded', async (t) => {
    const store = await newPlace(t).open()
    await store.append([logout(0)], NOON)
    const webhook = { session_expire_at: NOON + 1, city: 'São Paulo', device_type: null }
    const ended = { kind: 'session.ended', source: 'webhook', occurred_at: NOON - 2_000 } as const
    await store.append([{ ...ended, ...webhook, naturalKey: 'msg_1', keyedAt: NOON }], NOON + 60_000)

    const nothing = Object.fromEntries(columns.map((column) => [column, null]))
    const [first, second] = await allEntries(store)
    assert.deepEqual(first, {
      ...nothing,
      index: 0,
      kind: 'logout.requested',
      source: 'api',
      occurred_at: NOON - 5,
      recorded_at: NOON,
      session_id: 'sess_0',
      user_id: 'user_0',
      ip: '203.0.113.0',
      user_agent: 'Mozilla/5.0',
      azp: 'https://app.example.com',
      token_iat: 1795435190,
      token_state: 'valid',
      request_id: '00000000000000000000000000000000',
      intent: 'user',
    })
    assert.deepEqual(second, { ...nothing, index: 1, ...ended, ...webhook, recorded_at: NOON + 60_000 })
  })

  it('takes nothing of a batch that rejects, and gives its indexes to the next', async (t) => {
    const place = newPlace(t)
    const store = await place.open()
    await store.append([logout(0)], NOON)
    const putBack = await place.takeAway()
    await assert.rejects(store.append([logout(1), logout(2)], NOON), TrailError)
    await putBack()
    assert.deepEqual(await sessionsIn(store), ['sess_0'])
    assert.deepEqual(await store.append([logout(2), logout(1)], NOON), [durable(1), durable(2)])
  })
}

function repeating(newPlace: NewPlace): void {
  it('is a duplicate with the index of the first: in its batch, in a later one, after a restart', async (t) => {
    const place = newPlace(t)
    const store = await place.open()
    const batch = [logout(0), logout(1), logout(1), logout(0)]
    assert.deepEqual(await store.append(batch, NOON), [durable(0), durable(1), duplicate(1), duplicate(0)])
    const later = [logout(2), logout(1), logout(3)]
    assert.deepEqual(await store.append(later, NOON + 1), [durable(2), duplicate(1), durable(3)])
    await store.close()
    const reopened = await place.open()
    assert.deepEqual(await reopened.append([logout(3), logout(0)], NOON + 2), [duplicate(3), duplicate(0)])
    assert.deepEqual(await sessionsIn(reopened), ['sess_0', 'sess_1', 'sess_2', 'sess_3'])
  })

  it('is known by its natural key alone, and changes nothing of the first', async (t) => {
    const store = await newPlace(t).open()
    await store.append([logout(0)], NOON)
    const before = await allEntries(store)
    const repeat = logout(0, { occurred_at: NOON + 99, ip: '198.51.100.0', kind: 'session.ended' })
    assert.deepEqual(await store.append([repeat], NOON + 100), [duplicate(0)])
    assert.deepEqual(await allEntries(store), before)
  })

  it('is a duplicate after the subject of the first was erased, also after a restart', async (t) => {
    const place = newPlace(t)
    const store = await place.open()
    await store.append([logout(0), logout(1)], NOON)
    await place.eraseSubject(1)
    assert.deepEqual(await store.append([logout(1)], NOON), [duplicate(1)])
    await store.close()
    const reopened = await place.open()
    assert.deepEqual(await reopened.append([logout(1)], NOON), [duplicate(1)])
    assert.deepEqual(await sessionsIn(reopened), ['sess_0', null])
  })

  it('is told apart from a report of another source with the same natural key', async (t) => {
    const store = await newPlace(t).open()
    const sources = ['api', 'webhook', 'sweep', 'trail'] as const
    const reports = sources.map((source) => logout(0, { source }))
    assert.deepEqual(await store.append(reports, NOON), [0, 1, 2, 3].map(durable))
    assert.deepEqual(await store.append(reports, NOON), [0, 1, 2, 3].map(duplicate))
  })

  it('is told apart by every character of its natural key, NUL and beyond ASCII too', async (t) => {
    const store = await newPlace(t).open()
    const keys = ['', 'a', 'a\u0000', '\u0000a', 'a\u0000b', 'ab', 'ä', 'a\u0308', '会话', '会話', '🗝️', '🗝']
    const reports = keys.map((naturalKey) => logout(0, { naturalKey }))
    const places = keys.map((_, index) => index)
    assert.deepEqual(await store.append(reports, NOON), places.map(durable))
    assert.deepEqual(await store.append(reports, NOON), places.map(duplicate))
  })
}

function refusing(newPlace: NewPlace): void {
  it('fails alone and takes no index', async (t) => {
    const store = await newPlace(t).open()
    const batch = [logout(0), logout(1, UNSTORABLE), logout(2), logout(3, { kind: undefined })]
    const [first, second, third, fourth] = await store.append(batch, NOON)
    assert.deepEqual([first, third], [durable(0), durable(1)])
    assert.equal(second?.result, 'rejected')
    assert.match(second.reason, /occurred_at/)
    assert.equal(fourth?.result, 'rejected')
    assert.match(fourth.reason, /kind/)
    assert.deepEqual(await sessionsIn(store), ['sess_0', 'sess_2'])
  })

  it('leaves its natural key free, in its batch and later', async (t) => {
    const store = await newPlace(t).open()
    const [refused, sameBatch] = await store.append([logout(0, UNSTORABLE), logout(0)], NOON)
    assert.deepEqual([refused?.result, sameBatch], ['rejected', durable(0)])
    await store.append([logout(1, UNSTORABLE)], NOON)
    assert.deepEqual(await store.append([logout(1)], NOON), [durable(1)])
  })
}

function reading(newPlace: NewPlace): void {
  it('reads page by page what comes after an index', async (t) => {
    const store = await newPlace(t).open()
    assert.deepEqual(await store.read(-1, 10), [])
    await store.append(
      [0, 1, 2, 3, 4].map((n) => logout(n)),
      NOON,
    )
    const page = async (after: number, limit: number) =>
      (await store.read(after, limit)).map((entry) => entry.index)
    assert.deepEqual(await page(-1, 2), [0, 1])
    assert.deepEqual(await page(1, 2), [2, 3])
    assert.deepEqual(await page(3, 2), [4])
    assert.deepEqual(await page(4, 2), [])
    await store.append([logout(5)], NOON)
    assert.deepEqual(await page(4, 2), [5])
  })

  it('says which trail it is, the same after a restart, another for another trail', async (t) => {
    const place = newPlace(t)
    const store = await place.open()
    const empty = await store.head()
    assert.match(empty.trailId, /^[0-9a-f]{32}$/)
    assert.deepEqual(empty, {
      trailId: empty.trailId,
      issuer: ISSUER,
      epoch: 0,
      nextIndex: 0,
      schemaVersion: 1,
    })
    await store.append([logout(0), logout(0), logout(1, UNSTORABLE), logout(2)], NOON)
    await store.close()
    assert.deepEqual(await (await place.open()).head(), { ...empty, nextIndex: 2 })
    assert.notEqual((await (await newPlace(t).open()).head()).trailId, empty.trailId)
  })

  it('refuses the trail of another issuer, and leaves it to its own', async (t) => {
    const place = newPlace(t)
    const store = await place.open()
    await store.append([logout(0)], NOON)
    await store.close()
    const error = await rejectsWith('trail-issuer-mismatch', place.open('https://other.example.com'))
    assert.match(error.message, /https:\/\/clerk\.example\.com.*https:\/\/other\.example\.com/)
    assert.deepEqual(await sessionsIn(await place.open()), ['sess_0'])
  })

  it('fulfils a check without leaving an entry, and rejects it as long as an append would reject', async (t) => {
    const place = newPlace(t)
    const store = await place.open()
    await store.append([logout(0)], NOON)
    await store.check()
    const putBack = await place.takeAway()
    const refusal = await store.append([logout(1)], NOON).catch((error: unknown) => error)
    assert.ok(refusal instanceof TrailError)
    await rejectsWith(refusal.code, store.check())
    await putBack()
    await store.check()
    assert.deepEqual(await sessionsIn(store), ['sess_0'])
  })
}

function closing(newPlace: NewPlace): void {
  it('waits for the appends under way', async (t) => {
    const place = newPlace(t)
    const store = await place.open()
    let answered = 0
    const appends = Array.from({ length: 20 }, async (_, n) => {
      const results = await store.append([logout(n)], NOON)
      answered += 1
      return results
    })
    await store.close()
    assert.equal(answered, 20)
    assert.deepEqual(
      await Promise.all(appends),
      appends.map((_, n) => [durable(n)]),
    )
    assert.equal((await sessionsIn(await place.open())).length, 20)
  })

  it('rejects what comes after it with trail-closed, but a second close', async (t) => {
    const store = await newPlace(t).open()
    await store.close()
    await rejectsWith('trail-closed', store.append([logout(0)], NOON))
    await rejectsWith('trail-closed', store.read(-1, 1))
    await rejectsWith('trail-closed', store.head())
    await rejectsWith('trail-closed', store.check())
    await store.close()
  })
}
