/**
 * A steady rate of logouts, in a process of its own, until it is told to end; then it gives every answer: when it was due, how long it
 * took from then, and what it promised.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, request, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { AGENT } from './load.ts'
import { HOST, LOGOUT_PATH } from './targets/settings.ts'

export interface OutageOrder {
  port: number
  /** A file with a token a line. */
  tokens: string
  /** Requests a second. */
  rate: number
}

export interface Answered {
  /** ms since 1970. */
  dueAt: number
  tookMs: number
  /** As `Logout-Record` says; else the status, or `failed`. */
  record: string
}

const { port, tokens: file, rate } = JSON.parse(process.argv[2] ?? '{}') as OutageOrder
const tokens = readFileSync(file, 'utf8').split('\n')
const agent = new Agent({ keepAlive: true })
const ending = new AbortController()
process.once('message', () => ending.abort())

async function send(token: string, dueAt: number): Promise<Answered> {
  const headers = { authorization: `Bearer ${token}`, 'user-agent': AGENT }
  const sent = request({ host: HOST, port, path: LOGOUT_PATH, method: 'DELETE', agent, headers })
  sent.end()
  const record = await answerTo(sent)
  return { dueAt: performance.timeOrigin + dueAt, tookMs: performance.now() - dueAt, record }
}

async function answerTo(sent: ReturnType<typeof request>): Promise<string> {
  try {
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    response.resume()
    await once(response, 'end')
    return response.statusCode === 200
      ? String(response.headers['logout-record'])
      : String(response.statusCode)
  } catch {
    // Told of with the result.
    return 'failed'
  }
}

const startedAt = performance.now()
const sending: Promise<Answered>[] = []
while (!ending.signal.aborted) {
  const dueAt = startedAt + (sending.length * 1000) / rate
  const early = dueAt - performance.now()
  if (early > 0) await sleep(early)
  else sending.push(send(tokens[sending.length] ?? '', dueAt))
}
const answers = await Promise.all(sending)
agent.destroy()
process.send?.(answers, () => process.exit())
