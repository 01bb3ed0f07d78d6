/** What the service does when its writing thread dies under load: what was owed is `logged`, the rest is recorded. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  durable,
  duplicate,
  sessionsIn,
  signIn,
  startClerkService,
  unrecorded,
  until,
  type Answer,
  type ClerkService,
  type SignedIn,
} from './clerk-service.ts'
import { temporaryFolder } from './service.ts'
import { mortalThread, type MortalThread } from './writing-thread.ts'

const CLIENTS = 32
const LOSSES = 2

/** Under this load it owes something at one death in two or three. */
const MOST_DEATHS = 25

interface Answered {
  person: SignedIn
  answer: Answer
}

interface Load {
  answered: Answered[]
  /** One more session logs out. */
  logout: () => Promise<Answer>
  /** Fulfils when the logouts under way are answered. */
  stop: () => Promise<void>
}

/** Clients that log out one session after another, each a new one. */
function load(service: ClerkService): Load {
  const answered: Answered[] = []
  const stopping = new AbortController()
  async function logout(): Promise<Answer> {
    const person = signIn()
    const answer = await service.logout(person)
    answered.push({ person, answer })
    return answer
  }
  async function client(): Promise<void> {
    while (!stopping.signal.aborted) await logout()
  }
  const clients = Promise.all(Array.from({ length: CLIENTS }, client))
  return {
    answered,
    logout,
    stop: async () => {
      stopping.abort()
      await clients
    },
  }
}

function withRecord({ answered }: Load, record: string): Answered[] {
  return answered.filter(({ answer }) => answer.record === record)
}

function isLogged(line: string, { session }: SignedIn): boolean {
  return line.includes('"record":"logged"') && line.includes(`"session_id":"${session}"`)
}

/** Ends the thread until it owed answers twice; it may die between two batches. Gives how often it died. */
async function endUnderLoad({ lines }: ClerkService, thread: MortalThread, underLoad: Load): Promise<number> {
  const died = () => lines.filter((line) => line.includes('the writing thread died')).length
  const recording = () => until(async () => (await underLoad.logout()).record === 'durable')
  let losses = 0
  for (let deaths = 1; deaths <= MOST_DEATHS; deaths += 1) {
    const lostBefore = withRecord(underLoad, 'logged').length
    await recording()
    await thread.end()
    await until(() => died() === deaths)
    await recording()
    if (withRecord(underLoad, 'logged').length > lostBefore) losses += 1
    if (losses === LOSSES) return deaths
  }
  throw new Error(`the thread died ${MOST_DEATHS} times under load and owed answers ${losses} times`)
}

describe('the service whose writing thread dies under load', () => {
  for (const auditRequired of ['off', 'on'] as const) {
    const answer = unrecorded[auditRequired]

    it(`answers what the thread owed ${answer.status} with AUDIT_REQUIRED=${auditRequired}, and records the rest`, async () => {
      const folder = temporaryFolder()
      const thread = mortalThread(folder)
      const env = { ...thread.env, AUDIT_REQUIRED: auditRequired }
      await using service = await startClerkService({ folder, env })

      const underLoad = load(service)
      const deaths = await endUnderLoad(service, thread, underLoad)
      await underLoad.stop()

      const owed = withRecord(underLoad, 'logged')
      for (const { answer: given } of owed) assert.deepEqual(given, answer)
      assert.equal(owed.length + withRecord(underLoad, 'durable').length, underLoad.answered.length)
      await until(() => owed.every(({ person }) => service.lines.some((line) => isLogged(line, person))))
      await service.line(
        /"err":.*the thread was told to die.*"msg":"the writing thread died and is started again"/,
      )
      assert.equal(await service.metric('logout_trail_writer_restarts_total'), deaths)
      assert.equal(await service.metric('logout_trail_pending_reports'), 0)
    })
  }

  it('records the next logout, and has each session once when what was only logged is sent again', async () => {
    const folder = temporaryFolder()
    const thread = mortalThread(folder)
    await using service = await startClerkService({ folder, env: thread.env })

    const underLoad = load(service)
    await endUnderLoad(service, thread, underLoad)
    await underLoad.stop()

    const recorded = new Set(sessionsIn(service.trail))
    for (const { person } of withRecord(underLoad, 'durable')) assert.ok(recorded.has(person.session))
    const next = signIn()
    assert.deepEqual(await service.logout(next), durable)
    assert.equal(await service.notReady(), null)
    for (const { person } of withRecord(underLoad, 'logged')) {
      assert.deepEqual(await service.logout(person), recorded.has(person.session) ? duplicate : durable)
    }
    const everybody = [next, ...underLoad.answered.map(({ person }) => person)]
    assert.deepEqual(sessionsIn(service.trail).toSorted(), everybody.map(({ session }) => session).toSorted())
  })
})
