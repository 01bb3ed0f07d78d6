/** Logouts over few connections, each request sent before the one before it is answered (RFC 9112, 9.3.2). */
import { connect, type Socket } from 'node:net'
import type { SignedIn } from './clerk-service.ts'

/** Connects; whoever does not read the answers must say so with `pause`. */
export function connection(url: string): Socket {
  const { hostname, port } = new URL(url)
  return connect(Number(port), hostname)
}

/** The bytes of one logout. */
export function logoutRequest({ token }: SignedIn): string {
  return `DELETE /v1/auth/session HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`
}

/** Status and `Logout-Record` of each answer in these bytes, as `200 durable`. */
export function answersIn(bytes: string): string[] {
  const answers = bytes.matchAll(/HTTP\/1\.1 (\d{3}) [^]*?^logout-record: (\S+)\r$/gim)
  return Array.from(answers, ([, status, record]) => `${status} ${record}`)
}

/** All log out over this many connections. Rejects when one of them ends before all its answers came. */
export async function pipelined(
  url: string,
  { people, connections }: { people: SignedIn[]; connections: number },
): Promise<Map<SignedIn, string>> {
  const each = Math.ceil(people.length / connections)
  const parts = Array.from({ length: connections }, (_, at) => people.slice(at * each, (at + 1) * each))
  const answered = await Promise.all(parts.map((part) => overOne(connection(url), part)))
  return new Map(answered.flat())
}

function overOne(socket: Socket, people: SignedIn[]): Promise<[SignedIn, string][]> {
  return new Promise((resolve, reject) => {
    let bytes = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      bytes += chunk
      const answers = answersIn(bytes)
      if (answers.length < people.length) return
      socket.destroy()
      resolve(people.map((person, at) => [person, answers[at] ?? '']))
    })
    socket.once('error', reject)
    socket.once('close', () =>
      reject(new Error(`closed after ${answersIn(bytes).length} answers: ${bytes.slice(-300)}`)),
    )
    socket.write(people.map(logoutRequest).join(''))
  })
}
