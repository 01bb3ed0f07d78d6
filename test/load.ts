/**
 * Load for tests that end the service under it: connections that send one logout after another, and remember for each
 * session what was promised of it. A request whose answer never came is remembered as sent: it may be on record.
 */
import { Agent, request, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import type { SignedIn } from './clerk-service.ts'

export interface Load {
  /** What each session that was answered has been answered, in order; `repeats` are among them. */
  answers: Map<string, string[]>
  /** Every session whose token was sent. */
  sent: Set<string>
  /** Fulfils when every connection has ended: the service is gone, or the people have run out. */
  ended: Promise<void>
}

/** One request in eight repeats one that was sent before, answered or not. */
const REPEAT_EVERY = 8

/** Each of `people` logs out once, over this many connections, until nobody is left or the service does not answer. */
export function loadOf(
  url: string,
  { people, connections }: { people: SignedIn[]; connections: number },
): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const load = { answers: new Map<string, string[]>(), sent: new Set<string>() }
  const sent: SignedIn[] = []

  function next(): SignedIn | undefined {
    if (sent.length % REPEAT_EVERY === REPEAT_EVERY - 1) {
      const again = sent[Math.floor(Math.random() * sent.length)]
      if (again) return again
    }
    return people.shift()
  }

  async function connection(): Promise<void> {
    for (let person = next(); person; person = next()) {
      sent.push(person)
      load.sent.add(person.session)
      const record = await recordOf(url, person, agent)
      if (record === null) return
      load.answers.set(person.session, [...(load.answers.get(person.session) ?? []), record])
    }
  }

  const ended = Promise.all(Array.from({ length: connections }, connection)).then(() => agent.destroy())
  return { ...load, ended }
}

/** `Logout-Record` of the answer; null when none came. */
async function recordOf(url: string, { token }: SignedIn, agent: Agent): Promise<string | null> {
  const headers = { Authorization: `Bearer ${token}` }
  const sent = request(`${url}/v1/auth/session`, { method: 'DELETE', agent, headers })
  const answered = once(sent, 'response')
  sent.end()
  try {
    const [response] = (await answered) as [IncomingMessage]
    const ended = once(response, 'end')
    response.resume()
    await ended
    return String(response.headers['logout-record'])
  } catch (error) {
    if (isGone(error)) return null
    throw error
  }
}

/** What a client sees of a process that was killed. */
function isGone(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : null
  return code === 'ECONNRESET' || code === 'ECONNREFUSED' || code === 'EPIPE'
}
