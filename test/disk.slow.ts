/** What the service does while its disk takes no writes, and afterwards; `trail.db` itself stays whole. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, appendFileSync, chmodSync, chownSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import {
  durable,
  duplicate,
  sessionsIn,
  signIn,
  startClerkService,
  stop,
  unrecorded,
} from './clerk-service.ts'
import { temporaryFolder } from './service.ts'
import { mortalThread } from './writing-thread.ts'

const isRoot = process.getuid?.() === 0
const withoutRoot = isRoot ? false : 'SKIPPED: only root can mount a file system or start as another user'

/** A disk of 2 MiB, unmounted when the test ends. Null, and the test is skipped, where mounting is not permitted. */
function smallDisk(t: TestContext): string | null {
  const folder = temporaryFolder()
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'logout-trail', folder])
  if (status !== 0) {
    t.skip(`SKIPPED: mount is not permitted here: ${String(stderr)}`)
    return null
  }
  t.after(() => assert.equal(spawnSync('umount', [folder]).status, 0, `${folder} is unmounted`))
  return folder
}

/** Writes a file until there is no room for another byte. */
function fill(folder: string): string {
  const file = join(folder, 'everything-else')
  for (const bytes of [65_536, 1]) {
    try {
      for (;;) appendFileSync(file, Buffer.alloc(bytes))
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
    }
  }
  return file
}

describe('the service on a full disk', { skip: withoutRoot }, () => {
  for (const auditRequired of ['off', 'on'] as const) {
    const answer = unrecorded[auditRequired]

    it(`answers ${answer.status} with AUDIT_REQUIRED=${auditRequired}, and records again once there is room`, async (t) => {
      const folder = smallDisk(t)
      if (folder === null) return
      await using service = await startClerkService({ folder, env: { AUDIT_REQUIRED: auditRequired } })
      const [before, early, late, after] = [signIn(), signIn(), signIn(), signIn()]
      assert.deepEqual(await service.logout(before), durable)

      const filling = fill(folder)
      for (const person of [early, late]) {
        assert.deepEqual(await service.logout(person), answer)
        await service.logLine(person, 'logged')
      }
      assert.deepEqual(await service.logout(before), duplicate)
      assert.match((await service.notReady()) ?? 'ready', /^trail: .*cannot be written: the disk is full\.$/)
      await service.line(/"code":"trail-unwritable".*"msg":"logouts cannot be recorded/)
      assert.equal(await service.metric('logout_trail_store_failures_total'), 2)

      rmSync(filling)
      assert.deepEqual(await service.logout(after), durable)
      await service.line(/"msg":"logouts are recorded again"/)
      for (const person of [late, early]) assert.deepEqual(await service.logout(person), durable)
      assert.deepEqual(await service.logout(before), duplicate)
      assert.equal(await service.notReady(), null)

      assert.equal(await stop(service), 0)
      assert.deepEqual(
        sessionsIn(service.trail),
        [before, after, late, early].map(({ session }) => session),
      )
    })
  }

  it('stops with exit code 0, and has what was durable when it starts again on the full disk’s trail', async (t) => {
    const folder = smallDisk(t)
    if (folder === null) return
    const [kept, unkept] = [signIn(), signIn()]
    await using first = await startClerkService({ folder })
    assert.deepEqual(await first.logout(kept), durable)
    const filling = fill(folder)
    assert.deepEqual(await first.logout(unkept), unrecorded.off)
    assert.equal(await stop(first), 0)
    rmSync(filling)

    await using second = await startClerkService({ folder })

    assert.deepEqual(await second.logout(kept), duplicate)
    assert.deepEqual(await second.logout(unkept), durable)
  })

  it('cannot have its mount made read-only while its files are open: mount refuses, logouts stay durable', async (t) => {
    const folder = smallDisk(t)
    if (folder === null) return
    await using service = await startClerkService({ folder })

    const { status, stderr } = spawnSync('mount', ['-o', 'remount,ro', folder])

    assert.notEqual(status, 0)
    assert.match(String(stderr), /busy/)
    assert.deepEqual(await service.logout(signIn()), durable)
  })
})

/** By convention, nobody. */
const USER = { uid: 65_534, gid: 65_534 }

describe('the service of an ordinary user whose files become read-only', { skip: withoutRoot }, () => {
  const takenAway: [string, (data: string) => void][] = [
    ['the file', (data) => chmodSync(join(data, 'trail.db'), 0o400)],
    ['the folder', (data) => chmodSync(data, 0o500)],
  ]

  for (const [what, takeAway] of takenAway) {
    it(`goes on recording while ${what} takes no writes: permissions are checked at opening only`, async () => {
      const folder = folderOf(USER)
      await using service = await startClerkService({ folder, user: USER })
      const people = [signIn(), signIn()]
      takeAway(join(folder, 'data'))

      for (const person of people) assert.deepEqual(await service.logout(person), durable)
      assert.equal(await service.notReady(), null)
      assert.deepEqual(
        sessionsIn(service.trail),
        people.map(({ session }) => session),
      )
    })
  }

  it('goes on recording when its writing thread is started again meanwhile: the process has the file open', async () => {
    const folder = folderOf(USER)
    const thread = mortalThread(folder)
    await using service = await startClerkService({ folder, user: USER, env: thread.env })
    const people = [signIn(), signIn()]
    const [before, meanwhile] = people
    assert.ok(before && meanwhile)
    assert.deepEqual(await service.logout(before), durable)

    chmodSync(service.trail, 0o400)
    await thread.end()
    await service.line(/"msg":"the writing thread died and is started again"/)

    assert.deepEqual(await service.logout(meanwhile), durable)
    assert.deepEqual(await service.logout(before), duplicate)
    assert.equal(await service.notReady(), null)
    assert.deepEqual(
      sessionsIn(service.trail),
      people.map(({ session }) => session),
    )
  })

  it('does not start again until the file takes writes, says which it is, and has lost nothing', async () => {
    const folder = folderOf(USER)
    const [before, after] = [signIn(), signIn()]
    const first = await startClerkService({ folder, user: USER })
    assert.deepEqual(await first.logout(before), durable)
    first.process.kill('SIGTERM')
    assert.equal(await first.ended, 0)
    chmodSync(first.trail, 0o400)

    await assert.rejects(
      startClerkService({ folder, user: USER }),
      /DATABASE_URL: .*cannot be written: no permission to write to .*trail\.db\. \(trail-unwritable\)/,
    )

    // SQLite made the files beside it anew, with the mode that the trail had then.
    for (const path of ['', '-wal', '-shm'].map((end) => first.trail + end)) {
      if (existsSync(path)) chmodSync(path, 0o600)
    }
    await using second = await startClerkService({ folder, user: USER })
    assert.deepEqual(await second.logout(after), durable)
    assert.deepEqual(await second.logout(before), duplicate)
    assert.deepEqual(
      sessionsIn(second.trail),
      [before, after].map(({ session }) => session),
    )
  })
})

function folderOf({ uid, gid }: typeof USER): string {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'data'))
  for (const place of [folder, join(folder, 'data')]) chownSync(place, uid, gid)
  return folder
}
