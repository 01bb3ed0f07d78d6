import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { newDatabase, newRole } from '../../test/postgres.ts'
import { cutConnections, open, query, until } from '../../test/postgres-trails.ts'
import {
  allEntries,
  duplicate,
  durable,
  ISSUER,
  logout,
  NOON,
  rejectsWith,
  sessionsIn,
} from './conformance.ts'
import { grantsFor, migrations, migrationSql, schemaVersion, type Migration } from './postgres-migrations.ts'
import { openPostgresReader } from './postgres-reader.ts'
import { migratePostgres } from './postgres-schema.ts'
import { openPostgresStore } from './postgres.ts'

/** The next version of the schema, as a newer program would have it. */
const withNote = (worksWith: number): Migration[] => [
  ...migrations,
  { worksWith, sql: 'ALTER TABLE logout_trail.entries ADD COLUMN note text;' },
]

const versions = (url: string) =>
  query(url, 'SELECT version, works_with FROM logout_trail.migrations ORDER BY version')

describe('what an administrator runs', () => {
  it('makes the schema, so that a role with the GRANTs it names, and nothing else, is enough', async (t) => {
    const admin = await newDatabase(t)
    await query(admin, migrationSql())
    const { role, url } = await newRole(t, admin)
    assert.ok(migrationSql().includes(grantsFor('logout_trail_service').replaceAll(/^/gm, '-- ')))
    await query(admin, grantsFor(role))
    const store = await open(t, url, { partitionSize: 100 })
    for (let n = 0; n < 30; n += 3)
      await store.append(
        [n, n + 1, n + 2].map((at) => logout(at)),
        NOON,
      )
    await store.check()
    assert.equal((await allEntries(store)).length, 30)
    await assert.rejects(query(url, 'DELETE FROM logout_trail.entries'), /permission denied/)
    await assert.rejects(query(url, 'UPDATE logout_trail.entries SET kind = $1', ['x']), /permission denied/)
    await assert.rejects(query(url, 'SELECT * FROM logout_trail.partitions'), /permission denied/)
    await assert.rejects(query(url, 'CREATE TABLE logout_trail.mine ()'), /permission denied/)
  })

  it('is the same schema that the service makes', async (t) => {
    const columns = `SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
      WHERE table_schema = 'logout_trail' ORDER BY 1, ordinal_position`
    const [byHand, byService] = [await newDatabase(t), await newDatabase(t)]
    await query(byHand, migrationSql())
    await migratePostgres({ url: byService, issuer: ISSUER })
    assert.deepEqual(await query(byHand, columns), await query(byService, columns))
    await assert.rejects(query(byHand, migrationSql()), /already exists/)
  })

  it('may go on from the version that is there', async (t) => {
    assert.doesNotMatch(migrationSql(schemaVersion), /CREATE/)
    const url = await newDatabase(t)
    await migratePostgres({ url, issuer: ISSUER })
    await query(url, migrationSql(schemaVersion))
    assert.equal((await versions(url)).length, schemaVersion)
  })
})

describe('migrating', () => {
  it('is done once by processes that start at once', async (t) => {
    const url = await newDatabase(t)
    const steps = withNote(1)
    await Promise.all([0, 1, 2, 3].map(() => migratePostgres({ url, issuer: ISSUER, steps })))
    assert.deepEqual(await versions(url), [
      { version: 1, works_with: 1 },
      { version: 2, works_with: 1 },
    ])
  })

  it('keeps what is there, and the services that run', async (t) => {
    const url = await newDatabase(t)
    const store = await open(t, url)
    await store.append([logout(0)], NOON)
    const { trailId } = await store.head()
    await migratePostgres({ url, issuer: ISSUER, steps: withNote(1) })
    assert.deepEqual(await store.append([logout(0), logout(1)], NOON), [duplicate(0), durable(1)])
    const head = await (await open(t, url)).head()
    assert.deepEqual([head.trailId, head.nextIndex, head.schemaVersion], [trailId, 2, 2])
    assert.ok((await allEntries(store)).every((entry) => !('note' in entry)))
  })

  it('leaves everything as it was when a step fails', async (t) => {
    const url = await newDatabase(t)
    const broken: Migration[] = [...withNote(1), { worksWith: 3, sql: 'SELECT 1 / 0;' }]
    await rejectsWith('trail-unwritable', migratePostgres({ url, issuer: ISSUER, steps: broken }))
    assert.deepEqual(await query(url, "SELECT 1 FROM pg_namespace WHERE nspname = 'logout_trail'"), [])
    const store = await open(t, url)
    await rejectsWith('trail-unwritable', migratePostgres({ url, issuer: ISSUER, steps: broken }))
    assert.deepEqual(await store.append([logout(0)], NOON), [durable(0)])
    assert.equal((await versions(url)).length, 1)
  })

  it('that is needed and not allowed is refused with what to do', async (t) => {
    const admin = await newDatabase(t)
    await migratePostgres({ url: admin, issuer: ISSUER })
    const { role, url } = await newRole(t, admin)
    await query(admin, grantsFor(role))
    const refused = migratePostgres({ url, issuer: ISSUER, steps: withNote(1) })
    assert.match(
      (await rejectsWith('trail-unwritable', refused)).message,
      /of version 2, .*migrate --print-sql/,
    )
    await migratePostgres({ url, issuer: ISSUER })
  })
})

describe('an old program beside a newer schema', () => {
  it('that needs a newer one is refused, whether it starts, runs or reads', async (t) => {
    const url = await newDatabase(t)
    const store = await open(t, url)
    await store.append([logout(0)], NOON)
    await migratePostgres({ url, issuer: ISSUER, steps: withNote(2) })
    const running = await rejectsWith('trail-too-new', store.append([logout(1)], NOON))
    assert.match(running.message, /needs programs of version 2 and newer; this one has 1/)
    const reconnected = await rejectsWith('trail-too-new', store.append([logout(1)], NOON))
    assert.match(reconnected.message, /has schema version 2, which programs of version 2 .* this one has 1/)
    await rejectsWith('trail-too-new', store.check())
    await rejectsWith('trail-too-new', openPostgresStore({ url, issuer: ISSUER }))
    await rejectsWith('trail-too-new', openPostgresReader(url))
    assert.equal((await query(url, 'SELECT 1 FROM logout_trail.entries')).length, 1)
  })
})

describe('a schema of that name', () => {
  it('of another program is refused and left as it is', async (t) => {
    for (const table of ['trail (one integer)', 'something (id integer)']) {
      const url = await newDatabase(t)
      await query(url, `CREATE SCHEMA logout_trail; CREATE TABLE logout_trail.${table}`)
      await rejectsWith('trail-foreign', openPostgresStore({ url, issuer: ISSUER }))
      await rejectsWith('trail-foreign', openPostgresReader(url))
      const relations = `SELECT count(*)::integer AS n FROM pg_class WHERE relnamespace = 'logout_trail'::regnamespace`
      assert.deepEqual(await query(url, relations), [{ n: 1 }])
    }
  })

  it('that is empty, as an administrator may have made it, is used', async (t) => {
    const admin = await newDatabase(t)
    const { role, url } = await newRole(t, admin)
    await query(admin, `CREATE SCHEMA logout_trail AUTHORIZATION ${role}`)
    const store = await open(t, url)
    assert.deepEqual(await store.append([logout(0)], NOON), [durable(0)])
  })
})

describe('a reader', () => {
  it('reads beside the services, by page and by index, and survives a cut connection', async (t) => {
    const url = await newDatabase(t)
    await rejectsWith('trail-unreadable', openPostgresReader(url))
    const store = await open(t, url)
    const reader = await openPostgresReader(url)
    t.after(() => reader.close())
    await store.append(
      [0, 1, 2, 3].map((n) => logout(n)),
      NOON,
    )
    assert.deepEqual(await reader.read(1, 10), (await allEntries(store)).slice(2))
    const at = await reader.at([3, 0, 99, 1])
    assert.deepEqual(
      at,
      await Promise.all([3, 0, 1].map(async (index) => (await store.read(index - 1, 1))[0])),
    )
    assert.deepEqual(await reader.head(), await store.head())
    await cutConnections(url)
    await until('it reads again', () =>
      reader.read(-1, 1).then(
        () => true,
        () => false,
      ),
    )
    assert.equal((await sessionsIn(store)).length, 4)
  })
})
