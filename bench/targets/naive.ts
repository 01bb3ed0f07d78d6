/** What most apps begin with: it believes the header, prints a line, answers 200. Nothing is verified or kept. */
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { ANSWER, HOST, LOGOUT_PATH, targetSettings } from './settings.ts'

const app = new Hono()
app.delete(LOGOUT_PATH, (c) => {
  const token = c.req.header('Authorization')
  const line = { event: 'user_logout', timestamp: new Date().toISOString(), hasToken: token !== undefined }
  console.log(JSON.stringify(line))
  return c.json(ANSWER)
})

serve({ fetch: app.fetch, port: targetSettings().port, hostname: HOST })
