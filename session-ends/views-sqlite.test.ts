import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { sql } from 'kysely'
import { history } from '../examples/demo/history.ts'
import { temporaryFolder } from '../test/service.ts'
import { trailOf, type TestTrail } from '../test/views.ts'
import type { Rows } from './rows.ts'
import { viewsPathOf } from './views-schema.ts'
import { sqliteViews } from './views-sqlite.ts'

const UNTIL = Date.UTC(2026, 10, 20, 12)
const reports = history({ until: UNTIL, days: 3, sessionsADay: 20 })

let trail: TestTrail
before(async () => {
  trail = await trailOf(reports.slice(0, 20))
})
after(() => trail.close())

async function knownTo(rows: Rows): Promise<number> {
  const [row] = await rows.all(sql<{ next_index: number }>`SELECT next_index FROM position`)
  return row?.next_index ?? -1
}

describe('views.db', () => {
  it('is read at one moment, whatever is recorded meanwhile', async () => {
    const views = sqliteViews(viewsPathOf(trail.path))
    const seen = await views.atOneMoment(async (rows) => {
      const before = await knownTo(rows)
      await trail.record(reports.slice(20, 30))
      return [before, await knownTo(rows)]
    })
    assert.deepEqual(seen, [20, 20])
    assert.equal(await views.atOneMoment(knownTo), 30)
    await views.close()
  })

  it('is read by one after the other, also after one that failed, and closed after the last', async () => {
    const views = sqliteViews(viewsPathOf(trail.path))
    const order: string[] = []
    const read = (name: string) =>
      views.atOneMoment(async (rows) => {
        order.push(`${name} begins`)
        await knownTo(rows)
        if (name === 'b') throw new Error('b fails')
        order.push(`${name} ends`)
      })
    const asked = ['a', 'b', 'c'].map(read)
    const closed = views.close()
    const [, b] = await Promise.allSettled(asked)
    await closed
    assert.equal(b?.status === 'rejected' && String(b.reason), 'Error: b fails')
    assert.deepEqual(order, ['a begins', 'a ends', 'b begins', 'c begins', 'c ends'])
  })

  it('gives null while it is not there', async () => {
    const views = sqliteViews(join(temporaryFolder(), 'views.db'))
    assert.equal(await views.atOneMoment(knownTo), null)
    await views.close()
  })
})
