/** What the figures of many sessions promise, wherever these are kept: what the records add up to. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import * as fc from 'fast-check'
import { history } from '../examples/demo/history.ts'
import type { TestTrail, Where } from '../test/views.ts'
import {
  answeredToSweep,
  intents,
  logoutRequested,
  toldByWebhook,
  type Entry,
  type OrgId,
  type SessionId,
  type UserId,
} from '../trail/entry.ts'
import { durationsIn, endsOverTime, overviewOf, passedOf, type Span } from './analytics.ts'
import { barsOf, spreadOf } from './bins.ts'
import { bucketSizes, bucketStarts } from './calendar.ts'
import { deviceFactOf, deviceOf, devices, type Device } from './device.ts'
import { dimensions, type Dimension } from './outcome.ts'
import { reasons, type SessionRecord } from './record.ts'
import { listSessions } from './session-list.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const QUARTER_MS = 15 * MINUTE_MS
/** So that the clocks of Lisbon, New York and Chatham change within. */
const UNTIL = Date.UTC(2026, 10, 8, 12)
const NOW = UNTIL + 20 * MINUTE_MS

/** What the history does not have: replaced, unknown, abandoned, by an admin, clicked twice, without a device. */
function oddSessions() {
  return Array.from({ length: 60 }, (_, at) => {
    const session_id = `sess_odd${at}` as SessionId
    const began = UNTIL - 40 * DAY_MS + at * 15.3 * HOUR_MS
    const ends = began + (1 + at) * 11 * MINUTE_MS
    const begun = toldByWebhook(`msg_begun${at}`, {
      kind: 'session.created',
      session_id,
      occurred_at: began,
      user_id: `user_odd${at % 9}` as UserId,
      session_abandon_at: began + 2 * DAY_MS,
      user_agent: at % 4 === 0 ? 'curl/8.5.0' : null,
      device_type: at % 4 === 1 ? 'iPad' : null,
      org_id: at % 3 === 0 ? ('org_seeded1' as OrgId) : null,
    })
    const swept = { session_id, session_abandon_at: began + 2 * DAY_MS }
    const click = (
      occurredAt: number,
      intent: (typeof intents)[number] | null,
      actor: string | null = null,
    ) =>
      logoutRequested(occurredAt, {
        session_id,
        user_id: `user_odd${at % 9}` as UserId,
        org_id: null,
        actor_id: actor,
        ip: null,
        user_agent: null,
        azp: null,
        token_iat: Math.floor(occurredAt / 1000),
        token_state: 'valid',
        request_id: null,
        trace_id: null,
        intent,
      })
    const signedOut = toldByWebhook(`msg_end${at}`, {
      kind: 'session.removed',
      session_id,
      occurred_at: ends,
    })
    switch (at % 6) {
      case 0:
        return [begun, answeredToSweep(ends, { kind: 'session.replaced', ...swept })]
      case 1:
        return [begun, answeredToSweep(ends, { kind: 'session.unknown', ...swept })]
      case 2:
        return [begun, answeredToSweep(began + 3 * DAY_MS, { kind: 'session.abandoned', ...swept })]
      case 3:
        return [begun, click(ends - 1500, 'security', 'user_support'), signedOut]
      case 4:
        return [begun, click(began + 1000, 'user'), click(ends - 2500, 'switch-account'), signedOut]
      default:
        return [click(ends, null), begun]
    }
  }).flat()
}

const accountEnds = Array.from({ length: 30 }, (_, at) =>
  toldByWebhook(`msg_account_${at}`, {
    kind: at % 2 === 0 ? 'user.deleted' : 'user.banned',
    user_id: `user_seeded0${10 + at}` as UserId,
    occurred_at: UNTIL - at * HOUR_MS,
  }),
)

/** A session, as whoever reads every record knows it. */
interface Known extends SessionRecord {
  endsAt: number | null
  device: Device | null
  entries: Entry[]
}

async function knownTo(trail: TestTrail, id: SessionId): Promise<Known> {
  const found = await trail.views.session(id, NOW)
  assert.ok(found)
  const { record, indexes } = found
  const entries = (await trail.trail.at(indexes)).filter(({ session_id }) => session_id === id)
  return { ...record, endsAt: record.ended_at ?? record.ended_at_latest, device: deviceIn(entries), entries }
}

/** What Clerk states first, else what is parsed; the first of the list. */
function deviceIn(entries: readonly Entry[]): Device | null {
  const stated = entries.filter(({ device_type }) => device_type !== null)
  const told = stated.length > 0 ? stated : entries
  const found = told.map((entry) => deviceOf(deviceFactOf(entry)))
  return devices.find((device) => found.includes(device)) ?? null
}

const zones = fc.constantFrom(
  'UTC',
  'Europe/Lisbon',
  'America/New_York',
  'Asia/Kathmandu',
  'Pacific/Chatham',
  'Australia/Lord_Howe',
)
const quarters = fc.integer({ min: -50 * 96, max: 2 * 96 }).map((at) => UNTIL + at * QUARTER_MS)
const spans: fc.Arbitrary<Span> = fc
  .tuple(quarters, quarters, fc.option(fc.constantFrom('org_seeded1', 'org_seeded3', 'org_nobody')))
  .filter(([from, to]) => from !== to)
  .map(([a, b, org]) => ({
    from: Math.min(a, b),
    to: Math.max(a, b),
    ...(org === null ? {} : { org_id: org as OrgId }),
  }))

/** The date of a zone, as people write it there. */
function dateIn(timeZone: string, at: number): string {
  return new Intl.DateTimeFormat('en-CA', { timeZone, dateStyle: 'short' }).format(at)
}

/** The date on which the day, the week or the month begins that holds this date. */
function beginningOf(bucket: 'day' | 'week' | 'month', date: string): string {
  if (bucket === 'day') return date
  if (bucket === 'month') return `${date.slice(0, 7)}-01`
  const day = new Date(`${date}T00:00:00Z`)
  const sinceMonday = (day.getUTCDay() + 6) % 7
  return new Date(day.getTime() - sinceMonday * DAY_MS).toISOString().slice(0, 10)
}

function assertNear(found: number | null, exact: number | null): void {
  if (exact === null) assert.equal(found, null)
  else assert.ok(found !== null && Math.abs(found - exact) <= 0.02 * exact, `${found}, and not ${exact}`)
}

/** Of a sign-out that Clerk confirmed: when the click was that it answers. */
function clickOf({ reason, ended_at, entries }: Known): number | null {
  if (reason !== 'signed-out' || ended_at === null) return null
  const clicks = entries
    .filter(({ kind, occurred_at: at }) => {
      return kind === 'logout.requested' && at >= ended_at - 10 * MINUTE_MS && at <= ended_at + 10_000
    })
    .toSorted((a, b) => Math.abs(a.occurred_at - ended_at) - Math.abs(b.occurred_at - ended_at))
  return clicks[0]?.occurred_at ?? null
}

function endsOf(ended: readonly Known[]) {
  const unknown = ended.filter(({ reason }) => reason === 'unknown').length
  const voluntary = ended.filter(
    ({ reason, initiator }) => reason === 'signed-out' && initiator === 'user',
  ).length
  return { total: ended.length, voluntary, forced: ended.length - voluntary - unknown, unknown }
}

/** Of a session that was seen to begin: the earlier of what Clerk stated last. */
function overBy({ entries }: Known): number | null {
  if (!entries.some(({ kind }) => kind === 'session.created' || kind === 'session.pending')) return null
  const last = (pick: (entry: Entry) => number | null) =>
    Math.max(...entries.map((entry) => pick(entry) ?? 0))
  const limits = [last((entry) => entry.session_expire_at), last((entry) => entry.session_abandon_at)]
  const stated = limits.filter((limit) => limit > 0)
  return stated.length > 0 ? Math.min(...stated) : null
}

export function describeAnalytics({ name, open, runs }: Where): void {
  describe(`what session records add up to, in ${name}`, () => {
    let trail: TestTrail
    const all: Known[] = []
    before(async () => {
      trail = await open([
        ...history({ until: UNTIL, days: 45, sessionsADay: 25 }),
        ...oddSessions(),
        ...accountEnds,
      ])
      for (const id of trail.ids()) all.push(await knownTo(trail, id))
    })
    after(() => trail.close())

    function within({ from, to, org_id }: Span, at: (session: Known) => number | null): Known[] {
      return all.filter((session) => {
        const when = at(session)
        return (
          when !== null && when >= from && when < to && (org_id === undefined || session.org_id === org_id)
        )
      })
    }

    const endsIn = (span: Span) => within(span, ({ endsAt }) => endsAt)

    describe('session ends over time', () => {
      it('are those of the records, for every zone, bucket, organisation and dimension', async () => {
        const asked = fc.record({
          bucket: fc.constantFrom(...bucketSizes),
          by: fc.subarray([...dimensions], { minLength: 1, maxLength: 2 }),
        })
        await fc.assert(
          fc.asyncProperty(spans, zones, asked, async (span, tz, { bucket, by }) => {
            const starts = bucketStarts({ ...span, tz, bucket }, 2000)
            assert.ok(starts)
            const expected = new Map<string, number>()
            for (const session of endsIn(span)) {
              const place = starts.findLastIndex((start) => start <= (session.endsAt ?? Infinity))
              const key = JSON.stringify([place, ...by.map((dimension: Dimension) => session[dimension])])
              expected.set(key, (expected.get(key) ?? 0) + 1)
            }
            const series = await trail.read((rows) => endsOverTime(rows, { ...span, starts, by }))
            const found = new Map<string, number>()
            for (const { is, counts, total } of series) {
              assert.equal(counts.length, starts.length)
              assert.equal(
                counts.reduce((sum, count) => sum + count, 0),
                total,
              )
              for (const [at, count] of counts.entries())
                if (count !== 0) found.set(JSON.stringify([at, ...is]), count)
            }
            assert.deepEqual(found, expected)
            const totals = series.map(({ total }) => total)
            assert.deepEqual(
              totals,
              totals.toSorted((a, b) => b - a),
            )
          }),
          { numRuns: runs(300) },
        )
      })

      it('are on the date that people have where they are', () => {
        fc.assert(
          fc.property(spans, zones, fc.constantFrom('day', 'week', 'month'), (span, tz, bucket) => {
            const starts = bucketStarts({ ...span, tz, bucket }, 2000) ?? []
            for (const { endsAt } of endsIn(span)) {
              const start = starts.findLast((start) => start <= (endsAt ?? 0)) ?? 0
              assert.equal(dateIn(tz, start), beginningOf(bucket, dateIn(tz, endsAt ?? 0)))
            }
          }),
          { numRuns: runs(40) },
        )
      })

      it('are as many as the list of sessions finds, for every reason', async () => {
        await fc.assert(
          fc.asyncProperty(spans, fc.constantFrom(...reasons), async (span, reason) => {
            const { from, to } = span
            const series = await trail.read((rows) =>
              endsOverTime(rows, { ...span, starts: [from], by: ['reason'] }),
            )
            const counted = series.find(({ is }) => is[0] === reason)?.total ?? 0
            const filter = { reason, from, to, ...(span.org_id === undefined ? {} : { org_id: span.org_id }) }
            const all = { filter, order: 'newest', beyond: null, limit: 100_000, now: NOW } as const
            const found = await trail.read((rows) => listSessions(rows, all))
            assert.equal(found.length, counted, `${reason}, ${to - from} ms`)
          }),
          { numRuns: runs(100) },
        )
      })

      it('are of every reason in what is tested here', () => {
        assert.deepEqual(
          new Set(endsIn({ from: 0, to: 2 * UNTIL }).map(({ reason }) => reason)),
          new Set(reasons),
        )
        assert.deepEqual(new Set(all.map(({ device }) => device)), new Set([...devices, null]))
      })
    })

    describe('durations', () => {
      it('are within 2 % of those of the records, and their histogram is exact', async () => {
        const wanted = fc.option(fc.constantFrom(...reasons), { nil: undefined })
        await fc.assert(
          fc.asyncProperty(spans, wanted, async (span, reason) => {
            const exact = endsIn(span)
              .filter((session) => reason === undefined || session.reason === reason)
              .flatMap(({ duration_ms }) => duration_ms ?? [])
              .toSorted((a, b) => a - b)
            const bins = await trail.read((rows) => durationsIn(rows, { ...span, reason }))
            const { sessions, percentiles } = spreadOf(bins, [0.5, 0.9, 0.99])
            assert.equal(sessions, exact.length)
            for (const [at, share] of [0.5, 0.9, 0.99].entries())
              assertNear(percentiles[at] ?? null, exact[Math.ceil(share * exact.length) - 1] ?? null)
            for (const { from_ms, to_ms, count } of barsOf(bins))
              assert.equal(count, exact.filter((ms) => ms >= from_ms && ms < to_ms).length)
          }),
          { numRuns: runs(200) },
        )
      })
    })

    describe('the overview', () => {
      it('is what the records add up to', async () => {
        await fc.assert(
          fc.asyncProperty(spans, async (span) => {
            const overview = await trail.read((rows) => overviewOf(rows, { ...span, now: NOW }))
            const { from, to, org_id } = span
            const here = all.filter((session) => org_id === undefined || session.org_id === org_id)
            const count = (is: (session: Known) => boolean) => here.filter(is).length
            assert.deepEqual(overview.now, {
              open: count(({ state }) => state === 'open'),
              requested: count(({ state }) => state === 'requested'),
              unconfirmed: count(({ unconfirmed }) => unconfirmed),
            })
            assert.deepEqual(overview.ends, endsOf(endsIn(span)))
            assert.deepEqual(
              overview.previous,
              endsOf(endsIn({ ...span, from: from - passedOf(span, NOW), to: from })),
            )
            const confirmed = within(span, clickOf)
              .map((session) => Math.max(0, (session.ended_at ?? 0) - (clickOf(session) ?? 0)))
              .toSorted((a, b) => a - b)
            const { sessions, percentiles } = spreadOf(overview.confirmations, [0.5])
            assert.equal(sessions, confirmed.length)
            assertNear(percentiles[0] ?? null, confirmed[Math.ceil(confirmed.length / 2) - 1] ?? null)
            const asked = within(span, ({ requested_at }) => requested_at)
            assert.deepEqual(
              overview.intents,
              [...intents, null].map((intent) => ({
                intent,
                count: asked.filter((session) => session.intent === intent).length,
              })),
            )
            const over = within({ ...span, to: Math.min(to, NOW - MINUTE_MS) }, overBy)
            assert.deepEqual(overview.coverage, {
              sessions: over.length,
              ended: over.filter(({ state }) => state === 'ended').length,
              unknown: over.filter(({ reason }) => reason === 'unknown').length,
            })
          }),
          { numRuns: runs(200) },
        )
      })

      it('knows when each source was last heard of', async () => {
        const span = { from: 0, to: UNTIL, now: NOW }
        const { heard } = await trail.read((rows) => overviewOf(rows, span))
        const recordedAt = Math.max(
          ...all.flatMap(({ entries }) => entries.map((entry) => entry.recorded_at)),
        )
        assert.deepEqual(heard, { api: recordedAt, webhook: recordedAt, sweep: recordedAt })
      })
    })
  })
}
