import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import { before, describe, it, type TestContext } from 'node:test'
import { history } from '../../examples/demo/history.ts'
import { newDatabase, newRole } from '../../test/postgres.ts'
import { cutConnections, open, query } from '../../test/postgres-trails.ts'
import { temporaryFolder } from '../../test/service.ts'
import { inFile, newPath } from '../../test/trail-files.ts'
import { answeredToSweep, type Report, type SessionId } from '../entry.ts'
import { TrailError } from '../error.ts'
import { allEntries, duplicate, durable, ISSUER, logout, NOON, rejectsWith } from './conformance.ts'
import { copyToPostgres, type Copying } from './copy.ts'
import { linkOfCopy } from './copy-there.ts'
import { grantsFor, migrations, type Migration } from './postgres-migrations.ts'
import { migratePostgres } from './postgres-schema.ts'
import { openSqliteStore } from './sqlite.ts'
import { raiseEpoch } from './sqlite-reader.ts'

const reports = history({ until: NOON, days: 30, sessionsADay: 300 }).slice(0, 12_000)
/** The file is read in pages of 5000. */
const EARLIER = 6000

/** One trail in two states: with all reports, and as a backup of before has it. */
const folder = temporaryFolder()
const whole = `${folder}/trail.db`
const earlier = `${folder}/earlier.db`

before(async () => {
  await append(whole, reports.slice(0, EARLIER))
  cpSync(whole, earlier)
  await append(whole, reports.slice(EARLIER))
})

/** As a service would. */
async function append(path: string, some: readonly Report[]): Promise<void> {
  const store = await openSqliteStore({ path, issuer: ISSUER })
  for (let at = 0; at < some.length; at += 1000) await store.append(some.slice(at, at + 1000), NOON)
  await store.close()
}

function file(t: TestContext, of = whole): string {
  const path = newPath(t)
  cpSync(of, path)
  return path
}

/** A copy that is stopped when it has copied so many rows: entries, and then keys. */
async function stopped(from: string, to: string, rows: number): Promise<void> {
  const stop = new Error('stopped')
  const onProgress: Copying['onProgress'] = (_, done) => {
    if (done >= rows) throw stop
  }
  await assert.rejects(copyToPostgres({ from, to, onProgress }), stop)
}

const entriesIn = (url: string) => query(url, 'SELECT count(*)::integer AS n FROM logout_trail.entries')
const schemas = (url: string) => query(url, "SELECT 1 FROM pg_namespace WHERE nspname = 'logout_trail'")

/** All of the file is there, and each report is known. */
async function isThere(t: TestContext, path: string, url: string): Promise<void> {
  const [there, here] = [await open(t, url), await openSqliteStore({ path, issuer: ISSUER })]
  const entries = await allEntries(here)
  const { trailId, epoch } = await here.head()
  await here.close()
  assert.deepEqual(await allEntries(there), entries)
  const head = await there.head()
  assert.deepEqual([head.trailId, head.epoch], [trailId, epoch])
  const known = reports.slice(0, 5000)
  assert.deepEqual(
    await there.append(known, NOON),
    known.map((_, index) => duplicate(index)),
  )
  assert.deepEqual(await there.append([logout(1_000_000)], NOON), [durable(entries.length)])
}

describe('what PostgreSQL cannot hold', () => {
  const cases: [what: string, sql: string, message: RegExp][] = [
    [
      'the character NUL',
      `UPDATE entries SET city = 'Ber' || char(0) || 'lin' WHERE "index" = 7003`,
      /Entry 7003 of .*trail\.db holds the character NUL in city, .*nothing was copied.*stay with the file/,
    ],
    [
      'text that is no UTF-8',
      `UPDATE entries SET user_agent = CAST(x'61ff' AS TEXT) WHERE "index" = 11999`,
      /Entry 11999 of .* holds text that is no UTF-8 in user_agent/,
    ],
    [
      'halves of surrogate pairs',
      `UPDATE entries SET country = CAST(x'eda080' AS TEXT) WHERE "index" = 0`,
      /Entry 0 of .* holds text that is no UTF-8 in country/,
    ],
    [
      'a number that is not exact',
      `UPDATE entries SET token_iat = -9007199254740993 WHERE "index" = 5000`,
      /Entry 5000 of .* holds a number beyond 2\^53 in token_iat/,
    ],
  ]
  for (const [what, sql, message] of cases) {
    it(`is found before anything is written, and named: ${what}`, async (t) => {
      const [path, url] = [file(t), await newDatabase(t)]
      inFile(path, (db) => db.exec(sql))
      const refused = await rejectsWith('trail-unwritable', copyToPostgres({ from: path, to: url }))
      assert.match(refused.message, message)
      assert.deepEqual(await schemas(url), [])
    })
  }

  it('is not all other text, or the largest number', async (t) => {
    const [path, url] = [file(t), await newDatabase(t)]
    inFile(path, (db) =>
      db
        .prepare('UPDATE entries SET city = ?, session_expire_at = ? WHERE "index" = 3')
        .run('"\\{},NULL\u0001\u007f\n\t\ufffd\u{1f600}', Number.MAX_SAFE_INTEGER),
    )
    inFile(path, (db) => db.exec(`UPDATE entries SET city = '', country = 'NULL' WHERE "index" = 4`))
    await copyToPostgres({ from: path, to: url })
    await isThere(t, path, url)
  })

  it('is no trail without some of its entries', async (t) => {
    const [path, url] = [file(t), await newDatabase(t)]
    inFile(path, (db) => db.exec('DELETE FROM entries WHERE "index" = 9000'))
    await rejectsWith('trail-corrupt', copyToPostgres({ from: path, to: url }))
    assert.deepEqual(await schemas(url), [])
  })
})

describe('a copy that was stopped', () => {
  it('goes on, wherever that was', async (t) => {
    const [path, url] = [file(t), await newDatabase(t)]
    for (const rows of [5000, 10_000, 12_000, 17_000, 24_000]) await stopped(path, url, rows)
    await rejectsWith('trail-too-new', open(t, url))
    const { was, entries } = await copyToPostgres({ from: path, to: url })
    assert.deepEqual([was, entries], ['copied', reports.length])
    await isThere(t, path, url)
  })

  it('goes on after a service has used the file, whose new keys come before those that are there', async (t) => {
    for (const rows of [5000, 17_000]) {
      const [path, url] = [file(t), await newDatabase(t)]
      await stopped(path, url, rows)
      const sweep = answeredToSweep(NOON, { kind: 'session.expired', session_id: 'sess_early' as SessionId })
      await append(path, [sweep, logout(1), logout(2)])
      const { was, entries } = await copyToPostgres({ from: path, to: url })
      assert.deepEqual([was, entries], ['copied', reports.length + 3])
      await isThere(t, path, url)
    }
  })

  it('is refused with a file that was put back and has fewer entries', async (t) => {
    const url = await newDatabase(t)
    await stopped(file(t), url, 10_000)
    const refused = await rejectsWith('trail-foreign', copyToPostgres({ from: file(t, earlier), to: url }))
    assert.match(refused.message, /10000 entries of an unfinished copy, and the file 6000: another state/)
    assert.deepEqual(await entriesIn(url), [{ n: 10_000 }])
  })

  it('is refused with a file that was put back and went on with other entries', async (t) => {
    const url = await newDatabase(t)
    await stopped(file(t), url, 10_000)
    const path = file(t, earlier)
    await append(
      path,
      Array.from({ length: 7000 }, (_, n) => logout(n)),
    )
    for (const accepted of [false, true]) {
      if (accepted) raiseEpoch(path)
      const refused = await rejectsWith('trail-foreign', copyToPostgres({ from: path, to: url }))
      assert.match(refused.message, /another entry 6000 than the file, in an unfinished copy/)
      assert.deepEqual(await entriesIn(url), [{ n: 10_000 }])
    }
  })

  it('takes over that a restore was accepted, when it has nothing that the restored file has not', async (t) => {
    const url = await newDatabase(t)
    await stopped(file(t), url, 5000)
    const path = file(t, earlier)
    raiseEpoch(path)
    await copyToPostgres({ from: path, to: url })
    await isThere(t, path, url)
  })

  it('is refused with a file of before a restore was accepted', async (t) => {
    const [path, url] = [file(t), await newDatabase(t)]
    raiseEpoch(path)
    await stopped(path, url, 5000)
    const refused = await rejectsWith('trail-foreign', copyToPostgres({ from: file(t), to: url }))
    assert.match(refused.message, /unfinished copy of epoch 1, and the file is of epoch 0/)
  })
})

describe('a PostgreSQL that will not do', () => {
  it('has the trail with another key or issuer', async (t) => {
    const url = await newDatabase(t)
    await stopped(file(t), url, 5000)
    const [key, issuer] = [file(t), file(t)]
    inFile(key, (db) => db.exec('UPDATE trail SET trail_key = zeroblob(32)'))
    inFile(issuer, (db) => db.exec(`UPDATE trail SET issuer = 'https://clerk.example.org'`))
    for (const [from, message] of [
      [key, /another trail key than the file/],
      [issuer, /another issuer \(https:\/\/clerk\.example\.com\) than the file/],
    ] as const)
      assert.match((await rejectsWith('trail-foreign', copyToPostgres({ from, to: url }))).message, message)
    assert.deepEqual(await entriesIn(url), [{ n: 5000 }])
  })

  it('has a whole copy, and the file or that has been used since', async (t) => {
    const [path, url] = [file(t), await newDatabase(t)]
    await copyToPostgres({ from: path, to: url })
    const refused = async () =>
      (await rejectsWith('trail-foreign', copyToPostgres({ from: path, to: url }))).message
    await append(path, [logout(1)])
    assert.match(await refused(), /a service has used the file since/)
    await (await open(t, url)).append([logout(2), logout(3)], NOON)
    assert.match(await refused(), /a service has used the copy since/)
  })

  it('keeps its version when it holds another trail, or is to be brought up to date by a service first', async (t) => {
    const steps: Migration[] = [...migrations, { worksWith: 1, sql: 'CREATE TABLE logout_trail.more ();' }]
    const [path, another, copied] = [file(t), await newDatabase(t), await newDatabase(t)]
    await migratePostgres({ url: another, issuer: ISSUER })
    await rejectsWith('trail-foreign', copyToPostgres({ from: path, to: another, steps }))
    await copyToPostgres({ from: path, to: copied })
    await rejectsWith('trail-unreadable', copyToPostgres({ from: path, to: copied, steps }))
    for (const url of [another, copied])
      assert.deepEqual(await query(url, 'SELECT version FROM logout_trail.migrations'), [{ version: 1 }])
  })
})

describe('copies at once', () => {
  it('wait for each other, and none finds a false damage', async (t) => {
    const url = await newDatabase(t)
    const ends = await Promise.allSettled(
      [file(t), file(t), file(t)].map((from) => copyToPostgres({ from, to: url })),
    )
    for (const end of ends) {
      if (end.status === 'fulfilled') continue
      assert.ok(end.reason instanceof TrailError && end.reason.code === 'trail-locked', end.reason)
    }
    await isThere(t, whole, url)
  })

  it('are refused when the other takes long', async (t) => {
    const [path, url] = [file(t), await newDatabase(t)]
    const other = linkOfCopy(url)
    t.after(() => other.close())
    await other.run(async () => {
      const refused = await rejectsWith('trail-locked', copyToPostgres({ from: path, to: url }))
      assert.match(refused.message, /^Another copy into PostgreSQL at .* runs; wait/)
    })
    assert.deepEqual(await schemas(url), [])
  })

  it('cannot come in between: a connection that was lost is not made again', async (t) => {
    const url = await newDatabase(t)
    const link = linkOfCopy(url)
    t.after(() => link.close())
    await link.run(async () => undefined)
    await cutConnections(url)
    await assert.rejects(link.run((client) => client.query('SELECT 1')))
    const refused = await rejectsWith(
      'trail-unavailable',
      link.run((client) => client.query('SELECT 1')),
    )
    assert.match(refused.message, /was lost\. Run copy again/)
  })
})

describe('a copy that is whole', () => {
  it('is on the disk, whatever the database is set to, and what came before it needs not be', async (t) => {
    const path = file(t)
    for (const [set, used] of [
      ['off', 'on'],
      ['local', 'on'],
      ['remote_apply', 'remote_apply'],
    ] as const) {
      const url = await newDatabase(t)
      await migratePostgres({ url, issuer: null })
      await query(url, `ALTER DATABASE ${new URL(url).pathname.slice(1)} SET synchronous_commit = ${set}`)
      await query(url, NOTE_SETTINGS)
      await copyToPostgres({ from: path, to: url })
      const noted = await query(url, 'SELECT DISTINCT what, setting FROM noted ORDER BY what')
      assert.deepEqual(noted, [
        { what: 'entries', setting: 'off' },
        { what: 'trail', setting: used },
      ])
    }
  })

  it('may be empty', async (t) => {
    const [path, url] = [newPath(t), await newDatabase(t)]
    await append(path, [])
    for (const was of ['copied', 'already'])
      assert.equal((await copyToPostgres({ from: path, to: url })).was, was)
    assert.deepEqual(await (await open(t, url)).append([logout(0)], NOON), [durable(0)])
  })

  it('may take more partitions than are made at once', async (t) => {
    const [path, url] = [file(t), await newDatabase(t)]
    await copyToPostgres({ from: path, to: url, partitionSize: 500 })
    const [made] = await query(
      url,
      'SELECT count(*)::integer AS partitions, max(to_index)::integer AS reached FROM logout_trail.partitions',
    )
    assert.deepEqual(made, { partitions: 25, reached: 12_500 })
    await isThere(t, path, url)
  })

  it('is known to the planner', async (t) => {
    const url = await newDatabase(t)
    await copyToPostgres({ from: file(t), to: url })
    const known = await query(
      url,
      `SELECT relname, reltuples::integer AS rows FROM pg_class
       WHERE oid IN ('logout_trail.entries'::regclass, 'logout_trail.dedupe'::regclass) ORDER BY 1`,
    )
    assert.deepEqual(known, [
      { relname: 'dedupe', rows: reports.length },
      { relname: 'entries', rows: reports.length },
    ])
  })

  it('can be made by a role that owns nothing', async (t) => {
    const admin = await newDatabase(t)
    await migratePostgres({ url: admin, issuer: null })
    const { role, url } = await newRole(t, admin)
    await query(admin, grantsFor(role))
    const path = file(t)
    await copyToPostgres({ from: path, to: url })
    await isThere(t, path, url)
  })

  it('tells how far it is: rows copied, and then compared', async (t) => {
    const told: Record<string, number[]> = { copied: [], compared: [] }
    const onProgress: Copying['onProgress'] = (what, done, of) => {
      assert.equal(of, 2 * reports.length)
      told[what]?.push(done)
    }
    await copyToPostgres({ from: file(t), to: await newDatabase(t), onProgress })
    const pages = [5000, 10_000, 12_000, 17_000, 22_000, 24_000]
    assert.deepEqual(told, { copied: pages, compared: pages })
  })
})

/** With which durability entries are written, and the trail row at last. */
const NOTE_SETTINGS = `
  CREATE TABLE noted (what text, setting text);
  CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO public.noted VALUES (tg_argv[0], current_setting('synchronous_commit')); RETURN NULL;
  END $$;
  CREATE TRIGGER noted AFTER INSERT ON logout_trail.entries FOR EACH STATEMENT EXECUTE FUNCTION note('entries');
  CREATE TRIGGER noted AFTER UPDATE OF works_with ON logout_trail.trail FOR EACH STATEMENT EXECUTE FUNCTION note('trail');`
