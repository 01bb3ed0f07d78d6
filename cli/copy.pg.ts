import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { history } from '../examples/demo/history.ts'
import { newDatabase } from '../test/postgres.ts'
import { open, query, until } from '../test/postgres-trails.ts'
import { finished, runCli } from '../test/service.ts'
import { inFile, newPath } from '../test/trail-files.ts'
import { TrailError } from '../trail/error.ts'
import { allEntries, duplicate, durable, ISSUER, logout, NOON } from '../trail/stores/conformance.ts'
import { migratePostgres } from '../trail/stores/postgres-schema.ts'
import { openSqliteStore } from '../trail/stores/sqlite.ts'

const reports = history({ until: NOON, days: 30, sessionsADay: 400 })

/** A file with all reports, and its entries. */
async function file(t: TestContext) {
  const path = newPath(t)
  const store = await openSqliteStore({ path, issuer: ISSUER })
  for (let at = 0; at < reports.length; at += 500) await store.append(reports.slice(at, at + 500), NOON)
  const entries = await allEntries(store)
  const { trailId } = await store.head()
  await store.close()
  return { path, entries, trailId }
}

/** Whether a copy is under way, and so many entries are in it. */
async function isThere(url: string, entries: number): Promise<boolean> {
  const found = await query(
    url,
    `SELECT 1 FROM logout_trail.trail WHERE works_with > 1 AND (SELECT count(*) FROM logout_trail.entries) >= $1`,
    [entries],
  )
  return found.length > 0
}

const copying = (path: string, url: string) => runCli(['copy', '--from', `file:${path}`, '--to', url])
const copied = (path: string, url: string) => finished(copying(path, url))

describe('logout-trail copy', () => {
  it('moves every entry under its index, and repeats are still known', async (t) => {
    const { path, entries, trailId } = await file(t)
    const url = await newDatabase(t)
    const { code, stdout, stderr } = await copied(path, url)
    assert.equal(code, 0, stderr)
    assert.match(stdout, new RegExp(`: ${entries.length} entries of trail ${trailId} .*, copied, in`))
    assert.match(stdout, /SHA-256 of both sides: [0-9a-f]{64}\n/)
    assert.doesNotMatch(stdout + stderr, /password/)
    const store = await open(t, url)
    assert.deepEqual(await allEntries(store), entries)
    const again = reports.slice(0, 300)
    assert.deepEqual(await store.append([...again, logout(1)], NOON + 1), [
      ...again.map((_, index) => duplicate(index)),
      durable(entries.length),
    ])
  })

  it('warns of a server that does not wait for its disk', async (t) => {
    const { path } = await file(t)
    const url = await newDatabase(t)
    const { code, stdout, stderr } = await copied(path, url)
    const [server] = await query(url, 'SHOW fsync')
    assert.equal(code, 0, stderr)
    assert.equal(stderr.includes('runs with fsync=off: the copy is lost when'), server?.['fsync'] === 'off')
    assert.doesNotMatch(stdout, /fsync/)
  })

  it('says which entry PostgreSQL cannot keep, and begins nothing', async (t) => {
    const { path } = await file(t)
    const url = await newDatabase(t)
    inFile(path, (db) => db.exec(`UPDATE entries SET city = 'Ber' || char(0) WHERE "index" = 21`))
    const { code, stderr } = await copied(path, url)
    assert.equal(code, 1)
    assert.match(stderr, /Entry 21 of .*trail\.db holds the character NUL in city/)
    assert.deepEqual(await query(url, "SELECT 1 FROM pg_namespace WHERE nspname = 'logout_trail'"), [])
  })

  it('says when it is whole already, and refuses once a service has used it', async (t) => {
    const { path } = await file(t)
    const url = await newDatabase(t)
    await copied(path, url)
    const again = await copied(path, url)
    assert.equal(again.code, 0, again.stderr)
    assert.match(again.stdout, /there already/)
    await (await open(t, url)).append([logout(1)], NOON)
    const later = await copied(path, url)
    assert.equal(later.code, 1)
    assert.match(later.stderr, /a service has used the copy since/)
  })

  it('goes on after kill -9 at any moment, and until it is whole no service starts on it', async (t) => {
    const { path, entries } = await file(t)
    const url = await newDatabase(t)
    await migratePostgres({ url, issuer: null })
    let wasUnfinished = 0
    for (const part of [0, 0.2, 0.5, 0.8]) {
      const child = copying(path, url)
      const over = finished(child)
      await Promise.race([
        until('so much is there', () => isThere(url, Math.floor(part * entries.length))),
        over,
      ])
      child.kill('SIGKILL')
      await over
      if (!(await isThere(url, 0))) continue
      wasUnfinished += 1
      await assert.rejects(
        open(t, url),
        (error) => error instanceof TrailError && error.code === 'trail-too-new',
      )
    }
    assert.ok(wasUnfinished > 0, 'some copy was cut off in the middle')
    const { code, stderr } = await copied(path, url)
    assert.equal(code, 0, stderr)
    assert.deepEqual(await allEntries(await open(t, url)), entries)
  })

  it('notices a copy that differs', async (t) => {
    const { path } = await file(t)
    const url = await newDatabase(t)
    await copied(path, url)
    await query(url, `UPDATE logout_trail.entries SET ip = '203.0.113.99' WHERE "index" = 7`)
    const { code, stderr } = await copied(path, url)
    assert.equal(code, 1)
    assert.match(stderr, /is not the same as the file: the entry 7 differs/)
  })

  it('refuses a file that a service writes, another trail, and what is no such place', async (t) => {
    const { path } = await file(t)
    const url = await newDatabase(t)
    await (await open(t, url)).append([logout(1)], NOON)
    assert.match((await copied(path, url)).stderr, /holds another trail/)
    const service = await openSqliteStore({ path, issuer: ISSUER })
    const { code, stderr } = await copied(path, await newDatabase(t))
    await service.close()
    assert.equal(code, 1)
    assert.match(stderr, /is used by|in use|another/i)
    const wrong = async (...args: string[]) => (await finished(runCli(['copy', ...args]))).stderr
    assert.match(await wrong('--from', url, '--to', url), /--from is not a file/)
    assert.match(await wrong('--from', `file:${path}`, '--to', 'file:x.db'), /--to is not a PostgreSQL/)
    assert.match(await wrong('--from', `file:${path}`), /--to is missing/)
    assert.match(await wrong('--from', `file:${path}.none`, '--to', url), /There is no trail at/)
  })
})
