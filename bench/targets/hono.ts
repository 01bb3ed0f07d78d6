/** A bare Hono app with a constant answer. */
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { ANSWER, HOST, LOGOUT_PATH, targetSettings } from './settings.ts'

const app = new Hono()
app.delete(LOGOUT_PATH, (c) => c.json(ANSWER))

serve({ fetch: app.fetch, port: targetSettings().port, hostname: HOST })
