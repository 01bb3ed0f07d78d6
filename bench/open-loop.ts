/**
 * A steady rate, in a process of its own: each request is sent when its time has come, whether or not those before it
 * were answered, and its latency counts from that time.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, request, type IncomingMessage } from 'node:http'
import { createHistogram } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { AGENT, tell, type LoadOrder } from './load.ts'
import { HOST, LOGOUT_PATH } from './targets/settings.ts'

const WARM_UP_SECONDS = 1

const { port, tokens: file, seconds, rate } = JSON.parse(process.argv[2] ?? '{}') as LoadOrder
const tokens = readFileSync(file, 'utf8').split('\n')
const agent = new Agent({ keepAlive: true })
const latencies = createHistogram()
const counts = { answered: 0, unexpected: 0 }

async function send(token: string, dueAt: number): Promise<void> {
  const headers = { authorization: `Bearer ${token}`, 'user-agent': AGENT }
  const sent = request({ host: HOST, port, path: LOGOUT_PATH, method: 'DELETE', agent, headers })
  sent.end()
  try {
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    response.resume()
    await once(response, 'end')
    if (response.statusCode !== 200) counts.unexpected += 1
  } catch {
    // Counted, and told of with the result.
    counts.unexpected += 1
  }
  counts.answered += 1
  latencies.record(Math.max(1, Math.round((performance.now() - dueAt) * 1000)))
}

const startedAt = performance.now()
const sending: Promise<void>[] = []

async function sendUntil(end: number): Promise<void> {
  for (let at = sending.length; at < end; at = sending.length) {
    const dueAt = startedAt + (at * 1000) / rate
    const early = dueAt - performance.now()
    if (early > 0) await sleep(early)
    else sending.push(send(tokens[at % tokens.length] ?? '', dueAt))
  }
}

const warmUp = rate * WARM_UP_SECONDS
await sendUntil(warmUp)
await Promise.all(sending)
latencies.reset()
tell({ say: 'measuring' })
const from = performance.now()
await sendUntil(warmUp + rate * seconds)
await Promise.all(sending)
tell({
  say: 'measured',
  answered: counts.answered - warmUp,
  seconds: (performance.now() - from) / 1000,
  p50Ms: latencies.percentile(50) / 1000,
  p99Ms: latencies.percentile(99) / 1000,
  everAnswered: counts.answered,
  unexpected: counts.unexpected,
  ranOut: sending.length > tokens.length,
})
agent.destroy()
process.exit()
