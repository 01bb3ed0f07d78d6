/** What a competent team writes in a day: Clerk's own middleware, and one INSERT a request, synced before the answer. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { clerkMiddleware, getAuth } from '@clerk/hono'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { ANSWER, HOST, LOGOUT_PATH, targetSettings } from './settings.ts'

const { port, folder, publishableKey, jwtKey } = targetSettings()

const db = new DatabaseSync(join(folder, 'logouts.db'))
db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
  CREATE TABLE logouts (
    id INTEGER PRIMARY KEY, session_id TEXT UNIQUE, user_id TEXT, org_id TEXT, at INTEGER, user_agent TEXT
  ) STRICT;
  CREATE INDEX logouts_of_user ON logouts (user_id, at)`)
const insert = db.prepare(
  'INSERT INTO logouts (session_id, user_id, org_id, at, user_agent) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
)

const app = new Hono()
app.use('*', clerkMiddleware({ publishableKey, jwtKey, secretKey: `sk_test_${'x'.repeat(40)}` }))
app.delete(LOGOUT_PATH, (c) => {
  const { sessionId, userId, orgId } = getAuth(c)
  if (sessionId !== null && userId !== null) {
    const at = Date.now()
    insert.run(sessionId, userId, orgId ?? null, at, c.req.header('User-Agent') ?? null)
    console.log(
      JSON.stringify({ event: 'user_logout', timestamp: new Date(at).toISOString(), user_id: userId }),
    )
  }
  return c.json(ANSWER)
})

serve({ fetch: app.fetch, port, hostname: HOST })
