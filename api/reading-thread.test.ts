import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { history } from '../examples/demo/history.ts'
import { readingOf } from '../session-ends/reading.ts'
import { temporaryFolder } from '../test/service.ts'
import { trailOf, type TestTrail } from '../test/views.ts'
import { TrailError } from '../trail/error.ts'
import { openSqliteStore } from '../trail/stores/sqlite.ts'
import { startReading } from './reading-thread.ts'
import { readsOf } from './reads.ts'

const UNTIL = Date.UTC(2026, 10, 20, 12)

let trail: TestTrail
before(async () => {
  trail = await trailOf(history({ until: UNTIL, days: 5, sessionsADay: 20 }))
})
after(() => trail.close())

const place = () => ({ database: { engine: 'sqlite', path: trail.path } as const })
const list = { filter: {}, order: 'newest', beyond: null, limit: 20, now: UNTIL } as const

function isCoded(code: string) {
  return (error: unknown) => error instanceof TrailError && error.code === code
}

describe('the reading thread', () => {
  it('answers as the calling thread would', async () => {
    const thread = startReading(place())
    const direct = readsOf(readingOf(trail.views, trail.trail))
    const [id = ''] = trail.ids()
    const part = { format: 'csv', filter: {}, beyond: null, upTo: 1e9, now: UNTIL } as const
    assert.deepEqual(await thread.list(list), await direct.list(list))
    assert.deepEqual(await thread.session(id, UNTIL), await direct.session(id, UNTIL))
    assert.deepEqual(await thread.exportPart(part), await direct.exportPart(part))
    assert.deepEqual(await thread.entryPage(3, 5), await direct.entryPage(3, 5))
    assert.deepEqual(await thread.entryEvents(3, 5), await direct.entryEvents(3, 5))
    assert.deepEqual(await thread.head(), await direct.head())
    assert.deepEqual(await thread.lastPlace(), await direct.lastPlace())
    const span = { from: UNTIL - 86_400_000, to: UNTIL, tz: 'Asia/Kathmandu' }
    const ends = { ...span, bucket: 'hour', by: ['reason'] } as const
    assert.deepEqual(await thread.sessionEnds(ends), await direct.sessionEnds(ends))
    assert.deepEqual(await thread.durations(span), await direct.durations(span))
    const sources = {
      webhooks_configured: true,
      sweep_configured: false,
      swept_at: null,
      webhook_silence_ms: 0,
    }
    const overview = { ...span, now: UNTIL, sources }
    assert.deepEqual(await thread.overview(overview), await direct.overview(overview))
    await thread.close()
  })

  it('answers what was asked before it was closed, and nothing after', async () => {
    const thread = startReading(place())
    const asked = Array.from({ length: 50 }, () => thread.list(list))
    const closed = thread.close()
    await assert.rejects(thread.list(list), isCoded('trail-closed'))
    for (const answer of await Promise.all(asked)) assert.equal(answer.records, 20)
    await closed
  })

  it('refuses what is too much, and goes on', async () => {
    const thread = startReading(place())
    const asked = await Promise.allSettled(Array.from({ length: 201 }, () => thread.head()))
    assert.equal(asked.filter(({ status }) => status === 'fulfilled').length, 200)
    assert.equal((await thread.list(list)).records, 20)
    await thread.close()
  })

  it('rejects when it cannot read, and reads again once it can', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'trail.db')
    const thread = startReading({ database: { engine: 'sqlite', path } })
    await assert.rejects(thread.head(), /The reading thread ended: There is no trail at .*trail\.db/)
    const store = await openSqliteStore({ path, issuer: 'https://reading.clerk.accounts.dev' })
    assert.equal((await thread.head()).nextIndex, 0)
    await store.close()
    await thread.close()
  })
})
