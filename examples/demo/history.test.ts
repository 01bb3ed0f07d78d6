import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { keyOf } from '../../trail/entry.ts'
import { openSqliteStore } from '../../trail/stores/sqlite.ts'
import { newEntries } from './entries.ts'
import { history } from './history.ts'
import { seed } from './seed.ts'

const HOUR_MS = 3_600_000
const MONTH = { until: Date.UTC(2026, 10, 20, 12), days: 30, sessionsADay: 60 }

describe('the invented history', () => {
  const reports = history(MONTH)
  const ofSession = Map.groupBy(reports, ({ session_id }) => session_id)

  it('is the same each time', () => {
    assert.deepEqual(history(MONTH), reports)
  })

  it('is about 60 sessions on each weekday, and ends before now', () => {
    assert.ok(ofSession.size > 1000 && ofSession.size < 1800, `${ofSession.size}`)
    assert.ok(reports.every(({ occurred_at }) => occurred_at < MONTH.until))
  })

  it('is in the order of time, and no session ends before it began', () => {
    for (const [at, report] of reports.entries()) {
      assert.ok(report.occurred_at >= (reports[at - 1]?.occurred_at ?? 0))
    }
    for (const [session, its] of ofSession) {
      assert.equal(its[0]?.kind, 'session.created', String(session))
      assert.equal(its.filter(({ kind }) => kind === 'session.created').length, 1)
    }
  })

  it('shows each way in which a session ends, and some that have not ended', () => {
    const ways = new Set([...ofSession.values()].map((its) => its.map(({ kind }) => kind).join(' ')))
    for (const way of [
      'session.created',
      'session.created logout.requested',
      'session.created logout.requested session.removed',
      'session.created session.removed',
      'session.created session.revoked',
      'session.created session.expired',
    ]) {
      assert.ok(ways.has(way), way)
    }
  })

  it('tells two reports apart', () => {
    assert.equal(new Set(reports.map(keyOf)).size, reports.length)
  })

  it('is nothing for no days', () => {
    assert.deepEqual(history({ ...MONTH, days: 0 }), [])
  })
})

describe('a seeded trail', () => {
  const folder = mkdtempSync(join(tmpdir(), 'logout-trail-demo-'))
  const path = join(folder, 'trail.db')
  const issuer = 'https://local-demo-1.clerk.accounts.dev'
  after(() => rmSync(folder, { recursive: true }))

  it('holds every report of the history', async () => {
    assert.equal(await seed({ ...MONTH, path, issuer }), history(MONTH).length)
  })

  it('shows what comes after, once', async () => {
    const store = await openSqliteStore({ path, issuer })
    const entries = await newEntries(path)
    assert.deepEqual(await entries.lines(), [])
    const index = (await store.head()).nextIndex
    const [report] = history({ ...MONTH, until: MONTH.until + HOUR_MS, days: 1 })
    assert.ok(report)
    await store.append([{ ...report, naturalKey: 'another' }], MONTH.until)
    await store.close()

    assert.deepEqual(await entries.lines(), [
      `entry ${index}: ${report.kind} of ${report.session_id}, ${report.user_id}`,
    ])
    assert.deepEqual(await entries.lines(), [])
    entries.close()
  })
})
