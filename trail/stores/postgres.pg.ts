import assert from 'node:assert/strict'
import { after, before, describe, it, type TestContext } from 'node:test'
import {
  inDatabase,
  newDatabase,
  newRole,
  startPostgres,
  withDatabase,
  type PostgresServer,
} from '../../test/postgres.ts'
import { networkTo, open, query, until } from '../../test/postgres-trails.ts'
import type { AppendResult, TrailStore } from '../store.ts'
import {
  allEntries,
  describeTrailStore,
  duplicate,
  durable,
  ISSUER,
  logout,
  NOON,
  rejectsWith,
  sessionsIn,
} from './conformance.ts'
import { dedupeKey } from './dedupe-key.ts'
import type { ServerSettings } from './postgres-server.ts'
import { migratePostgres, raisePostgresEpoch } from './postgres-schema.ts'
import { grantsFor } from './postgres-migrations.ts'
import { openPostgresStore } from './postgres.ts'

describeTrailStore('PostgreSQL', (t) => {
  const database = newDatabase(t)
  return {
    open: async (issuer = ISSUER) => open(t, await database, { issuer }),
    eraseSubject: async (index) => {
      const erase = 'SET session_id = NULL, user_id = NULL, client_id = NULL'
      const where = 'WHERE "index" = $1 RETURNING 1'
      const erased = await query(await database, `UPDATE logout_trail.entries ${erase} ${where}`, [index])
      assert.equal(erased.length, 1)
    },
    takeAway: async () => {
      await query(await database, 'ALTER SCHEMA logout_trail RENAME TO away')
      return async () => {
        await query(await database, 'ALTER SCHEMA away RENAME TO logout_trail')
      }
    },
  }
})

/** Appends sessions `from` to `to` in batches of `size`, several at once, and answers what each was answered. */
async function appendAll(store: TrailStore, { from = 0, to = 0, size = 1 }): Promise<AppendResult[]> {
  const batches = Array.from({ length: Math.ceil((to - from) / size) }, (_, b) =>
    Array.from({ length: Math.min(size, to - from - b * size) }, (_, n) => logout(from + b * size + n)),
  )
  return (await Promise.all(batches.map((batch) => store.append(batch, NOON)))).flat()
}

describe('several stores on one trail', () => {
  it('give out every index once, and each report is durable in one of them', async (t) => {
    const url = await newDatabase(t)
    const stores = await Promise.all([0, 1, 2].map(() => open(t, url)))
    // Each shares a third of its sessions with the next.
    const ranges = [0, 1, 2].map((n) => ({ from: n * 200, to: n * 200 + 300, size: 7 }))
    const answers = await Promise.all(
      stores.map((store, n) => appendAll(store, ranges[n] ?? assert.fail('a range'))),
    )
    const [store] = stores as [TrailStore]
    const entries = await allEntries(store)
    assert.equal(entries.length, 700)
    const durables = new Set<number>()
    for (const [n, results] of answers.entries()) {
      for (const [at, answer] of results.entries()) {
        assert.ok(answer.result !== 'rejected')
        assert.equal(entries[answer.index]?.session_id, `sess_${n * 200 + at}`)
        if (answer.result !== 'durable') continue
        assert.ok(!durables.has(answer.index), `entry ${answer.index} was durable twice`)
        durables.add(answer.index)
      }
    }
    assert.equal(durables.size, 700)
  })

  it('may be opened at once, also in a database that has nothing yet', async (t) => {
    const url = await newDatabase(t)
    const stores = await Promise.all([0, 1, 2, 3].map(() => open(t, url)))
    const heads = await Promise.all(stores.map((store) => store.head()))
    assert.equal(new Set(heads.map((head) => head.trailId)).size, 1)
  })
})

describe('text that PostgreSQL cannot hold', () => {
  it('fails alone, and names its column', async (t) => {
    const store = await open(t, await newDatabase(t))
    const bad = { user_agent: 'Mozilla\u0000' }
    const [first, second, third] = await store.append([logout(0), logout(1, bad), logout(2)], NOON)
    assert.deepEqual([first, third], [durable(0), durable(1)])
    assert.deepEqual(second, { result: 'rejected', reason: 'user_agent holds the character NUL' })
  })

  it('is what an array of PostgreSQL writes specially, and comes back as it was', async (t) => {
    const store = await open(t, await newDatabase(t))
    const texts = ['"', '\\', '\\\\"', '{a,b}', 'NULL', 'null', '', ' ', ',', '\n\t\r', "'", '$1', '会話 🗝️']
    await store.append(
      texts.map((city, n) => logout(n, { city })),
      NOON,
    )
    assert.deepEqual(
      (await allEntries(store)).map((entry) => entry.city),
      texts,
    )
  })
})

describe('the key of a report', () => {
  it('is the one that a trail in SQLite would have with the same trail key', async (t) => {
    const url = await newDatabase(t)
    await (await open(t, url)).append([logout(7)], NOON)
    const [row] = await query(
      url,
      'SELECT d.key, t.trail_key FROM logout_trail.dedupe d, logout_trail.trail t',
    )
    assert.deepEqual(row?.['key'], dedupeKey(row?.['trail_key'] as Buffer, logout(7)))
  })
})

describe('partitions', () => {
  const names = async (url: string) =>
    (await query(url, `SELECT inhrelid::regclass::text AS name FROM pg_inherits ORDER BY inhrelid`))
      .map((row) => String(row['name']))
      .filter((name) => !name.endsWith('pkey'))

  it('are made ahead of need, by whoever appends, and hold all indexes without a gap', async (t) => {
    const url = await newDatabase(t)
    const stores = [await open(t, url, { partitionSize: 20 }), await open(t, url, { partitionSize: 20 })]
    for (let n = 0; n < 100; n += 5) {
      await Promise.all(
        stores.map((store, s) => appendAll(store, { from: s * 100 + n, to: s * 100 + n + 5, size: 5 })),
      )
      const next = n * 2 + 10
      await until('a partition is ready', async () => (await names(url)).length * 20 >= next + 10)
    }
    const [store] = stores as [TrailStore]
    assert.equal((await allEntries(store)).length, 200)
    const [largest] = await query(
      url,
      'SELECT max(n) FROM (SELECT count(*) AS n FROM logout_trail.entries GROUP BY tableoid) AS each',
    )
    assert.equal(largest?.['max'], '20')
  })

  it('are made while others read, and while others append', async (t) => {
    const url = await newDatabase(t)
    await open(t, url, { partitionSize: 10 })
    await inDatabase(url, async (client) => {
      await client.query('BEGIN')
      await client.query('SELECT count(*) FROM logout_trail.entries')
      await client.query(
        `INSERT INTO logout_trail.entries ("index", kind, source, occurred_at, recorded_at) VALUES (0, 'a', 'b', 0, 0)`,
      )
      await query(url, "SET lock_timeout = '1s'; SELECT logout_trail.add_partitions(25, 10)")
      assert.equal((await names(url)).length, 3)
      await client.query('ROLLBACK')
    })
  })

  it('that cannot be made are told of before they are needed; when they can be, appends go on', async (t) => {
    const admin = await newDatabase(t)
    const { role, url } = await newRole(t, admin)
    await migratePostgres({ url: admin, issuer: ISSUER })
    await query(admin, grantsFor(role))
    const troubles: unknown[] = []
    const store = await open(t, url, { partitionSize: 10, onTrouble: (error) => troubles.push(error) })
    const execute = 'EXECUTE ON FUNCTION logout_trail.add_partitions'
    await query(admin, `REVOKE ${execute} FROM ${role}`)
    await appendAll(store, { from: 0, to: 10, size: 10 })
    await until('the trouble is told', () => troubles.length > 0)
    assert.match(String(troubles[0]), /permission denied for function add_partitions/)
    await rejectsWith('trail-unwritable', store.append([logout(10)], NOON))
    await query(admin, `GRANT ${execute} TO ${role}`)
    await until('there is room', () =>
      store.append([logout(10)], NOON).then(
        () => true,
        () => false,
      ),
    )
    assert.equal((await sessionsIn(store)).length, 11)
  })
})

describe('what was durable and is gone', () => {
  const takeBack = (url: string, from: number) =>
    query(
      url,
      `WITH entry AS (DELETE FROM logout_trail.entries WHERE "index" >= ${from})
       DELETE FROM logout_trail.dedupe WHERE "index" >= ${from}`,
    )

  it('is noticed before anything is written, also when others went on from there', async (t) => {
    for (const others of [0, 1, 5]) {
      const url = await newDatabase(t)
      const store = await open(t, url)
      await appendAll(store, { from: 0, to: 10, size: 5 })
      await takeBack(url, 8)
      const other = await open(t, url)
      await appendAll(other, { from: 100, to: 100 + others })
      const error = await rejectsWith('trail-rewound', store.append([logout(10)], NOON))
      assert.match(error.message, /entry 9 of epoch 0, which was durable, is not there any more/)
      await rejectsWith('trail-rewound', store.check())
      assert.equal((await sessionsIn(other)).length, 8 + others)
    }
  })

  it('is noticed also by a process that was only told of a duplicate of it', async (t) => {
    const url = await newDatabase(t)
    const store = await open(t, url)
    const other = await open(t, url)
    await other.append([logout(0), logout(1)], NOON)
    assert.deepEqual(await store.append([logout(1)], NOON), [duplicate(1)])
    await takeBack(url, 1)
    const error = await rejectsWith('trail-rewound', store.append([logout(2)], NOON))
    assert.match(error.message, /entry 1 of epoch 0, which was durable, is not there any more/)
    await rejectsWith('trail-rewound', store.check())
    assert.deepEqual(await sessionsIn(store), ['sess_0'])
  })

  it('is accepted by a raised epoch, without a restart', async (t) => {
    const url = await newDatabase(t)
    const store = await open(t, url)
    await appendAll(store, { from: 0, to: 10, size: 5 })
    await takeBack(url, 8)
    await rejectsWith('trail-rewound', store.append([logout(10)], NOON))
    await raisePostgresEpoch(url)
    assert.deepEqual(await store.append([logout(10), logout(0), logout(9)], NOON), [
      durable(8),
      duplicate(0),
      durable(9),
    ])
    assert.equal((await store.head()).epoch, 1)
  })

  it('is accepted for those too that lost nothing, whose next append is recorded at once', async (t) => {
    const url = await newDatabase(t)
    const store = await open(t, url)
    await store.append([logout(0)], NOON)
    await raisePostgresEpoch(url)
    assert.deepEqual(await store.append([logout(1), logout(0)], NOON), [durable(1), duplicate(0)])
  })

  it('is noticed at the start when its database was copied, or a dump was read in, until it is accepted', async (t) => {
    const url = await newDatabase(t)
    const store = await open(t, url)
    await store.append([logout(0)], NOON)
    await store.close()
    const copied = await newDatabase(t)
    const [from, to] = [url, copied].map((one) => new URL(one).pathname.slice(1))
    await query(withDatabase(url, 'postgres'), `DROP DATABASE ${to}`)
    await query(withDatabase(url, 'postgres'), `CREATE DATABASE ${to} TEMPLATE ${from}`)
    // As pg_restore does: the same rows, in a table of its own.
    await query(
      url,
      `CREATE TABLE logout_trail.again (LIKE logout_trail.trail INCLUDING ALL);
       INSERT INTO logout_trail.again SELECT * FROM logout_trail.trail;
       DROP TABLE logout_trail.trail; ALTER TABLE logout_trail.again RENAME TO trail`,
    )
    for (const one of [url, copied]) {
      const error = await rejectsWith('trail-rewound', openPostgresStore({ url: one, issuer: ISSUER }))
      assert.match(error.message, /read in from a dump, or its database was copied.*rebuild --accept-restore/)
      await raisePostgresEpoch(one)
      const again = await open(t, one)
      assert.deepEqual(await again.append([logout(1), logout(0)], NOON), [durable(1), duplicate(0)])
    }
  })

  it('stays at home when its tables are written anew', async (t) => {
    const url = await newDatabase(t)
    const store = await open(t, url)
    await store.append([logout(0)], NOON)
    await store.close()
    await query(url, 'VACUUM FULL logout_trail.trail')
    assert.deepEqual(await (await open(t, url)).append([logout(1)], NOON), [durable(1)])
  })

  it('is noticed by an epoch that went back', async (t) => {
    const url = await newDatabase(t)
    await migratePostgres({ url, issuer: ISSUER })
    await raisePostgresEpoch(url)
    const store = await open(t, url)
    await query(url, 'UPDATE logout_trail.trail SET epoch = 0')
    await rejectsWith('trail-rewound', store.append([logout(0)], NOON))
    await rejectsWith('trail-rewound', store.check())
  })

  it('is noticed by another trail in the place of the one that was open', async (t) => {
    const url = await newDatabase(t)
    const store = await open(t, url)
    await query(url, 'DROP SCHEMA logout_trail CASCADE')
    await rejectsWith('trail-replaced', store.append([logout(0)], NOON))
    await open(t, url)
    await rejectsWith('trail-replaced', store.append([logout(0)], NOON))
    await rejectsWith('trail-replaced', store.check())
  })

  it('is hinted at by another timeline or another server than the trail knew', async (t) => {
    const url = await newDatabase(t)
    const told: ServerSettings[] = []
    const opened = () => open(t, url, { onOpen: (settings) => told.push(settings) })
    await opened()
    await query(url, 'UPDATE logout_trail.trail SET timeline = 7')
    await opened()
    await opened()
    assert.deepEqual(
      told.map(({ movedFrom }) => movedFrom?.timeline ?? null),
      [null, 7, null],
    )
    assert.equal(told[0]?.timeline, 1)
  })
})

describe('a server that does not tell which one it is', () => {
  // Its own: only a superuser may change the catalogue.
  let server: PostgresServer
  before(async () => {
    server = await startPostgres()
    await query(server.url, "CREATE ROLE service LOGIN PASSWORD 'of the role'")
  })
  after(() => server.end())

  const opensWith = async (t: TestContext, changed: string) => {
    const admin = await newDatabase(t, server)
    await migratePostgres({ url: admin, issuer: ISSUER })
    await query(admin, `${grantsFor('service')} ${changed}`)
    const url = Object.assign(new URL(admin), { username: 'service', password: 'of the role' }).href
    const told: ServerSettings[] = []
    const store = await open(t, url, { onOpen: (settings) => told.push(settings) })
    assert.deepEqual(await store.append([logout(0)], NOON), [durable(0)])
    assert.deepEqual(
      told.map(({ systemId, timeline, movedFrom }) => [systemId, timeline, movedFrom]),
      [[null, null, null]],
    )
  }

  it('will do when the role may not ask', async (t) => {
    await opensWith(t, 'REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC')
  })

  it('will do when the role may ask, and the server refuses all the same', async (t) => {
    await opensWith(
      t,
      `ALTER FUNCTION pg_catalog.pg_walfile_name(pg_lsn) RENAME TO pg_walfile_name_before;
       CREATE FUNCTION pg_catalog.pg_walfile_name(pg_lsn) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
         RAISE EXCEPTION 'not supported here' USING ERRCODE = 'feature_not_supported';
       END $$`,
    )
  })
})

describe('an answer', () => {
  it('means that the disk has it, whatever the role and the server are set to', async (t) => {
    // So lazy that nobody else writes the log out meanwhile.
    const server = await startPostgres({ settings: ['wal_writer_delay=10s', 'synchronous_commit=off'] })
    t.after(() => server.end())
    const url = await newDatabase(t, server)
    await query(url, 'CREATE TABLE control (n integer)')
    const store = await open(t, url)
    const isFlushed = async (commit: () => Promise<unknown>) => {
      await query(url, 'CHECKPOINT')
      await commit()
      const [row] = await query(
        url,
        'SELECT pg_current_wal_flush_lsn() >= pg_current_wal_insert_lsn() AS flushed',
      )
      return row?.['flushed']
    }
    assert.equal(await isFlushed(() => query(url, 'INSERT INTO control VALUES (1)')), false)
    assert.equal(await isFlushed(() => store.append([logout(0)], NOON)), true)
    assert.equal(await isFlushed(() => store.check()), true)
  })

  it('is waited for as `on` says where less is set, and as `remote_apply` where that is', async (t) => {
    const url = await newDatabase(t)
    await open(t, url)
    await query(url, NOTE_SETTINGS)
    for (const [set, used] of [
      ['off', 'on'],
      ['local', 'on'],
      ['remote_write', 'on'],
      ['on', 'on'],
      ['remote_apply', 'remote_apply'],
    ] as const) {
      await query(url, `ALTER DATABASE ${new URL(url).pathname.slice(1)} SET synchronous_commit = ${set}`)
      const store = await open(t, url)
      await query(url, 'DELETE FROM noted')
      await store.append([logout(0, { naturalKey: set })], NOON)
      await store.check()
      assert.deepEqual(
        await query(url, 'SELECT what, setting FROM noted ORDER BY n'),
        [
          { what: 'append', setting: used },
          { what: 'check', setting: used },
        ],
        set,
      )
    }
  })

  it('that was lost after the commit is asked for again safely: the report is a duplicate', async (t) => {
    const url = await newDatabase(t)
    const network = await networkTo(t, url)
    const store = await open(t, network.url)
    await store.append([logout(0)], NOON)
    network.is = 'deaf'
    const lost = rejectsWith('trail-unavailable', store.append([logout(1), logout(2)], NOON))
    await until('the database has answered', () => network.lost > 0)
    network.is = 'open'
    network.cut()
    await lost
    assert.deepEqual(await store.append([logout(1), logout(2), logout(3)], NOON), [
      duplicate(1),
      duplicate(2),
      durable(3),
    ])
    assert.equal((await sessionsIn(store)).length, 4)
  })

  it('is not confused by a role whose transactions see the past', async (t) => {
    const admin = await newDatabase(t)
    const { role, url } = await newRole(t, admin)
    await migratePostgres({ url: admin, issuer: ISSUER })
    await query(
      admin,
      `${grantsFor(role)} ALTER ROLE ${role} SET default_transaction_isolation = 'serializable'`,
    )
    const stores = [await open(t, url), await open(t, url)] as const
    await Promise.all(stores.map((store, n) => appendAll(store, { from: n * 50, to: n * 50 + 100, size: 5 })))
    assert.equal((await sessionsIn(stores[0])).length, 150)
  })
})

/** With which durability keys are written, and the moment of a check. */
const NOTE_SETTINGS = `
  CREATE TABLE noted (n serial, what text, setting text);
  CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO public.noted (what, setting) VALUES (tg_argv[0], current_setting('synchronous_commit')); RETURN NULL;
  END $$;
  CREATE TRIGGER noted AFTER INSERT ON logout_trail.dedupe FOR EACH STATEMENT EXECUTE FUNCTION note('append');
  CREATE TRIGGER noted AFTER UPDATE OF checked_at ON logout_trail.trail FOR EACH STATEMENT EXECUTE FUNCTION note('check');`
