import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { inDatabase, newDatabase } from '../../test/postgres.ts'
import { describeTrailStore, ISSUER } from './conformance.ts'
import { openPostgresStore, type PostgresStoreOptions } from './postgres.ts'

/** A store that is closed when the test ends. */
async function open(t: TestContext, url: string, options: Partial<PostgresStoreOptions> = {}) {
  const store = await openPostgresStore({ url, issuer: ISSUER, ...options })
  t.after(() => store.close())
  return store
}

describeTrailStore('PostgreSQL', (t) => {
  const database = newDatabase(t)
  const sql = async (text: string) => inDatabase(await database, (client) => client.query(text))
  return {
    open: async (issuer = ISSUER) => open(t, await database, { issuer }),
    eraseSubject: async (index) => {
      const erase = 'SET session_id = NULL, user_id = NULL, client_id = NULL'
      const { rowCount } = await sql(`UPDATE logout_trail.entries ${erase} WHERE "index" = ${index}`)
      assert.equal(rowCount, 1)
    },
    takeAway: async () => {
      await sql('ALTER SCHEMA logout_trail RENAME TO away')
      return async () => {
        await sql('ALTER SCHEMA away RENAME TO logout_trail')
      }
    },
  }
})
