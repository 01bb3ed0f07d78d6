/**
 * The load generator of `npm run bench`, in a process of its own: autocannon with 64 connections, each sending its own
 * tokens one after the other, as fast as it is answered. The first second is not counted. autocannon's own latencies are
 * whole milliseconds, so they are taken from its events.
 */
import { readFileSync } from 'node:fs'
import { createHistogram } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import autocannon, { type Client } from 'autocannon'
import { AGENT, CONNECTIONS, tell, type LoadOrder } from './load.ts'
import { HOST, LOGOUT_PATH } from './targets/settings.ts'

const WARM_UP_MS = 1000

const { port, tokens: file, seconds, once } = JSON.parse(process.argv[2] ?? '{}') as LoadOrder
const tokens = readFileSync(file, 'utf8').split('\n')
const share = Math.floor(tokens.length / CONNECTIONS)
const latencies = createHistogram()
const counts = { answered: 0, unexpected: 0 }
let ranOut = false
let clients = 0

function giveTokens(client: Client): void {
  const own = tokens.slice(clients * share, (clients + 1) * share)
  clients += 1
  client.setRequests(
    own.map((token) => ({ headers: { authorization: `Bearer ${token}`, 'user-agent': AGENT } })),
  )
  let answered = 0
  client.on('response', (status, _bytes, ms) => {
    answered += 1
    if (once && answered === share) ranOut = true
    counts.answered += 1
    if (status !== 200) counts.unexpected += 1
    latencies.record(Math.max(1, Math.round(ms * 1000)))
  })
}

const options = {
  url: `http://${HOST}:${port}${LOGOUT_PATH}`,
  method: 'DELETE',
  connections: CONNECTIONS,
  // Longer than needed: this process ends it.
  duration: 3600,
  setupClient: giveTokens,
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
