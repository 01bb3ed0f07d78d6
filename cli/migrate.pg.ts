import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { inDatabase, newDatabase, newRole } from '../test/postgres.ts'
import { open, query, someoneWaits, until, whileAppendsWait } from '../test/postgres-trails.ts'
import { finished, runCli, temporaryFolder } from '../test/service.ts'
import { logout, NOON } from '../trail/stores/conformance.ts'

const NAME = /^postgres:\/\/127\.0\.0\.1:\d+\/\w+/

const cli = (args: string[], url: string) => finished(runCli(args, { env: { DATABASE_URL: url } }))

describe('logout-trail migrate', () => {
  it('makes the tables, and does nothing the second time', async (t) => {
    const url = await newDatabase(t)
    const first = await cli(['migrate'], url)
    assert.equal(first.code, 0, first.stderr)
    const [trail, records] = first.stdout.trim().split('\n')
    assert.match(trail ?? '', NAME)
    assert.match(trail ?? '', /: the trail is of version 1 now, and was of 0$/)
    assert.match(
      records ?? '',
      /: the tables of the session records are new; the service fills them from the trail$/,
    )
    const again = await cli(['migrate'], url)
    assert.equal(again.code, 0, again.stderr)
    assert.match(again.stdout, /version 1 already\n.* up to date already\n$/)
  })

  it('may run several times at once', async (t) => {
    const url = await newDatabase(t)
    const all = await Promise.all(Array.from({ length: 4 }, () => cli(['migrate'], url)))
    assert.deepEqual(
      all.map(({ code }) => code),
      [0, 0, 0, 0],
      all.map(({ stderr }) => stderr).join(),
    )
  })

  it('prints SQL that an administrator may run again and again, after which a plain role can serve', async (t) => {
    const url = await newDatabase(t)
    const { code, stdout, stderr } = await cli(
      ['migrate', '--print-sql'],
      'postgres://nobody@127.0.0.1:1/none',
    )
    assert.equal(code, 0, stderr)
    const { role, url: ofRole } = await newRole(t, url)
    const grants = stdout
      .split('\n')
      .filter((line) => line.startsWith('-- GRANT'))
      .map((line) => line.slice(3).replaceAll('logout_trail_service', role))
    await inDatabase(url, (admin) => admin.query(stdout))
    await inDatabase(url, (admin) => admin.query(grants.join('\n')))
    const later = await cli(['migrate', '--print-sql'], url)
    assert.match(later.stdout, /the schema logout_trail is of version 1 already/)
    await inDatabase(url, (admin) => admin.query(later.stdout))
    const store = await open(t, ofRole)
    await store.append([logout(1)], NOON)
    const rebuilt = await cli(['rebuild'], ofRole)
    assert.match(rebuilt.stderr, /belongs to the role .*; run `logout-trail rebuild` as their owner, or as/)
    assert.equal((await cli(['migrate'], ofRole)).code, 0)
  })

  it('says of a file that nothing is to be done', async () => {
    const path = join(temporaryFolder(), 'trail.db')
    const { code, stdout } = await cli(['migrate'], `file:${path}`)
    assert.equal(code, 0)
    assert.equal(
      stdout,
      `${path} is a file: the next start of the service begins it, and nothing is to be done here.\n`,
    )
  })

  it('says what is wrong, and no password', async () => {
    const { code, stderr } = await cli(['migrate'], 'postgres://me:secret-of-mine@127.0.0.1:1/none')
    assert.equal(code, 1)
    assert.match(stderr, /PostgreSQL at 127\.0\.0\.1:1\/none/)
    assert.doesNotMatch(stderr, /secret-of-mine/)
  })
})

describe('logout-trail rebuild, in PostgreSQL', () => {
  it('makes the records anew, and with --accept-restore raises the epoch', async (t) => {
    const url = await newDatabase(t)
    const store = await open(t, url)
    await store.append([logout(1), logout(2), logout(3)], NOON)
    const rebuilt = await cli(['rebuild'], url)
    assert.equal(rebuilt.code, 0, rebuilt.stderr)
    assert.match(rebuilt.stdout, /: made from 3 entries in \d+\.\d s\n$/)
    const [shown] = await query(url, 'SELECT count(*)::int AS n FROM logout_trail_views.sessions')
    assert.deepEqual(shown, { n: 3 })
    assert.equal((await store.head()).epoch, 0)
    assert.equal((await cli(['rebuild', '--accept-restore'], url)).code, 0)
    await until('the epoch is raised', async () => (await store.head()).epoch === 1)
    const [position] = await query(url, 'SELECT epoch::int FROM logout_trail_views.position')
    assert.deepEqual(position, { epoch: 1 })
  })

  it('refuses records of another history unless it is accepted', async (t) => {
    const url = await newDatabase(t)
    const store = await open(t, url)
    await store.append([logout(1), logout(2)], NOON)
    await cli(['rebuild'], url)
    await query(url, 'UPDATE logout_trail_views.position SET next_index = 9')
    const { code, stderr } = await cli(['rebuild'], url)
    assert.equal(code, 1)
    assert.match(stderr, /were made from 9 entries .* it has only 2\. .*--accept-restore/)
    assert.equal((await cli(['rebuild', '--accept-restore'], url)).code, 0)
  })

  it('raises the epoch once when two accept a restore at the same time', async (t) => {
    const url = await newDatabase(t)
    const store = await open(t, url)
    await store.append([logout(1)], NOON)
    const all: ReturnType<typeof cli>[] = []
    await whileAppendsWait(url, async () => {
      all.push(cli(['rebuild', '--accept-restore'], url))
      await until('the first is about to raise it', () => someoneWaits(url))
      const second = await cli(['rebuild', '--accept-restore'], url)
      assert.equal(second.code, 1)
      assert.match(second.stderr, /being rebuilt already/)
    })
    for (const { code, stderr } of await Promise.all(all)) assert.equal(code, 0, stderr)
    const [trail] = await query(url, 'SELECT epoch::int FROM logout_trail.trail')
    assert.deepEqual(trail, { epoch: 1 })
  })

  it('raises nothing, and changes nothing, when it is refused', async (t) => {
    const url = await newDatabase(t)
    const store = await open(t, url)
    await store.append([logout(1)], NOON)
    await cli(['rebuild'], url)
    const newer = 'logout-trail: session records, version 999'
    await query(url, `COMMENT ON SCHEMA logout_trail_views IS '${newer}'`)
    for (const args of [['rebuild'], ['rebuild', '--accept-restore'], ['migrate']]) {
      const { code, stderr } = await cli(args, url)
      assert.equal(code, 1, args.join(' '))
      assert.match(stderr, /^The session records are of version 999, .* a newer logout-trail keeps them/)
    }
    const printed = await cli(['migrate', '--print-sql'], url)
    await assert.rejects(query(url, printed.stdout), /The session records are of version 999/)
    const [trail] = await query(url, 'SELECT epoch::int FROM logout_trail.trail')
    assert.deepEqual(trail, { epoch: 0 })
    const [kept] = await query(url, 'SELECT count(*)::int AS n FROM logout_trail_views.sessions')
    assert.deepEqual(kept, { n: 1 })
  })
})
