/** The mixed load of the soak: what is sent, how often, what each answer must be, and how long it took. */
import { sign } from 'node:crypto'
import { once } from 'node:events'
import { Agent, request as httpRequest, type RequestOptions } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodePart, sessionClaims, type TestClerk } from '../test/clerk-instance.ts'

type Kind = 'valid' | 'repeat' | 'forged' | 'no token' | 'new connection' | 'half request' | 'aborted'

/** Of a thousand requests. */
const mix: Record<Kind, number> = {
  valid: 700,
  repeat: 100,
  forged: 100,
  'no token': 50,
  'new connection': 20,
  'half request': 15,
  aborted: 15,
}

/** The `Logout-Record` that each must be answered with; of the others there is no answer. */
const expected: Partial<Record<Kind, string>> = {
  valid: 'durable',
  repeat: 'duplicate',
  forged: 'anonymous',
  'no token': 'anonymous',
  'new connection': 'durable',
}

interface Token {
  /** The session, by its number. */
  n: number
  text: string
}

/** Repeats are of the last ones, which have not expired. */
const RECENT = 1000
const TICK_MS = 10
const ANSWER_WITHIN_MS = 10_000

export class Load {
  /** Sessions answered `durable`, by number. */
  readonly durable = new Set<number>()
  /** Sessions sent and not answered: each may be in the trail, once. */
  readonly perhaps = new Set<number>()
  /** What was answered otherwise than expected, and how often. */
  readonly surprises = new Map<string, number>()
  /** Requests that met the end of an idle connection. */
  sentAgain = 0
  /** ms of each answer since they were taken last. */
  #latencies: number[] = []
  #answers = 0
  #sessions = 0
  readonly #recent: Token[] = []
  readonly #underWay = new Set<Promise<void>>()
  readonly #clerk: TestClerk
  readonly #url: URL
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 128 })

  constructor(url: string, clerk: TestClerk) {
    this.#url = new URL('/v1/auth/session', url)
    this.#clerk = clerk
  }

  get answers(): number {
    return this.#answers
  }

  takeLatencies(): number[] {
    const taken = this.#latencies
    this.#latencies = []
    return taken
  }

  /** Sends at this rate, whether answers come or not, until the signal. */
  async run(requestsPerSecond: number, until: AbortSignal): Promise<void> {
    const startedAt = performance.now()
    for (let sent = 0; !until.aborted; await sleep(TICK_MS)) {
      const due = ((performance.now() - startedAt) / 1000) * requestsPerSecond
      for (; sent < due; sent += 1) this.#start(pick())
    }
  }

  /** Sends each kind a few times, one after the other. */
  async warmUp(): Promise<void> {
    for (let round = 0; round < 10; round += 1) {
      for (const kind of Object.keys(mix) as Kind[]) await this.#send(kind)
    }
    await this.settle()
    this.takeLatencies()
  }

  /** Waits for the answers under way, and lets go of every connection; more can be sent later. */
  async settle(): Promise<void> {
    await Promise.all(this.#underWay)
    this.#agent.destroy()
  }

  #start(kind: Kind): void {
    const sending = this.#send(kind)
      .catch((error: unknown) => this.#surprise(`${kind}: ${String(error)}`))
      .finally(() => this.#underWay.delete(sending))
    this.#underWay.add(sending)
  }

  async #send(kind: Kind): Promise<void> {
    switch (kind) {
      case 'valid':
        return this.#report(kind, await this.#newToken(), { agent: this.#agent })
      case 'new connection':
        return this.#report(kind, await this.#newToken(), { agent: false })
      case 'repeat': {
        const token = this.#recent[Math.floor(Math.random() * this.#recent.length)]
        return token ? this.#expect(kind, token.text) : this.#send('valid')
      }
      case 'forged':
        return this.#expect(kind, forged((await this.#newToken()).text))
      case 'no token':
        return this.#expect(kind, null)
      case 'half request':
        return this.#breakOff(
          'DELETE /v1/auth/session HTTP/1.1\r\nHost: localhost\r\nAuthoriz',
          Math.random() * 2000,
        )
      case 'aborted':
        return this.#abort(await this.#newToken())
    }
  }

  async #report(kind: Kind, token: Token, options: RequestOptions): Promise<void> {
    this.perhaps.add(token.n)
    const record = await this.#ask(token.text, options)
    if (record !== expected[kind]) {
      this.#surprise(`${kind}: ${record}`)
      return
    }
    this.perhaps.delete(token.n)
    this.durable.add(token.n)
    this.#recent.push(token)
    if (this.#recent.length > RECENT) this.#recent.shift()
  }

  async #expect(kind: Kind, token: string | null): Promise<void> {
    const record = await this.#ask(token, { agent: this.#agent })
    if (record !== expected[kind]) this.#surprise(`${kind}: ${record}`)
  }

  /** The whole request, and gone before the answer. */
  async #abort({ n, text }: Token): Promise<void> {
    this.perhaps.add(n)
    const head = `DELETE /v1/auth/session HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${text}\r\n\r\n`
    await this.#breakOff(head, 0)
  }

  async #breakOff(text: string, afterMs: number): Promise<void> {
    const socket = connect(Number(this.#url.port), this.#url.hostname)
    await once(socket, 'connect')
    await new Promise<void>((resolve) => socket.write(text, () => resolve()))
    await sleep(afterMs)
    socket.destroy()
  }

  /** @returns The `Logout-Record`, with the status when it is not 200. */
  async #ask(token: string | null, options: RequestOptions): Promise<string> {
    const headers = token === null ? {} : { authorization: `Bearer ${token}` }
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS)
    const from = performance.now()
    const asking = httpRequest(this.#url, { method: 'DELETE', headers, signal, ...options })
    const answered = new Promise<string>((resolve, reject) => {
      asking.once('error', reject)
      asking.once('response', (response) => {
        const record = String(response.headers['logout-record'])
        response.once('error', reject)
        response.once('end', () =>
          resolve(response.statusCode === 200 ? record : `${response.statusCode} ${record}`),
        )
        response.resume()
      })
    })
    asking.end()
    const record = await answered.catch((error: NodeJS.ErrnoException) => {
      if (!asking.reusedSocket || error.code !== 'ECONNRESET') throw error
      // The service closed an idle connection as this request set out on it: HTTP/1.1 has callers send it again.
      this.sentAgain += 1
      return null
    })
    if (record === null) return this.#ask(token, { agent: false })
    this.#latencies.push(performance.now() - from)
    this.#answers += 1
    return record
  }

  #surprise(what: string): void {
    this.surprises.set(what, (this.surprises.get(what) ?? 0) + 1)
  }

  /** Signed in the thread pool: a signature takes longer than all that the service does with it. */
  async #newToken(): Promise<Token> {
    const n = (this.#sessions += 1)
    const { issuer, kid, privateKey } = this.#clerk
    const head = encodePart({ alg: 'RS256', typ: 'JWT', kid })
    const signed = `${head}.${encodePart({ ...sessionClaims(issuer, Date.now()), sid: sessionId(n) })}`
    const signature = await new Promise<Buffer>((resolve, reject) =>
      sign('RSA-SHA256', Buffer.from(signed), privateKey, (error, made) =>
        error ? reject(error) : resolve(made),
      ),
    )
    return { n, text: `${signed}.${signature.toString('base64url')}` }
  }
}

const PREFIX = 'sess_soak'

function sessionId(n: number): string {
  return PREFIX + n
}

/** NaN for what this load has not made. */
export function sessionNumber(id: unknown): number {
  return typeof id === 'string' && id.startsWith(PREFIX) ? Number(id.slice(PREFIX.length)) : Number.NaN
}

/** With another character in the middle of its signature. */
function forged(token: string): string {
  const at = token.lastIndexOf('.') + 100
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
}

function pick(): Kind {
  let left = Math.random() * 1000
  for (const [kind, share] of Object.entries(mix) as [Kind, number][]) {
    left -= share
    if (left < 0) return kind
  }
  return 'valid'
}
