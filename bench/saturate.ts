/**
 * The load generator of `npm run bench`, in a process of its own: autocannon with 64 connections, each sending its own
 * tokens (or webhooks) one after the other, as fast as it is answered. The first second is not counted. autocannon's own latencies are
 * whole milliseconds, so they are taken from its events.
 */
import { readFileSync } from 'node:fs'
import { createHistogram } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import autocannon, { type Client, type Request } from 'autocannon'
import { ofSession, signed } from '../test/webhooks.ts'
import { AGENT, CONNECTIONS, tell, type LoadOrder } from './load.ts'
import { HOST, LOGOUT_PATH, WEBHOOK_PATH } from './targets/settings.ts'

const WARM_UP_MS = 1000

/** More than any target takes in a second. */
const WEBHOOKS_A_SECOND = 20_000

const order = JSON.parse(process.argv[2] ?? '{}') as LoadOrder
const { port, seconds, once, webhookSecret, connections = CONNECTIONS } = order
const requests = webhookSecret === undefined ? logouts() : webhooks(webhookSecret)
const share = Math.floor(requests.length / connections)
const latencies = createHistogram()
const counts = { answered: 0, unexpected: 0 }
let ranOut = false
let clients = 0

function logouts(): Request[] {
  const tokens = readFileSync(order.tokens, 'utf8').split('\n')
  return tokens.map((token) => ({ headers: { authorization: `Bearer ${token}`, 'user-agent': AGENT } }))
}

/** Signed now: a webhook is good for five minutes. */
function webhooks(secret: string): Request[] {
  const count = WEBHOOKS_A_SECOND * (seconds + WARM_UP_MS / 1000)
  return Array.from({ length: count }, (_, at) => {
    const { headers, body } = signed(ofSession('session.removed', { id: `sess_${at}` }), { secret })
    return { method: 'POST', headers, body }
  })
}

function giveRequests(client: Client): void {
  client.setRequests(requests.slice(clients * share, (clients + 1) * share))
  clients += 1
  let answered = 0
  client.on('response', (status, _bytes, ms) => {
    answered += 1
    if (once && answered === share) ranOut = true
    counts.answered += 1
    if (status !== 200 && status !== 204) counts.unexpected += 1
    latencies.record(Math.max(1, Math.round(ms * 1000)))
  })
}

const options = {
  url: `http://${HOST}:${port}${webhookSecret === undefined ? LOGOUT_PATH : WEBHOOK_PATH}`,
  method: 'DELETE',
  connections,
  // Longer than needed: this process ends it.
  duration: 3600,
  setupClient: giveRequests,
} as const
const instance = autocannon(options, (error) => {
  if (error) throw error
})
instance.on('reqError', () => (counts.unexpected += 1))

await sleep(WARM_UP_MS)
const before = { ...counts }
latencies.reset()
tell({ say: 'measuring' })
const from = performance.now()
await sleep(seconds * 1000)
const elapsedSeconds = (performance.now() - from) / 1000
tell({
  say: 'measured',
  answered: counts.answered - before.answered,
  seconds: elapsedSeconds,
  p50Ms: latencies.percentile(50) / 1000,
  p99Ms: latencies.percentile(99) / 1000,
  everAnswered: counts.answered,
  unexpected: counts.unexpected,
  ranOut,
})
process.exit()
