import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as fc from 'fast-check'
import { columns, type Entry, type Report } from './entry.ts'
import { TrailError, type TrailErrorCode } from './error.ts'
import type { AppendResult, TrailHead, TrailStore } from './store.ts'
import {
  allEntries,
  describeTrailStore,
  durable,
  duplicate,
  ISSUER,
  logout,
  NOON,
  UNSTORABLE,
} from './stores/conformance.ts'
import { openSqliteStore } from './stores/sqlite.ts'
import { Trail, type AppendOutcome, type TrailOptions } from './trail.ts'

/** What a `MemoryStore` leaves behind for the next one. */
class Memory {
  head = { trailId: crypto.randomUUID().replaceAll('-', ''), issuer: ISSUER, epoch: 0, schemaVersion: 1 }
  entries: Entry[] = []
  keys = new Map<string, number>()
  away = false
}

interface Gate {
  open: () => void
  fail: (error: TrailError) => void
}

/** A store in memory. While it is `held`, each commit waits for the test to let it through or to fail it. */
class MemoryStore implements TrailStore {
  /** The sessions of each batch that it was asked to append. */
  readonly batches: (string | null | undefined)[][] = []
  held = false
  readonly #memory: Memory
  readonly #gates: Gate[] = []
  readonly #underWay: Promise<unknown>[] = []
  #closed = false

  constructor(memory = new Memory()) {
    this.#memory = memory
  }

  commit(): void {
    this.#gates.shift()?.open()
  }

  fail(code: TrailErrorCode = 'trail-unavailable'): void {
    this.#gates.shift()?.fail(new TrailError(code, 'as the test asked'))
  }

  append(batch: readonly Report[], recordedAt: number): Promise<AppendResult[]> {
    if (this.#closed) return this.#rejected()
    this.batches.push(batch.map((report) => report.session_id))
    const gate = new Promise<void>((open, fail) => (this.held ? this.#gates.push({ open, fail }) : open()))
    const committed = gate.then(() => {
      if (this.#memory.away) throw new TrailError('trail-replaced', 'away')
      return batch.map((report) => this.#appendOne(report, recordedAt))
    })
    this.#underWay.push(committed)
    return committed
  }

  async read(after: number, limit: number): Promise<Entry[]> {
    if (this.#closed) return this.#rejected()
    return this.#memory.entries.slice(after + 1, after + 1 + limit).map((entry) => ({ ...entry }))
  }

  async head(): Promise<TrailHead> {
    if (this.#closed) return this.#rejected()
    return { ...this.#memory.head, nextIndex: this.#memory.entries.length }
  }

  async check(): Promise<void> {
    await this.append([], 0)
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#underWay)
  }

  #rejected(): Promise<never> {
    return Promise.reject(new TrailError('trail-closed', 'closed'))
  }

  #appendOne(report: Report, recordedAt: number): AppendResult {
    const { entries, keys } = this.#memory
    const key = JSON.stringify([report.source, report.naturalKey])
    const first = keys.get(key)
    if (first !== undefined) return duplicate(first)
    for (const column of ['kind', 'occurred_at'] as const) {
      if (typeof report[column] !== (column === 'kind' ? 'string' : 'number')) {
        return { result: 'rejected', reason: `${column} has the wrong type` }
      }
    }
    const index = entries.length
    const stated: Partial<Entry> = { ...report, recorded_at: recordedAt }
    const values = columns.map((column) => [column, stated[column] ?? null])
    entries.push({ index, ...Object.fromEntries(values) } as Entry)
    keys.set(key, index)
    return durable(index)
  }
}

describeTrailStore('the fake', () => {
  const memory = new Memory()
  return {
    open: async (issuer = ISSUER) => {
      if (issuer === memory.head.issuer) return new MemoryStore(memory)
      throw new TrailError('trail-issuer-mismatch', `of ${memory.head.issuer}, not of ${issuer}`)
    },
    eraseSubject: async (index) => {
      const entry = memory.entries[index]
      if (entry) Object.assign(entry, { session_id: null, user_id: null, client_id: null })
    },
    takeAway: async () => {
      memory.away = true
      return async () => void (memory.away = false)
    },
  }
})

function trailOn(store: TrailStore, options: Partial<TrailOptions> = {}): Trail {
  return new Trail({ store, now: () => NOON, ...options })
}

/** A store whose commits wait for the test, and a trail on it. */
function heldTrail(options: Partial<TrailOptions> = {}) {
  const store = new MemoryStore()
  store.held = true
  const trail = trailOn(store, options)
  const append = (...sessions: number[]) => sessions.map((n) => trail.append(logout(n)))
  return { store, trail, append }
}

/** Lets all that can be answered now be answered. */
function settled(): Promise<unknown> {
  return new Promise(setImmediate)
}

async function timed<T>(promise: Promise<T>): Promise<{ value: T; tookMs: number }> {
  const startedAt = performance.now()
  const value = await promise
  return { value, tookMs: performance.now() - startedAt }
}

describe('group commit', () => {
  it('commits a lone report at once', async () => {
    const { store, trail, append } = heldTrail()
    const [first] = append(1)
    assert.deepEqual(store.batches, [['sess_1']])
    store.commit()
    assert.equal(await first, 'durable')
    assert.equal(trail.pending, 0)
  })

  it('makes one batch of all that arrives while a commit is in flight', async () => {
    const { store, trail, append } = heldTrail()
    const first = append(1)
    const second = append(2, 3, 4)
    assert.deepEqual(store.batches, [['sess_1']])
    assert.equal(trail.pending, 4)
    store.commit()
    assert.deepEqual(await Promise.all(first), ['durable'])
    assert.deepEqual(store.batches, [['sess_1'], ['sess_2', 'sess_3', 'sess_4']])
    const third = append(5)
    store.commit()
    assert.deepEqual(await Promise.all(second), ['durable', 'durable', 'durable'])
    assert.deepEqual(store.batches.slice(2), [['sess_5']])
    store.commit()
    assert.deepEqual(await Promise.all(third), ['durable'])
    assert.equal(trail.pending, 0)
  })

  it('answers nobody before the commit', async () => {
    const { store, append } = heldTrail()
    const answered: AppendOutcome[] = []
    const all = append(1, 2).map((outcome) => outcome.then((value) => answered.push(value)))
    await settled()
    assert.deepEqual(answered, [])
    store.commit()
    await all[0]
    assert.deepEqual(answered, ['durable'])
    store.commit()
    await all[1]
    assert.deepEqual(answered, ['durable', 'durable'])
  })

  it('puts no more than batchLimit into one transaction', async () => {
    const store = new MemoryStore()
    const trail = trailOn(store, { batchLimit: 2 })
    await Promise.all([1, 2, 3, 4, 5].map((n) => trail.append(logout(n))))
    assert.deepEqual(store.batches, [['sess_1'], ['sess_2', 'sess_3'], ['sess_4', 'sess_5']])
  })

  it('records the time at which each batch goes to the store', async () => {
    const { store, append } = heldTrail({ now: () => clock })
    let clock = NOON
    const all = append(1, 2)
    clock = NOON + 7
    store.commit()
    await all[0]
    clock = NOON + 9
    store.commit()
    await all[1]
    assert.deepEqual(
      (await store.read(-1, 9)).map((entry) => entry.recorded_at),
      [NOON, NOON + 7],
    )
  })

  it('tells its observer what each batch was', async () => {
    const told: string[] = []
    const { store, trail, append } = heldTrail({
      observe: {
        committed: (reports, durationMs) => told.push(`committed ${reports}, ${durationMs >= 0}`),
        failed: (error) => told.push(`failed: ${String(error)}`),
        rejected: (reason) => told.push(`refused: ${reason}`),
      },
    })
    const all = [...append(1, 2), trail.append(logout(3, UNSTORABLE))]
    store.commit()
    await all[0]
    store.commit()
    await Promise.all(all)
    const last = append(4)
    store.fail()
    await Promise.all(last)
    assert.deepEqual(told, [
      'committed 1, true',
      'committed 2, true',
      'refused: occurred_at has the wrong type',
      'failed: TrailError: as the test asked',
    ])
  })
})

describe('a repeat', () => {
  it('is answered without the store once the first is durable', async () => {
    const { store, append } = heldTrail()
    const first = append(1)
    store.commit()
    assert.deepEqual(await Promise.all(first), ['durable'])
    assert.deepEqual(await Promise.all(append(1, 1)), ['duplicate', 'duplicate'])
    assert.deepEqual(store.batches, [['sess_1']])
  })

  it('goes to the store while the first is in flight, and is answered after the commit', async () => {
    const { store, append } = heldTrail()
    const [first, repeat] = append(1, 1)
    store.commit()
    assert.equal(await first, 'durable')
    assert.deepEqual(store.batches, [['sess_1'], ['sess_1']])
    store.commit()
    assert.equal(await repeat, 'duplicate')
  })

  it('is remembered when the store was the one that knew it', async () => {
    const store = new MemoryStore()
    await store.append([logout(1)], NOON)
    const trail = trailOn(store)
    assert.equal(await trail.append(logout(1)), 'duplicate')
    assert.equal(await trail.append(logout(1)), 'duplicate')
    assert.equal(store.batches.length, 2)
  })

  it('goes to the store after the store found another history there: what was durable may be gone', async () => {
    const { store, append } = heldTrail()
    const first = append(1)
    store.commit()
    assert.deepEqual(await Promise.all(first), ['durable'])
    const lost = append(2)
    store.fail('trail-rewound')
    assert.deepEqual(await Promise.all(lost), ['store-failed'])
    const repeat = append(1)
    store.fail('trail-rewound')
    assert.deepEqual(await Promise.all(repeat), ['store-failed'])
  })

  it('goes to the store when recentLimit others were asked for since', async () => {
    const store = new MemoryStore()
    const trail = trailOn(store, { recentLimit: 2 })
    const outcomes: AppendOutcome[] = []
    for (const n of [1, 2, 1, 3, 1, 2]) outcomes.push(await trail.append(logout(n)))
    assert.deepEqual(outcomes, ['durable', 'durable', 'duplicate', 'durable', 'duplicate', 'duplicate'])
    // Session 1 was asked for after session 2, so session 2 was the one to forget.
    assert.deepEqual(store.batches, [['sess_1'], ['sess_2'], ['sess_3'], ['sess_2']])
  })

  it('is not taken for the report of another source with the same natural key', async () => {
    const trail = trailOn(new MemoryStore())
    assert.equal(await trail.append(logout(1)), 'durable')
    assert.equal(await trail.append(logout(1, { source: 'webhook' })), 'durable')
  })
})

describe('a store that hangs', () => {
  it('is waited for no longer than confirmWithinMs; what it commits late is a duplicate from then on', async () => {
    const { store, trail, append } = heldTrail({ confirmWithinMs: 30 })
    const { value, tookMs } = await timed(Promise.all(append(1)))
    assert.deepEqual(value, ['timed-out'])
    assert.ok(tookMs >= 29 && tookMs < 1500, `${tookMs} ms`)
    assert.equal(trail.pending, 1)
    store.commit()
    await settled()
    assert.equal(trail.pending, 0)
    assert.deepEqual(await Promise.all(append(1)), ['duplicate'])
    assert.deepEqual(store.batches, [['sess_1']])
  })

  it('gives each report in line its own deadline', async () => {
    const { append } = heldTrail({ confirmWithinMs: 80 })
    const answered: unknown[] = []
    const timedAppend = async (n: number) => {
      const { value, tookMs } = await timed(Promise.all(append(n)))
      answered.push(n)
      assert.deepEqual(value, ['timed-out'])
      assert.ok(tookMs >= 79, `${tookMs} ms`)
    }
    const first = timedAppend(1)
    await sleep(40)
    const later = [timedAppend(2), timedAppend(3)]
    await Promise.all([first, ...later])
    assert.deepEqual(answered, [1, 2, 3])
  })

  it('times out what comes after all in line have timed out', async () => {
    const { append } = heldTrail({ confirmWithinMs: 10 })
    assert.deepEqual(await Promise.all(append(1)), ['timed-out'])
    assert.deepEqual(await Promise.all(append(2)), ['timed-out'])
  })

  it('keeps what timed out in line, in its order', async () => {
    const { store, append } = heldTrail({ confirmWithinMs: 10 })
    assert.deepEqual(await Promise.all(append(1, 2)), ['timed-out', 'timed-out'])
    const late = append(3)
    store.commit()
    await settled()
    store.commit()
    assert.deepEqual(await Promise.all(late), ['durable'])
    assert.deepEqual(store.batches, [['sess_1'], ['sess_2', 'sess_3']])
  })

  it('leaves nothing remembered of what it rejects after the deadline', async () => {
    const { store, append } = heldTrail({ confirmWithinMs: 10 })
    assert.deepEqual(await Promise.all(append(1)), ['timed-out'])
    store.fail()
    await settled()
    const retry = append(1)
    store.commit()
    assert.deepEqual(await Promise.all(retry), ['durable'])
  })

  it('is waited for as long when the clock jumps an hour, back or ahead', async () => {
    for (const jumpMs of [-3_600_000, 3_600_000]) {
      let clock = NOON
      const { store, append } = heldTrail({ confirmWithinMs: 60, now: () => clock })
      const confirmed = append(1)
      clock += jumpMs
      store.commit()
      assert.deepEqual(await Promise.all(confirmed), ['durable'])
      const hanging = timed(Promise.all(append(2)))
      clock += jumpMs
      const { value, tookMs } = await hanging
      assert.deepEqual(value, ['timed-out'])
      assert.ok(tookMs >= 59 && tookMs < 1500, `${tookMs} ms`)
    }
  })

  it('fills the line: more than queueLimit is turned away at once, until there is room', async () => {
    const { store, trail, append } = heldTrail({ queueLimit: 3, confirmWithinMs: 100 })
    assert.deepEqual(await Promise.all(append(1, 2, 3)), ['timed-out', 'timed-out', 'timed-out'])
    assert.equal(trail.pending, 3)
    assert.deepEqual(await Promise.race([Promise.all(append(4)), settled()]), ['queue-full'])
    store.commit()
    await settled()
    const roomAgain = append(4)
    store.commit()
    await settled()
    store.commit()
    assert.deepEqual(await Promise.all(roomAgain), ['durable'])
    assert.deepEqual(store.batches, [['sess_1'], ['sess_2', 'sess_3'], ['sess_4']])
  })

  it('still answers a repeat of what is durable when the line is full', async () => {
    const { store, append } = heldTrail({ queueLimit: 1 })
    const first = append(1)
    store.commit()
    await Promise.all(first)
    const second = append(2)
    assert.deepEqual(await Promise.all(append(1, 3)), ['duplicate', 'queue-full'])
    store.commit()
    await Promise.all(second)
  })
})

describe('a store that fails', () => {
  it('fails the batch it rejects, remembers nothing of it, and goes on with the next', async () => {
    const { store, trail, append } = heldTrail()
    const all = append(1, 2, 3)
    store.commit()
    await all[0]
    const next = append(4)
    store.fail()
    assert.deepEqual(await Promise.all(all), ['durable', 'store-failed', 'store-failed'])
    store.commit()
    assert.deepEqual(await Promise.all(next), ['durable'])
    const retry = append(2)
    store.commit()
    assert.deepEqual(await Promise.all(retry), ['durable'])
    assert.equal(trail.pending, 0)
  })

  it('refuses one report alone, and is asked again for its repeat', async () => {
    const store = new MemoryStore()
    const trail = trailOn(store)
    const outcomes = [logout(1), logout(2), logout(3, UNSTORABLE), logout(4)].map((r) => trail.append(r))
    assert.deepEqual(await Promise.all(outcomes), ['durable', 'durable', 'rejected', 'durable'])
    assert.equal(await trail.append(logout(3)), 'durable')
  })

  it('makes the check reject when the store does not answer in time', async () => {
    const store = new MemoryStore()
    store.held = true
    const trail = new Trail({ store, now: () => NOON, confirmWithinMs: 10 })

    await assert.rejects(trail.check(), {
      code: 'trail-unavailable',
      message: 'The store did not answer within 0.01 s.',
    })
    store.commit()
  })

  it('is asked by one check at a time, however many wait', async () => {
    const { store, trail } = heldTrail({ confirmWithinMs: 10 })
    for (const _ of [1, 2]) await assert.rejects(trail.check(), { code: 'trail-unavailable' })
    assert.equal(store.batches.length, 1)
    store.commit()
    await settled()
    const next = trail.check()
    store.commit()
    await next
    assert.equal(store.batches.length, 2)
  })

  it('makes the check reject', async () => {
    const { store, trail } = heldTrail()
    const checked = trail.check()
    store.fail()
    await assert.rejects(checked, { code: 'trail-unavailable' })
  })
})

describe('close', () => {
  it('commits what was accepted, closes the store after it, and takes nothing more', async () => {
    const { store, trail, append } = heldTrail()
    const accepted = append(1, 2, 3)
    let closed = false
    const closing = trail.close().then(() => (closed = true))
    assert.deepEqual(await Promise.all(append(4, 1)), ['closed', 'closed'])
    store.commit()
    await accepted[0]
    assert.equal((await store.head()).nextIndex, 1)
    assert.equal(closed, false)
    store.commit()
    assert.deepEqual(await Promise.all(accepted), ['durable', 'durable', 'durable'])
    await closing
    assert.equal(trail.pending, 0)
    await assert.rejects(store.head(), { code: 'trail-closed' })
    assert.deepEqual(await Promise.all(append(5)), ['closed'])
    assert.deepEqual(store.batches, [['sess_1'], ['sess_2', 'sess_3']])
  })

  it('waits for what has timed out, and for what fails', async () => {
    const { store, trail, append } = heldTrail({ confirmWithinMs: 10 })
    assert.deepEqual(await Promise.all(append(1, 2)), ['timed-out', 'timed-out'])
    const closing = trail.close()
    store.commit()
    await settled()
    assert.equal(trail.pending, 1)
    store.fail()
    await closing
    assert.equal(trail.pending, 0)
  })

  it('can be called again while it waits', async () => {
    const { store, trail, append } = heldTrail()
    const accepted = append(1)
    const both = [trail.close(), trail.close()]
    store.commit()
    await Promise.all([...both, ...accepted])
    await trail.close()
  })
})

/** Reports sent at once, and then perhaps a restart of the service. */
interface Step {
  sessions: number[]
  reopen: boolean
}

describe('whatever the order of reports, repeats and restarts', () => {
  const step = fc.record<Step>({
    sessions: fc.array(fc.nat(12), { maxLength: 12 }),
    reopen: fc.boolean(),
  })
  const limits = fc.record({ batchLimit: fc.integer({ min: 1, max: 5 }), recentLimit: fc.nat(4) })

  it('holds each report once, at an index without a gap, and answers durable once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 5 }), limits, async (steps, limits) => {
        const folder = mkdtempSync(join(tmpdir(), 'trail-property-'))
        try {
          await runOnSqlite(steps, { path: join(folder, 'trail.db'), limits })
        } finally {
          rmSync(folder, { recursive: true })
        }
      }),
      { numRuns: 25 },
    )
  })
})

async function runOnSqlite(
  steps: Step[],
  { path, limits }: { path: string; limits: Partial<TrailOptions> },
): Promise<void> {
  const open = async () => trailOn(await openSqliteStore({ path, issuer: ISSUER }), limits)
  /** Each session in the order in which it was first reported: the whole model. */
  const model = new Set<number>()
  let trail = await open()
  try {
    for (const { sessions, reopen } of steps) {
      const expected = sessions.map((n) => {
        const outcome = model.has(n) ? 'duplicate' : 'durable'
        model.add(n)
        return outcome
      })
      const outcomes = Promise.all(sessions.map((n) => trail.append(logout(n))))
      if (reopen) {
        await trail.close()
        trail = await open()
      }
      assert.deepEqual(await outcomes, expected)
      assert.equal(trail.pending, 0)
    }
  } finally {
    await trail.close()
  }
  const store = await openSqliteStore({ path, issuer: ISSUER })
  try {
    assert.deepEqual(
      (await allEntries(store)).map((entry) => entry.session_id),
      [...model].map((n) => `sess_${n}`),
    )
  } finally {
    await store.close()
  }
}
