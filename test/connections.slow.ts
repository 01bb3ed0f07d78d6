/** Many connections at once, and clients that behave badly: others are served, and nothing is kept afterwards. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import type { Socket } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import {
  durable,
  sessionsIn,
  signIn,
  startClerkService,
  until,
  type ClerkService,
  type SignedIn,
} from './clerk-service.ts'
import { answersIn, connection, logoutRequest } from './pipelined.ts'

const CONNECTIONS = 5000

/** Beside the connections: files, pipes, threads. */
const OTHER_DESCRIPTORS = 500

const withoutProc = existsSync('/proc/self/fd') ? false : 'SKIPPED: descriptors are counted in /proc'

/** Of this process, and so of the services that it starts. */
function descriptorLimit(): number {
  const limit = String(spawnSync('sh', ['-c', 'ulimit -n']).stdout).trim()
  return limit === 'unlimited' ? Infinity : Number(limit)
}

function openDescriptors({ process: { pid } }: ClerkService): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** Fewer than the 511 that may wait to be accepted: beyond it the kernel of the service drops and repeats. */
const WAVE = 250

/** Connects this many clients, which are gone when the test ends. */
async function connected(t: TestContext, { url }: ClerkService, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  while (sockets.length < count) {
    const wave = Array.from({ length: Math.min(WAVE, count - sockets.length) }, () => connection(url))
    sockets.push(...wave)
    await Promise.all(wave.map((socket) => once(socket, 'connect')))
  }
  return sockets
}

/** Sends one logout, and waits for its answer. */
function logoutOver(socket: Socket, person: SignedIn): Promise<string> {
  return new Promise((resolve, reject) => {
    let bytes = ''
    socket.on('data', (chunk) => {
      bytes += String(chunk)
      const [answer] = answersIn(bytes)
      if (answer !== undefined) resolve(answer)
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error(`closed before the answer: ${bytes}`)))
    socket.write(logoutRequest(person))
  })
}

/** The service has as many descriptors as at first, give or take the connections that `fetch` keeps. */
async function untilClosed(service: ClerkService, before: number): Promise<void> {
  await until(() => openDescriptors(service) <= before + 5)
}

describe('the service with many connections', { skip: withoutProc }, () => {
  it('answers 5,000 at once, each with one logout, and keeps none of them', async (t) => {
    if (descriptorLimit() < CONNECTIONS + OTHER_DESCRIPTORS) {
      t.skip(`SKIPPED: ulimit -n is ${descriptorLimit()}, ${CONNECTIONS + OTHER_DESCRIPTORS} are needed`)
      return
    }
    await using service = await startClerkService()
    const before = openDescriptors(service)
    const people = Array.from({ length: CONNECTIONS }, signIn)
    const sockets = await connected(t, service, CONNECTIONS)
    await until(() => openDescriptors(service) >= before + CONNECTIONS)

    const answers = await Promise.all(
      sockets.map(async (socket, at) => logoutOver(socket, people[at] ?? signIn())),
    )

    for (const answer of answers) assert.match(answer, /^200 (durable|logged)$/)
    await until(async () => (await service.metric('logout_trail_pending_reports')) === 0)
    assert.deepEqual(sessionsIn(service.trail).toSorted(), people.map(({ session }) => session).toSorted())
    for (const socket of sockets) socket.destroy()
    await untilClosed(service, before)
  })
})

describe('the service with a client that sends half a request', () => {
  it('answers 408 by itself and ends the connection', async (t) => {
    await using service = await startClerkService()
    const [socket] = await connected(t, service, 1)
    assert.ok(socket)
    socket.setEncoding('latin1')
    let answer = ''
    socket.on('data', (chunk: string) => (answer += chunk))
    socket.write(logoutRequest(signIn()).slice(0, -2))

    await once(socket, 'close')

    assert.match(answer, /^HTTP\/1\.1 408 /)
    assert.deepEqual(sessionsIn(service.trail), [])
  })
})

describe('the service with clients that behave badly', { skip: withoutProc }, () => {
  const CLIENTS = 20
  const PAGE_REQUEST = 'GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n'

  const misbehaviours: [string, (socket: Socket) => void][] = [
    ['send half a request', (socket) => socket.write(logoutRequest(signIn()).slice(0, -2))],
    [
      'go away as soon as they have asked',
      (socket) => socket.write(logoutRequest(signIn()), () => socket.destroy()),
    ],
    [
      'reset the connection as soon as they have asked',
      (socket) => socket.write(logoutRequest(signIn()), () => socket.resetAndDestroy()),
    ],
    [
      'ask for 6 MB each, and never read an answer',
      (socket) => {
        socket.pause()
        socket.write(PAGE_REQUEST.repeat(1000))
      },
    ],
  ]

  for (const [what, misbehave] of misbehaviours) {
    it(`serves others while ${CLIENTS} ${what}, and keeps nothing of them`, async (t) => {
      await using service = await startClerkService()
      assert.deepEqual(await service.logout(signIn()), durable)
      const before = openDescriptors(service)
      const sockets = await connected(t, service, CLIENTS)
      for (const socket of sockets) {
        // The service may have ended the connection first.
        socket.once('error', () => socket.destroy())
        misbehave(socket)
      }

      for (let served = 0; served < 20; served += 1) {
        assert.deepEqual(await service.logout(signIn()), durable)
      }

      for (const socket of sockets) socket.destroy()
      await untilClosed(service, before)
      assert.deepEqual(await service.logout(signIn()), durable)
      assert.equal(await service.metric('logout_trail_pending_reports'), 0)
    })
  }
})
