/** Webhooks as a competent team stores them: Clerk's own function verifies, and one INSERT is synced before the answer. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { serve } from '@hono/node-server'
import { verifyWebhook } from '@clerk/backend/webhooks'
import { Hono } from 'hono'
import { HOST, targetSettings, WEBHOOK_PATH } from './settings.ts'

const { port, folder, webhookSecret } = targetSettings()

const db = new DatabaseSync(join(folder, 'webhooks.db'))
db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
  CREATE TABLE webhooks (svix_id TEXT PRIMARY KEY, type TEXT, session_id TEXT, at INTEGER) STRICT`)
const insert = db.prepare('INSERT INTO webhooks VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING')

const app = new Hono()
app.post(WEBHOOK_PATH, async (c) => {
  const { type, data } = await verifyWebhook(c.req.raw, { signingSecret: webhookSecret })
  insert.run(c.req.header('svix-id') ?? '', type, data.id ?? null, Date.now())
  return c.text('ok')
})

serve({ fetch: app.fetch, port, hostname: HOST })
