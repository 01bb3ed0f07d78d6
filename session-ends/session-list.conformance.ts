/** What a list of session records promises, wherever they are kept. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { TestTrail, Where } from '../test/views.ts'
import { history } from '../examples/demo/history.ts'
import { toldByWebhook, type OrgId, type Report, type SessionId, type UserId } from '../trail/entry.ts'
import { initiators, confidences, reasons, states, type SessionRecord } from './record.ts'
import {
  changedSessions,
  listSessions,
  type ChangePlace,
  type ChangesRequest,
  type ListRequest,
} from './session-list.ts'
import { nextRows, type SessionFilter } from './sessions-query.ts'

const DAY_MS = 86_400_000
const UNTIL = Date.UTC(2026, 10, 20, 12)
const reports = history({ until: UNTIL, days: 20, sessionsADay: 20 })

/** An account that is deleted, and one that is banned, in the middle of it. */
const accountEnds = (['user.deleted', 'user.banned'] as const).map((kind, at) =>
  toldByWebhook(`msg_account_${at}`, {
    kind,
    user_id: `user_seeded00${at + 1}` as UserId,
    occurred_at: UNTIL - 3 * DAY_MS,
  }),
)

/** Every record, the first heard of first, asked for one by one. */
async function everyRecord({ views, ids }: TestTrail): Promise<SessionRecord[]> {
  const records: SessionRecord[] = []
  for (const id of ids()) {
    const found = await views.session(id, UNTIL)
    assert.ok(found)
    records.push(found.record)
  }
  return records
}

/** The filter, read aloud. */
function fits(record: SessionRecord, filter: SessionFilter): boolean {
  const at = record.ended_at ?? record.ended_at_latest ?? record.requested_at ?? record.started_at
  return (
    (['state', 'reason', 'initiator', 'confidence', 'user_id', 'session_id', 'org_id'] as const).every(
      (name) => filter[name] === undefined || record[name] === filter[name],
    ) &&
    (filter.from === undefined || (at !== null && at >= filter.from)) &&
    (filter.to === undefined || (at !== null && at < filter.to)) &&
    (filter.q === undefined ||
      [record.session_id, record.user_id, record.org_id].some((id) => id === filter.q))
  )
}

const numbered = (name: string, most: number) =>
  fc
    .integer({ min: 0, max: most })
    .map((at) => `${name}${String(at).padStart(name === 'sess_seeded' ? 6 : 3, '0')}`)
const sessionIds = numbered('sess_seeded', 420) as fc.Arbitrary<SessionId>
const userIds = numbered('user_seeded', 121) as fc.Arbitrary<UserId>
const orgIds = fc.integer({ min: 0, max: 6 }).map((at) => `org_seeded${at}` as OrgId)
const moments = fc.integer({ min: -22 * 24, max: 24 }).map((hours) => UNTIL + hours * 3_600_000)

const filters: fc.Arbitrary<SessionFilter> = fc
  .record(
    {
      state: fc.constantFrom(...states),
      reason: fc.constantFrom(...reasons),
      initiator: fc.constantFrom(...initiators),
      confidence: fc.constantFrom(...confidences),
      user_id: userIds,
      session_id: sessionIds,
      org_id: orgIds,
      from: moments,
      to: moments,
      q: fc.oneof(sessionIds, userIds, orgIds),
    },
    { requiredKeys: [] },
  )
  // Two or three are what people use; all at once fit nothing.
  .chain((all) => {
    const names = Object.keys(all)
    return fc.subarray(names, { maxLength: Math.min(3, names.length) }).map((some) => pick(all, some))
  })

function pick(filter: SessionFilter, names: readonly string[]): SessionFilter {
  return Object.fromEntries(Object.entries(filter).filter(([name]) => names.includes(name)))
}

async function listAll(
  { read }: TestTrail,
  filter: SessionFilter,
  { order, limit }: { order: 'newest' | 'oldest'; limit: number },
) {
  const records: SessionRecord[] = []
  let beyond: number | null = null
  for (;;) {
    const request: ListRequest = { filter, order, beyond, limit, now: UNTIL }
    const page = await read((rows) => listSessions(rows, request))
    records.push(...page.map(({ record }) => record))
    if (page.length < limit) return records
    beyond = page.at(-1)?.id ?? null
  }
}

/** What is recorded between two pages: from nothing to many sessions, also of those that were listed already. */
const steps = fc.array(fc.record({ limit: fc.integer({ min: 1, max: 30 }), recorded: fc.nat({ max: 40 }) }), {
  minLength: 3,
  maxLength: 40,
})

export function describeSessionLists({ name, open, runs }: Where): void {
  describe(`the list of session records in ${name}`, () => {
    let trail: TestTrail
    before(async () => {
      trail = await open([...reports, ...accountEnds])
    })
    after(() => trail.close())

    it('has what fits the filters, once and in order, however it is cut into pages', async () => {
      const all = await everyRecord(trail)
      assert.ok(all.length > 250)
      await fc.assert(
        fc.asyncProperty(filters, fc.integer({ min: 1, max: 60 }), async (filter, limit) => {
          const expected = all.filter((record) => fits(record, filter))
          assert.deepEqual(await listAll(trail, filter, { order: 'oldest', limit }), expected)
          const newestFirst = await listAll(trail, filter, { order: 'newest', limit })
          assert.deepEqual(newestFirst, expected.toReversed())
        }),
        { numRuns: runs(400) },
      )
    })

    it('finds the same in an organisation that is too large to be read through', async () => {
      await fc.assert(
        fc.asyncProperty(filters, orgIds, async (given, org_id) => {
          const filter = { ...given, org_id }
          const walk = { filter, order: 'newest', beyond: 1e9, limit: 40 } as const
          const found = (orgIsLarge: boolean) =>
            trail.read(async (rows) => {
              const query = nextRows({ ...walk, orgIsLarge }, rows.dialect)
              return query ? rows.all(query) : []
            })
          assert.deepEqual(await found(true), await found(false))
        }),
        { numRuns: runs(300) },
      )
    })

    it('asks nothing of the database when the filters contradict each other', async () => {
      const contradicting: SessionFilter[] = [
        { state: 'open', reason: 'expired' },
        { reason: 'revoked', initiator: 'user' },
        { confidence: 'inferred', reason: 'signed-out' },
      ]
      for (const filter of contradicting) {
        const walk = { filter, order: 'newest', beyond: 1e9, limit: 1, orgIsLarge: false } as const
        assert.equal(await trail.read(async ({ dialect }) => nextRows(walk, dialect) ?? 'nothing'), 'nothing')
      }
    })
  })

  describe(`the list while records are written, in ${name}`, () => {
    it('shows each record that was there at the first page exactly once, newest first', async () => {
      await fc.assert(
        fc.asyncProperty(steps, async (steps) => {
          const growing = await open(reports.slice(0, 400))
          const there = growing.ids()
          const rest = reports.slice(400)
          const seen: SessionId[] = []
          let beyond: number | null = null
          for (let at = 0; ; at += 1) {
            const { limit = 7, recorded = 3 } = steps[at] ?? {}
            const request: ListRequest = { filter: {}, order: 'newest', beyond, limit, now: UNTIL }
            const page = await growing.read((rows) => listSessions(rows, request))
            seen.push(...page.map(({ record }) => record.session_id))
            if (page.length < limit) break
            beyond = page.at(-1)?.id ?? null
            await growing.record(rest.splice(0, recorded))
          }
          assert.deepEqual(seen, there.toReversed())
          await growing.close()
        }),
        { numRuns: runs(15) },
      )
    })

    it('tells who follows the changes of every change', async () => {
      await fc.assert(
        fc.asyncProperty(
          steps,
          fc.constantFrom<SessionFilter>({}, { state: 'ended' }, { reason: 'account-deleted' }),
          async (steps, filter) => {
            const growing = await open(reports.slice(0, 200))
            const rest: Report[] = [...reports.slice(200), ...accountEnds]
            const known = new Map<SessionId, SessionRecord>()
            let after: ChangePlace = { index: -1, id: -1 }
            for (let at = 0; ; at += 1) {
              const { limit = 11, recorded = 50 } = steps[at] ?? {}
              const request: ChangesRequest = { filter, after, limit, now: UNTIL }
              const changes = await growing.read((rows) => changedSessions(rows, request))
              for (const record of changes.records) known.set(record.session_id, record)
              assert.ok(changes.records.length <= limit)
              after = changes.next
              if (!changes.more && rest.length === 0) break
              await growing.record(rest.splice(0, recorded))
            }
            const expected = (await everyRecord(growing)).filter((record) => fits(record, filter))
            for (const record of expected) assert.deepEqual(known.get(record.session_id), record)
            if (Object.keys(filter).length === 0) assert.equal(known.size, expected.length)
            await growing.close()
          },
        ),
        { numRuns: runs(15) },
      )
    })
  })
}
