/** The usual route for webhooks: Clerk's own function verifies, and a line is printed. */
import { serve } from '@hono/node-server'
import { verifyWebhook } from '@clerk/backend/webhooks'
import { Hono } from 'hono'
import { HOST, targetSettings, WEBHOOK_PATH } from './settings.ts'

const { port, webhookSecret } = targetSettings()

const app = new Hono()
app.post(WEBHOOK_PATH, async (c) => {
  const { type, data } = await verifyWebhook(c.req.raw, { signingSecret: webhookSecret })
  console.log(JSON.stringify({ event: type, timestamp: new Date().toISOString(), id: data.id }))
  return c.text('ok')
})

serve({ fetch: app.fetch, port, hostname: HOST })
