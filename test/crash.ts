/**
 * kill -9 of the service under load, again and again on one trail. After each: all that was promised is there, once, and
 * the service starts again without help.
 */
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { durable, duplicate, signIn, startClerkService } from './clerk-service.ts'
import { loadOf, type Load } from './load.ts'
import { temporaryFolder } from './service.ts'

export interface CrashOptions {
  kills: number
  /** Of each life, one after the other and from the first again. */
  connections: readonly number[]
}

/** What all lives of one trail have promised so far. */
interface Promised {
  /** Answered `durable` or `duplicate`. */
  kept: Set<string>
  /** Sent, so perhaps on record. */
  sent: Set<string>
}

export interface CrashReport {
  promised: number
  /** On record, though nobody was answered. */
  unanswered: number
  slowestStartMs: number
}

const START_WITHIN_MS = 5000
const EARLIEST_KILL_MS = 20
const LATEST_KILL_MS = 400
/** More than a life uses up. */
const PEOPLE = 2500

export async function killAgainAndAgain({ kills, connections }: CrashOptions): Promise<CrashReport> {
  const folder = temporaryFolder()
  const promised: Promised = { kept: new Set(), sent: new Set() }
  const people = Array.from({ length: PEOPLE }, signIn)
  let slowestStartMs = 0
  for (let life = 0; life <= kills; life += 1) {
    const startedAt = performance.now()
    await using service = await startClerkService({ folder })
    const tookMs = performance.now() - startedAt
    assert.ok(tookMs < START_WITHIN_MS, `life ${life} took ${tookMs} ms to start`)
    slowestStartMs = Math.max(slowestStartMs, tookMs)
    await stillAnswers(service, promised)
    if (life === kills) break

    while (people.length < PEOPLE) people.push(signIn())
    const load = loadOf(service.url, { people, connections: connections[life % connections.length] ?? 1 })
    const killAfterMs = EARLIEST_KILL_MS + Math.random() * (LATEST_KILL_MS - EARLIEST_KILL_MS)
    await sleep(killAfterMs)
    service.process.kill('SIGKILL')
    await Promise.all([service.ended, load.ended])
    remember(promised, load)
    inspect(service.trail, promised, `kill ${life + 1}, ${killAfterMs.toFixed(0)} ms after its load began`)
  }
  return { promised: promised.kept.size, unanswered: promised.sent.size - promised.kept.size, slowestStartMs }
}

type Service = Awaited<ReturnType<typeof startClerkService>>

async function stillAnswers(service: Service, { kept, sent }: Promised): Promise<void> {
  const person = signIn()
  assert.deepEqual(await service.logout(person), durable)
  assert.deepEqual(await service.logout(person), duplicate)
  kept.add(person.session)
  sent.add(person.session)
}

/** None of these lives may answer anything else: the store is well, and every token is good. */
function remember({ kept, sent }: Promised, load: Load): void {
  for (const session of load.sent) sent.add(session)
  for (const [session, records] of load.answers) {
    for (const record of records) assert.match(record, /^(durable|duplicate)$/)
    assert.ok(records.filter((record) => record === 'durable').length <= 1, `${session}: ${records.join()}`)
    kept.add(session)
  }
}

/** Looks into the file as it was left. */
export function inspect(trail: string, { kept, sent }: Promised, when: string): void {
  const db = new DatabaseSync(trail)
  try {
    assert.equal(db.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok', when)
    const entries = db.prepare('SELECT "index", session_id FROM entries ORDER BY "index"').all()
    const sessions = entries.map((entry) => String(entry['session_id']))
    assert.deepEqual(
      entries.map((entry) => entry['index']),
      entries.map((_, at) => at),
      `${when}: indexes have no gap`,
    )
    assert.equal(db.prepare('SELECT next_index AS n FROM trail').get()?.['n'], entries.length, when)
    assert.equal(db.prepare('SELECT count(*) AS n FROM dedupe').get()?.['n'], entries.length, when)
    const there = new Set(sessions)
    assert.equal(there.size, sessions.length, `${when}: no session is there twice`)
    assert.deepEqual(
      [...kept].filter((session) => !there.has(session)),
      [],
      `${when}: all that was promised is there`,
    )
    assert.deepEqual(
      sessions.filter((session) => !sent.has(session)),
      [],
      `${when}: nothing is there that nobody sent`,
    )
  } finally {
    db.close()
  }
}
