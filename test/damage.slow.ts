/**
 * Somebody damages the file while the service runs. SQLite keeps pages in memory and in the write-ahead log, so it cannot
 * see at once what was done to the file behind it: what is seen, and when, is written down here.
 */
import assert from 'node:assert/strict'
import {
  closeSync,
  copyFileSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { randomBytes } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import {
  clerk,
  durable,
  logged,
  sessionsIn,
  signIn,
  startClerkService,
  stop,
  type Answer,
  type ClerkService,
} from './clerk-service.ts'
import { finished, runCli } from './service.ts'

/** Starts a service, lets people log out, and has all of it in the file itself. */
async function filled(people = 500) {
  const service = await startClerkService()
  const kept = Array.from({ length: people }, signIn)
  for (const person of kept) assert.deepEqual(await service.logout(person), durable)
  const db = new DatabaseSync(service.trail)
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
  return { service, kept }
}

async function untilRefused({ logout }: ClerkService): Promise<Answer[]> {
  const answers: Answer[] = []
  for (let sent = 0; sent < 600; sent += 1) {
    const answer = await logout(signIn())
    answers.push(answer)
    if (answer.record !== 'durable') break
  }
  return answers
}

function overwrite(path: string, { from, to }: { from: number; to: number }): void {
  const file = openSync(path, 'r+')
  writeSync(file, randomBytes(to - from), 0, to - from, from)
  closeSync(file)
}

describe('a trail that is damaged while the service runs', () => {
  it('is noticed when it was cut short: nothing more is promised, /readyz and the log say why', async () => {
    const { service, kept } = await filled()
    await using running = service

    truncateSync(running.trail, statSync(running.trail).size / 2)

    assert.deepEqual(await running.logout(signIn()), logged)
    assert.match((await running.notReady()) ?? '', /became shorter while the service runs|is damaged/)
    await running.line(/"code":"trail-corrupt"/)
    const [first] = kept
    assert.ok(first)
    assert.deepEqual(await running.logout(first), logged, 'what it remembers may be gone')
  })

  it('is noticed when it was emptied; the next start does not begin a new trail in its place', async () => {
    const { service } = await filled()
    await using running = service
    await running.logout(signIn())

    truncateSync(running.trail, 0)

    assert.deepEqual(await running.logout(signIn()), logged)
    running.process.kill('SIGKILL')
    await running.ended
    const env = { PORT: '0', CLERK_ISSUER: clerk.issuer, CLERK_JWT_KEY: clerk.publicPem }
    const { code, stderr } = await finished(runCli(['start'], { folder: running.folder, env }))
    assert.equal(code, 1)
    assert.match(stderr, /is empty, but its write-ahead log .* is there.*\(trail-corrupt\)/)
  })

  it('is noticed at the latest when a damaged page is read; what was promised before is in the log line', async () => {
    const { service } = await filled(1500)
    await using running = service
    const { size } = statSync(running.trail)

    overwrite(running.trail, { from: Math.ceil(size / 3 / 4096) * 4096, to: size })

    const answers = await untilRefused(running)
    assert.deepEqual(answers.at(-1), logged)
    await running.line(/"code":"trail-corrupt"/)
  })

  it('is not confused with another trail in its place, and goes on when its own is put back', async () => {
    const { service, kept } = await filled(20)
    await using running = service
    renameSync(running.trail, `${running.trail}.aside`)
    copyFileSync(`${running.trail}.aside`, running.trail)
    const late = signIn()

    assert.deepEqual(await running.logout(late), logged)
    assert.match((await running.notReady()) ?? '', /was deleted or replaced/)
    rmSync(running.trail)
    renameSync(`${running.trail}.aside`, running.trail)

    assert.deepEqual(await running.logout(late), durable)
    assert.equal(await running.notReady(), null)
    assert.equal(await stop(running), 0)
    assert.deepEqual(
      sessionsIn(running.trail),
      [...kept, late].map(({ session }) => session),
    )
  })

  it('is not begun anew when it was deleted', async () => {
    const { service } = await filled(5)
    await using running = service

    rmSync(running.trail)

    assert.deepEqual(await running.logout(signIn()), logged)
    assert.match((await running.notReady()) ?? '', /was deleted or replaced/)
    assert.equal(statSync(running.trail, { throwIfNoEntry: false }), undefined)
  })
})
