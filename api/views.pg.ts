import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { inDatabase, newDatabase } from '../test/postgres.ts'
import { open, query, until } from '../test/postgres-trails.ts'
import { logout, NOON } from '../trail/stores/conformance.ts'
import { startViews } from './views.ts'

const nobody = () => undefined

describe('the thread of the session records, in PostgreSQL', () => {
  it('is told of no turn that is over while a renewal of its lease is late', async (t) => {
    const url = await newDatabase(t)
    await open(t, url)
    const told: string[] = []
    const views = await startViews({
      database: { engine: 'postgres', url },
      onFigures: nobody,
      onSetAside: nobody,
      onRestart: nobody,
      onWorks: nobody,
      onTurn: () => told.push('turn'),
      onTurnOver: () => told.push('turn over'),
      onTrouble: (message) => told.push(message),
    })
    t.after(() => views.close())
    await until('it is its turn', () => views.writes())
    await inDatabase(url, async (client) => {
      await client.query('BEGIN')
      await client.query('SELECT 1 FROM logout_trail.leases FOR UPDATE')
      // A renewal waits half a second, and the next comes a second later; the lease lasts three.
      await sleep(1700)
      await client.query('COMMIT')
    })
    await sleep(1500)
    assert.equal(views.writes(), true)
    assert.deepEqual(told, ['turn'])
  })

  it('waits with figures that cannot be read as long as with others', async (t) => {
    const url = await newDatabase(t)
    const store = await open(t, url)
    const troubles: string[] = []
    let works = 0
    const views = await startViews({
      database: { engine: 'postgres', url },
      onFigures: nobody,
      onSetAside: nobody,
      onRestart: nobody,
      onWorks: () => (works += 1),
      onTrouble: (message) => troubles.push(message),
    })
    t.after(() => views.close())
    await store.append([logout(1)], NOON)
    await until('the first is known', () => views.writes() && views.figures() !== null)

    // For a fifth of a second, and so for 20 s not again.
    await query(
      url,
      `ALTER TABLE logout_trail_views.webhook_mix RENAME TO mix;
       CREATE FUNCTION logout_trail_views.slowly() RETURNS bigint LANGUAGE plpgsql AS $$
         BEGIN PERFORM pg_sleep(0.2); RAISE 'not now' USING ERRCODE = '57P05'; END $$;
       CREATE VIEW logout_trail_views.webhook_mix AS SELECT webhook_ends, logout_trail_views.slowly() AS sessions FROM logout_trail_views.mix`,
    )
    await until('they cannot be read', () => troubles.length > 0)
    await sleep(3000)
    assert.deepEqual(troubles.length, 1, troubles.join('\n'))
    assert.match(troubles[0] ?? '', /not now/)
    const before = works
    await query(
      url,
      'DROP VIEW logout_trail_views.webhook_mix; ALTER TABLE logout_trail_views.mix RENAME TO webhook_mix',
    )
    await store.append([logout(2)], NOON)
    await until('it goes on', () => works > before && views.behind() === 0)
  })
})
