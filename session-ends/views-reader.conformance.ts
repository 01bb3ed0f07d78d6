/** What the records of single sessions say, and how complete all of them are, wherever they are kept. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sql } from 'kysely'
import { history } from '../examples/demo/history.ts'
import type { Where } from '../test/views.ts'
import { answeredToSweep, toldByWebhook, type Report, type SessionId } from '../trail/entry.ts'
import { dueSessions, type DueRequest } from './due.ts'
import { ViewsReader, type Coverage } from './views-reader.ts'

const UNTIL = Date.UTC(2026, 10, 20, 12)
const HOUR_MS = 3_600_000
const reports = history({ until: UNTIL, days: 30, sessionsADay: 30 })

export function describeViewsReader({ name, open, empty }: Where): void {
  describe(`what is read of session records in ${name}`, () => {
    it('is how complete they are: each session that must be over, with an end or as a gap', async () => {
      const { views, close } = await open(reports)
      const over = reports.filter(
        ({ kind, session_expire_at: at }) => kind === 'session.created' && at && at < UNTIL - 60_000,
      )
      const ended = new Set(
        reports.flatMap(({ kind, session_id }) => (/removed|revoked|expired/.test(kind) ? session_id : [])),
      )
      const gaps = over.filter(({ session_id }) => session_id && !ended.has(session_id))

      assert.deepEqual(await views.coverage(UNTIL), {
        sessions: over.length,
        ended: over.length - gaps.length,
        unknown: 0,
      })
      assert.deepEqual(
        new Set((await views.gaps(UNTIL, 1000)).map(({ session_id }) => session_id)),
        new Set(gaps.map(({ session_id }) => session_id)),
      )
      assert.ok(gaps.length > 0)
      await close()
    })

    it('counts the same at every moment as who looks at each session', async () => {
      const { views, read, close } = await open(reports)
      const counted = (before: number) =>
        sql<Coverage>`
          SELECT count(*) AS sessions, count(CASE WHEN outcome >= 2 THEN 1 END) AS ended, count(CASE WHEN outcome = 11 THEN 1 END) AS unknown
          FROM sessions WHERE over_by < ${before} AND begun = 1`
      for (let now = UNTIL - 40 * 24 * HOUR_MS; now < UNTIL; now += 7.3 * HOUR_MS) {
        const at = Math.floor(now)
        const [expected] = await read((rows) => rows.all(counted(at - 60_000)))
        assert.deepEqual(await views.coverage(at), expected)
      }
      await close()
    })

    it('shows apart those sessions that Clerk only says it no longer has', async () => {
      const session_id = 'sess_1' as SessionId
      const begun = toldByWebhook('msg_1', {
        kind: 'session.created',
        occurred_at: UNTIL - 2 * HOUR_MS,
        session_id,
        session_expire_at: UNTIL - HOUR_MS,
      })
      const unknown = answeredToSweep(UNTIL - HOUR_MS / 2, { kind: 'session.unknown', session_id })
      const alive = answeredToSweep(UNTIL, {
        kind: 'session.still-active',
        session_id,
        session_expire_at: UNTIL + HOUR_MS,
      })
      for (const [told, expected] of [
        [[begun], { sessions: 1, ended: 0, unknown: 0 }],
        [[begun, unknown], { sessions: 1, ended: 1, unknown: 1 }],
        // It lives, and need not be over yet.
        [[begun, unknown, alive], { sessions: 0, ended: 0, unknown: 0 }],
      ] as const) {
        const { views, close } = await open(told)
        assert.deepEqual(await views.coverage(UNTIL), expected)
        await close()
      }
    })

    it('knows since when logouts come in without a webhook', async () => {
      const { views, record, close } = await open([])
      const after = async (at: number, ...reports: Report[]) => {
        await record(reports, at)
        const { unanswered } = await views.figures(at)
        assert.deepEqual((await views.position())?.unanswered, unanswered)
        return unanswered
      }
      const logout = (iat: number): Report => ({
        kind: 'logout.requested',
        source: 'api',
        occurred_at: iat,
        naturalKey: `logout ${iat}`,
        keyedAt: iat,
      })
      const webhook = (id: string) => toldByWebhook(id, { kind: 'session.created', occurred_at: UNTIL })
      assert.equal(await after(1000, webhook('msg_1')), null)
      assert.deepEqual(await after(2000, logout(1)), { first: 2000, last: 2000 })
      assert.deepEqual(await after(3000, logout(2)), { first: 2000, last: 3000 })
      assert.equal(await after(4000, webhook('msg_2')), null)
      assert.deepEqual(await after(5000, webhook('msg_3'), logout(3)), { first: 5000, last: 5000 })
      assert.deepEqual(await after(6000, logout(4), logout(5)), { first: 5000, last: 6000 })
      await close()
    })

    it('is what Clerk is to be asked for: what must be over, and logouts that are not confirmed', async () => {
      const { views, close } = await open(reports)
      const due = await dueIn(views, { after: null, limit: 10_000 })
      for (const { session_id, requested } of due) {
        const record = (await views.session(session_id, UNTIL))?.record
        assert.notEqual(record?.state, 'ended')
        assert.equal(record?.unconfirmed, requested)
      }
      assert.deepEqual(new Set(due.map(({ requested }) => requested)), new Set([true, false]))
      assert.equal(new Set(due.map(({ session_id }) => session_id)).size, due.length)
      const inOrder = due.toSorted((a, b) => a.place.at - b.place.at || a.place.id - b.place.id)
      assert.deepEqual(due, inOrder)
      const pages = [due.slice(0, 3), due.slice(3, 6)]
      const first = await dueIn(views, { after: null, limit: 3 })
      const second = await dueIn(views, { after: first.at(-1)?.place ?? null, limit: 3 })
      assert.deepEqual([first, second], pages)
      await close()
    })

    it('is the mix of webhooks that Clerk sent for what was asked, and what is unconfirmed', async () => {
      const { views, close } = await open(reports)
      const asked = new Set(
        reports.flatMap(({ kind, session_id }) =>
          kind === 'logout.requested' && session_id ? session_id : [],
        ),
      )
      const mix = await views.webhookMix()
      assert.equal(
        mix.reduce((sum, { sessions }) => sum + sessions, 0),
        asked.size,
      )
      const found = await Promise.all([...asked].map((id) => views.session(id, UNTIL + HOUR_MS)))
      const unconfirmed = found.filter((session) => session?.record.unconfirmed)
      assert.equal(await views.unconfirmed(UNTIL + HOUR_MS), unconfirmed.length)
      await close()
    })

    it('is nothing while there are none', async () => {
      const views = new ViewsReader(await empty())
      assert.equal(await views.position(), null)
      assert.equal(await views.session('sess_1', UNTIL), null)
      assert.deepEqual(await views.coverage(UNTIL), { sessions: 0, ended: 0, unknown: 0 })
      await views.close()
    })
  })
}

async function dueIn(views: ViewsReader, request: Omit<DueRequest, 'now'>) {
  const due = await views.atOneMoment((rows) => dueSessions(rows, { now: UNTIL, ...request }))
  assert.ok(due)
  return due
}
