import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { z } from 'zod'
import { history } from '../../examples/demo/history.ts'
import { openTestApp, type TestApp } from '../../test/app.ts'
import { TOKEN_TIME } from '../../test/clerk-instance.ts'
import { Durations, Overview, SessionEndsOverTime, SessionPage } from '../contract.ts'

const KEY = 'k'.repeat(32)
const asReader = { headers: { Authorization: `Bearer ${KEY}` } }
const DAY_MS = 86_400_000
const reports = history({ until: TOKEN_TIME, days: 20, sessionsADay: 20 })

let app: TestApp
before(async () => {
  app = await openTestApp({ readerKeys: [{ name: 'product', secret: KEY }], webhookSecrets: [] })
  for (const report of reports) await app.trail.append(report)
})
after(() => app[Symbol.asyncDispose]())

const get = (path: string) => app.app.request(`/v1/analytics/${path}`, asReader)

/** As the contract says, and with no key more. */
async function read<T>(shape: z.ZodType<T>, path: string): Promise<T> {
  const answer = await get(path)
  assert.equal(answer.status, 200, await answer.clone().text())
  const answered: unknown = await answer.json()
  const parsed = shape.parse(answered)
  assert.deepEqual(parsed, answered)
  return parsed
}

const midnight = (ms: number) => new Date(Math.floor(ms / DAY_MS) * DAY_MS).toISOString()

describe('GET /v1/analytics/session-ends', () => {
  it('gives the last 30 days in UTC by reason, up to the end of today', async () => {
    const ends = await read(SessionEndsOverTime, 'session-ends')
    assert.deepEqual([ends.bucket, ends.by, ends.tz], ['day', ['reason'], 'UTC'])
    assert.equal(ends.to, midnight(TOKEN_TIME + DAY_MS))
    assert.equal(ends.from, midnight(TOKEN_TIME - 29 * DAY_MS))
    assert.equal(ends.buckets.length, 30)
    assert.deepEqual([ends.buckets[0], ends.buckets[29]], [ends.from, midnight(TOKEN_TIME)])
    assert.ok(ends.total > 200)
    assert.deepEqual(Object.keys(ends.series[0] ?? {}), ['reason', 'counts', 'total'])
    assert.equal(ends.series[0]?.reason, 'signed-out')
  })

  it('counts what GET /v1/sessions lists', async () => {
    const [from, to] = [midnight(TOKEN_TIME - 3 * DAY_MS), midnight(TOKEN_TIME - 2 * DAY_MS)]
    const { series } = await read(
      SessionEndsOverTime,
      `session-ends?from=${from}&to=${to}&by=reason,initiator`,
    )
    assert.ok(series.length > 1)
    for (const { reason, initiator, total } of series) {
      const query = `state=ended&from=${from}&to=${to}&limit=200&reason=${reason}`
      const answer = await app.app.request(`/v1/sessions?${query}`, asReader)
      const { items } = SessionPage.parse(await answer.json())
      assert.equal(items.filter((item) => item.initiator === initiator).length, total)
    }
  })

  it('takes a day for its midnight in tz, and widens a time to a quarter of an hour', async () => {
    const day = await read(SessionEndsOverTime, 'session-ends?from=2026-03-29&to=2026-03-31&tz=Europe/Lisbon')
    assert.deepEqual(
      [day.from, day.to, day.buckets],
      [
        '2026-03-29T00:00:00.000Z',
        '2026-03-30T23:00:00.000Z',
        ['2026-03-29T00:00:00.000Z', '2026-03-29T23:00:00.000Z'],
      ],
    )
    const time = await read(
      SessionEndsOverTime,
      'session-ends?from=2026-03-29T10:01:00Z&to=2026-03-29T11:01:00Z&bucket=month&tz=Asia/Kathmandu',
    )
    assert.deepEqual(
      [time.from, time.to, time.buckets],
      ['2026-03-29T10:00:00.000Z', '2026-03-29T11:15:00.000Z', ['2026-02-28T18:15:00.000Z']],
    )
  })

  it('answers with nothing for an organisation that nobody knows', async () => {
    const { series, total } = await read(SessionEndsOverTime, 'session-ends?org_id=org_nobody')
    assert.deepEqual([series, total], [[], 0])
  })

  it('names what is wrong, and what there is instead', async () => {
    for (const [path, code, detail] of [
      [
        'session-ends?reason=expired',
        'unknown-filter',
        /no “reason” here; there are from, to, tz, org_id, bucket, by/,
      ],
      ['session-ends?tz=Lisbon/Portugal', 'invalid-request', /^tz must be a time zone of the IANA/],
      ['session-ends?tz=%2B05:45', 'invalid-request', /^tz must/],
      ['session-ends?bucket=year', 'invalid-request', /^bucket must be one of hour, day, week, month/],
      ['session-ends?by=country', 'invalid-request', /^by must be one or two of reason, initiator/],
      ['session-ends?by=reason,reason', 'invalid-request', /^by must/],
      ['session-ends?by=reason,initiator,device', 'invalid-request', /^by must/],
      ['session-ends?from=1969-12-31', 'invalid-request', /^from must be a time .* from 1970 on/],
      ['session-ends?from=2026-02-30', 'invalid-request', /^from must be a time/],
      ['session-ends?from=2026-03-02&to=2026-03-02', 'invalid-request', /^from must be before to/],
      ['session-ends?from=2999-01-01', 'invalid-request', /^from must be before to/],
      [
        'session-ends?from=2020-01-01&bucket=hour',
        'invalid-request',
        /^bucket must be longer.*more than 1,000/,
      ],
      ['durations?reason=bored', 'invalid-request', /^reason must be one of revoked/],
      ['durations?bucket=day', 'unknown-filter', /no “bucket” here/],
      ['overview?by=reason', 'unknown-filter', /no “by” here/],
      ['overview?org_id=a%20b', 'invalid-request', /^org_id must be an id of Clerk/],
    ] as const) {
      const answer = await get(path)
      assert.equal(answer.headers.get('content-type'), 'application/problem+json')
      const problem = (await answer.json()) as { code: string; detail: string }
      assert.deepEqual([answer.status, problem.code], [400, code], path)
      assert.match(problem.detail, detail)
    }
  })
})

describe('GET /v1/analytics/durations', () => {
  it('gives percentiles and a histogram of round edges', async () => {
    const durations = await read(Durations, 'durations?reason=signed-out')
    const { sessions, histogram, p50_ms, p90_ms, p99_ms } = durations
    assert.ok(sessions > 100)
    assert.equal(
      histogram.reduce((sum, { count }) => sum + count, 0),
      sessions,
    )
    assert.deepEqual(histogram[0]?.from_ms, 0)
    assert.ok(p50_ms !== null && p90_ms !== null && p99_ms !== null)
    assert.ok(p50_ms < p90_ms && p90_ms <= p99_ms)
  })

  it('gives null where nothing ended', async () => {
    const { sessions, p50_ms, histogram } = await read(Durations, 'durations?to=2020-01-01')
    assert.deepEqual([sessions, p50_ms, histogram], [0, null, []])
  })
})

describe('GET /v1/analytics/overview', () => {
  it('says how things stand, what ended and how the sources are', async () => {
    const overview = await read(Overview, 'overview?from=2026-01-01')
    const { now, ends, confirmation, coverage, intents, sources } = overview
    assert.ok(now.open > 0 && now.unconfirmed > 0 && now.unconfirmed <= now.requested)
    assert.equal(ends.total, ends.voluntary + ends.forced + ends.unknown)
    assert.ok(ends.voluntary > ends.forced && ends.forced > 0)
    assert.ok(confirmation.sessions > 0 && confirmation.p50_ms !== null && confirmation.p50_ms < 3000)
    assert.ok(coverage.sessions > coverage.ended && coverage.ended > 0)
    assert.deepEqual(
      intents.map(({ intent }) => intent),
      ['user', 'idle', 'switch-account', 'security', null],
    )
    assert.ok(sources.last_logout_at !== null && sources.last_webhook_at !== null)
    assert.deepEqual(
      [
        sources.records_behind,
        sources.webhooks_configured,
        sources.sweep_configured,
        sources.webhook_silence_ms,
      ],
      [0, true, false, 0],
    )
  })

  it('has as long a time before it to compare with', async () => {
    const [from, middle, to] = [-10, -5, 0].map((days) => midnight(TOKEN_TIME + days * DAY_MS))
    const later = await read(Overview, `overview?from=${middle}&to=${to}`)
    const earlier = await read(Overview, `overview?from=${from}&to=${middle}`)
    assert.deepEqual(later.previous, earlier.ends)
    assert.ok(earlier.ends.total > 0)
  })
})

describe('analytics', () => {
  it('are for readers, of one moment, and kept by nobody', async () => {
    for (const path of ['session-ends', 'durations', 'overview']) {
      assert.equal((await app.app.request(`/v1/analytics/${path}`)).status, 401)
      const answer = await get(path)
      assert.equal(answer.headers.get('cache-control'), 'no-store')
      assert.equal(answer.headers.get('content-type'), 'application/json')
      assert.equal(answer.headers.get('trail-position'), `0/${reports.length - 1}`)
    }
  })

  it('are zeros before there is any entry', async () => {
    await using empty = await openTestApp({ readerKeys: [{ name: 'product', secret: KEY }] })
    const answerOf = async (path: string) => {
      const answer = await empty.app.request(`/v1/analytics/${path}`, asReader)
      assert.equal(answer.status, 200)
      return (await answer.json()) as unknown
    }
    const ends = SessionEndsOverTime.parse(await answerOf('session-ends'))
    assert.deepEqual([ends.series, ends.total, ends.buckets.length], [[], 0, 30])
    assert.equal(Durations.parse(await answerOf('durations')).sessions, 0)
    const { now, sources } = Overview.parse(await answerOf('overview'))
    assert.deepEqual(now, { open: 0, requested: 0, unconfirmed: 0 })
    assert.deepEqual([sources.last_logout_at, sources.webhooks_configured], [null, false])
  })
})
