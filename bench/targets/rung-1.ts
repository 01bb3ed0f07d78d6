/** Our handler alone, in the app of somebody else: it verifies, and writes one line. */
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { logoutRoutes } from '../../hono.ts'
import { HOST, targetSettings } from './settings.ts'

const { port, issuer, jwtKey } = targetSettings()
const app = new Hono().route('/', logoutRoutes({ issuer, jwtKey }))

serve({ fetch: app.fetch, port, hostname: HOST })
