/**
 * Load for tests: connections kept alive and kept busy with logouts, and a memory of what each was answered.
 *
 * Written on bare sockets, because the tests ask what became of each request when the service dies or stops under it:
 * not answered at all, or cut off in the middle.
 */
import { connect, type Socket } from 'node:net'
import type { TestClerk } from './clerk-instance.ts'

/** A session, its one token, and what became of each time that the token was sent. */
export interface Logout {
  sessionId: string
  token: string
  outcomes: Outcome[]
}

/**
 * The `Logout-Record` of the answer; `200`, `503`, … for an answer without one. `unanswered`: the connection ended
 * before the first byte of an answer. `cut off`: it ended in the middle of one.
 */
export type Outcome = string

/** One request in eight sends a token again. */
const REPEATS = 1 / 8

/** How far back a repeat goes: into what is in flight or was just answered, and seldom further. */
const RECENT = 200

/** All the logouts of a test, over all the lives of its service. */
export class Logouts {
  /** In the order in which they were first sent. */
  readonly sent: Logout[] = []
  #fresh: Logout[] = []
  #made = 0
  readonly #clerk: TestClerk
  readonly #random: () => number

  constructor(clerk: TestClerk, random: () => number) {
    this.#clerk = clerk
    this.#random = random
  }

  /** Makes tokens until this many are unsent. Signing one costs more than sending it, so this comes before the load. */
  prepare(unsent: number): void {
    const iat = Math.floor(Date.now() / 1000)
    while (this.#fresh.length < unsent) {
      // All of one length, so that none is the beginning of another where tests look for it.
      const sessionId = `sess_load${String((this.#made += 1)).padStart(6, '0')}`
      const token = this.#clerk.token({ sid: sessionId, iat, nbf: iat, exp: iat + 3600 })
      this.#fresh.push({ sessionId, token, outcomes: [] })
    }
  }

  /** A logout that was never sent. Undefined when none is prepared any more. */
  fresh(): Logout | undefined {
    const logout = this.#fresh.pop()
    if (logout) this.sent.push(logout)
    return logout
  }

  /** What a connection sends next: mostly a fresh one, sometimes, and when there is none, one that was sent. */
  next(): Logout | undefined {
    if (this.#random() >= REPEATS) return this.fresh() ?? this.#again()
    return this.#again() ?? this.fresh()
  }

  /** Those of which a copy was answered so. */
  answered(...outcomes: Outcome[]): Logout[] {
    return this.sent.filter((logout) => logout.outcomes.some((outcome) => outcomes.includes(outcome)))
  }

  #again(): Logout | undefined {
    const back = this.#random() < 0.9 ? Math.min(RECENT, this.sent.length) : this.sent.length
    return this.sent[this.sent.length - 1 - Math.floor(this.#random() * back)]
  }
}

export interface Load {
  /** How many requests were answered so far. */
  answers: () => number
  /** Fulfils when the first request was answered, or none will be. */
  begun: Promise<void>
  /** Sends nothing more, and waits for the answers under way. */
  stop: () => Promise<void>
  /** Fulfils when every connection is over: stopped, or refused because the service is gone. */
  ended: Promise<void>
}

/** Keeps so many connections busy until it is stopped, or until the service refuses connections. */
export function putLoadOn(url: string, logouts: Logouts, connections: number): Load {
  const stopping = new AbortController()
  const begun = Promise.withResolvers<void>()
  let answers = 0

  async function keepBusy(): Promise<void> {
    let socket: Socket | null = null
    while (!stopping.signal.aborted) {
      if (!socket?.writable) socket = await connected(url)
      const logout = socket && logouts.next()
      if (!socket || !logout) return
      const outcome = await outcomeOf(socket, logout.token)
      logout.outcomes.push(outcome)
      if (outcome !== 'unanswered' && outcome !== 'cut off') answers += 1
      begun.resolve()
    }
    socket?.destroy()
  }

  const ended = Promise.all(Array.from({ length: connections }, keepBusy)).then(() => begun.resolve())
  return {
    answers: () => answers,
    begun: begun.promise,
    stop: async () => {
      stopping.abort()
      await ended
    },
    ended,
  }
}

/** Sends one logout on a connection of its own. */
export async function sendOnce(url: string, logout: Logout | undefined): Promise<Outcome> {
  const socket = await connected(url)
  if (!socket || !logout) return 'unanswered'
  const outcome = await outcomeOf(socket, logout.token)
  logout.outcomes.push(outcome)
  socket.destroy()
  return outcome
}

/** Null when nobody listens there. */
function connected(url: string): Promise<Socket | null> {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', noDelay: true })
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(socket))
    // Also afterwards: how a connection ends is seen by its `close`, which always follows.
    socket.on('error', () => resolve(null))
  })
}

function outcomeOf(socket: Socket, token: string): Promise<Outcome> {
  return new Promise((resolve) => {
    let received = ''
    const settle = (outcome: Outcome) => {
      socket.off('data', read).off('close', closed).off('end', closed)
      resolve(outcome)
    }
    const read = (chunk: Buffer) => {
      received += chunk.toString('latin1')
      const answer = wholeAnswer(received)
      if (!answer) return
      if (/^connection: close\r$/im.test(received)) socket.destroy()
      settle(answer)
    }
    const closed = () => {
      socket.destroy()
      settle(received === '' ? 'unanswered' : 'cut off')
    }
    socket.on('data', read).on('close', closed).on('end', closed)
    if (socket.destroyed) closed()
    else
      socket.write(
        `DELETE /v1/auth/session HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`,
      )
  })
}

function wholeAnswer(received: string): Outcome | null {
  const headLength = received.indexOf('\r\n\r\n') + 4
  if (headLength === 3) return null
  const head = received.slice(0, headLength)
  const bodyLength = Number(/^content-length: (\d+)\r$/im.exec(head)?.[1] ?? NaN)
  if (!(received.length >= headLength + bodyLength)) return null
  return /^logout-record: (.*)\r$/im.exec(head)?.[1] ?? head.slice(9, 12)
}
