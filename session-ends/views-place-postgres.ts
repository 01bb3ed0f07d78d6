/** The views in PostgreSQL as a whole: begun, brought to another version, and made anew. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { messageOf, TrailError } from '../trail/error.ts'
import { sqlState } from '../trail/postgres-client.ts'
import type { TrailReader } from '../trail/store.ts'
import { beginningOf, followAll, refuseRewound } from './follow.ts'
import { Views } from './views.ts'
import { INSUFFICIENT_PRIVILEGE, LOCK_NOT_AVAILABLE, ofRecords } from './views-errors-postgres.ts'
import { VIEWS_SCHEMA, viewsTables } from './views-postgres-schema.ts'
import {
  MAKE_NEXT,
  MAKE_UNLESS_THERE,
  NEXT_SCHEMA,
  REPLACE_BY_NEXT,
  versionStated,
} from './views-replace-postgres.ts'
import { viewsVersion } from './views-schema.ts'
import { postgresViewsStore, type ViewsLink } from './views-store-postgres.ts'
import type { Position } from './views-store.ts'

/**
 * Opens the views of this trail; begins them when there are none, or when they are of an older version.
 * @throws {TrailError} `trail-rewound`; `views-unusable` when they are of a newer version, or may not be made
 */
export async function openPostgresViews(given: ViewsLink, trail: TrailReader): Promise<Views> {
  const link = ofRecords(given)
  const beginning = await beginningOf(trail)
  await link.run((client) => begin(client, { beginning, link }))
  const views = await Views.of(postgresViewsStore(link))
  await refuseRewound(views.position, trail)
  return views
}

/** Begins them or brings them to this version, as the service would; says whether anything was to be done. They know no trail yet. */
export async function migratePostgresViews(link: ViewsLink): Promise<boolean> {
  return ofRecords(link).run(async (client) => {
    if (await areOfThisVersion(client)) return false
    await replace(client, MAKE_UNLESS_THERE, BY_ADMINISTRATOR)
    return true
  })
}

/** What an administrator may run instead; nothing changes when the tables are of this version already. `role`: of the service. */
export function viewsMigrationSql(role: string): string {
  return [
    `-- Session records, version ${viewsVersion}: those of another version are made anew from the trail.`,
    MAKE_UNLESS_THERE,
    '',
    ...viewsGrantsFor(role).map((grant) => `-- ${grant}`),
    '',
  ].join('\n')
}

/** For a role that neither makes nor drops them. */
export function viewsGrantsFor(role: string): string[] {
  return [
    `GRANT USAGE ON SCHEMA ${VIEWS_SCHEMA} TO ${role};`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${VIEWS_SCHEMA} TO ${role};`,
  ]
}

async function begin(
  client: Client,
  { beginning, link }: { beginning: Position; link: ViewsLink },
): Promise<void> {
  await client.query('BEGIN')
  await link.assertHeld(client)
  if (!(await areOfThisVersion(client))) await replace(client, MAKE_UNLESS_THERE, BY_ADMINISTRATOR)
  await addPosition(client, VIEWS_SCHEMA, beginning)
  await client.query('COMMIT')
}

/** Without a lock, for which nobody need wait who finds them as they should be. */
async function areOfThisVersion(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ version: number | null }>(`SELECT ${versionStated()} AS version`)
  return rows[0]?.version === viewsVersion
}

/** @throws {TrailError} `views-unusable` when what is there must not be replaced, or may not be by this role: `instead` says what to do */
async function replace(client: Client, text: string, instead: string): Promise<void> {
  try {
    await client.query(text)
  } catch (cause) {
    if (sqlState(cause) !== INSUFFICIENT_PRIVILEGE) throw cause
    const message = `The role of DATABASE_URL may not make the tables of the session records (${messageOf(cause)}); ${instead}.`
    throw new TrailError('views-unusable', message, { cause })
  }
}

const BY_ADMINISTRATOR = 'let an administrator run what `logout-trail migrate --print-sql` prints'
const BY_OWNER = 'run `logout-trail rebuild` as their owner, or as a superuser'

/** Unless there is one. */
async function addPosition(client: Client, schema: string, { trailId, epoch }: Position): Promise<void> {
  await client.query(
    `INSERT INTO ${schema}.position (one, version, trail_id, epoch, next_index, last_hash)
     VALUES (1, $1, $2, $3, 0, '') ON CONFLICT DO NOTHING`,
    [viewsVersion, trailId, epoch],
  )
}

export interface PostgresRebuilding {
  link: ViewsLink
  trail: TrailReader
  /** Nobody else rebuilds, and the tables could be made: what is to be done before the records are begun. */
  onceItCan?: (() => Promise<void>) | undefined
  /** Told again and again how many entries of how many are done. */
  onProgress?: (done: number, of: number) => void
  /** The new records are done, and somebody reads the old ones: told once. */
  onWait?: (() => void) | undefined
  /** How long that is waited for. */
  waitAtMostMs?: number
}

/** A dump takes minutes, and hours of a rebuild may lie behind. */
const WAIT_AT_MOST_MS = 600_000
const LOOK_AGAIN_MS = 500

/** Any number that nobody else has: for the length of a rebuild. */
const REBUILD_LOCK = 7_262_001

/**
 * Makes the views anew beside the old ones, which stay until it is done. Services may run meanwhile: whichever of them writes the old
 * ones finds the new, and goes on from there.
 * @throws {TrailError} `trail-locked` when another rebuild runs; `views-unusable` as above, before anything is done
 */
export async function rebuildPostgresViews(rebuilding: PostgresRebuilding): Promise<number> {
  const { trail, onceItCan, onProgress, onWait, waitAtMostMs = WAIT_AT_MOST_MS } = rebuilding
  const link = ofRecords(rebuilding.link)
  await link.run(async (client) => {
    await onlyOne(client)
    await replace(client, MAKE_NEXT, BY_OWNER)
  })
  await onceItCan?.()
  const beginning = await beginningOf(trail)
  await link.run((client) => addPosition(client, NEXT_SCHEMA, beginning))
  const views = await Views.of(postgresViewsStore(link, NEXT_SCHEMA))
  const done = await followAll(views, trail, onProgress)
  // Before anybody reads them: the planner knows nothing of new tables. And before they are locked: it takes seconds.
  await link.run((client) => client.query(`ANALYZE ${newTables.join(', ')}`))
  await onceNobodyReads({ link, waitAtMostMs, onWait }, () =>
    link.run(async (client) => {
      // Again: a connection that broke in between has given the lock back.
      await onlyOne(client)
      await replace(client, REPLACE_BY_NEXT, BY_OWNER)
      await client.query('SELECT pg_advisory_unlock_all()')
    }),
  )
  return done
}

interface Waiting {
  link: ViewsLink
  waitAtMostMs: number
  onWait: (() => void) | undefined
}

async function onceNobodyReads(waiting: Waiting, replace: () => Promise<void>): Promise<void> {
  const { link, waitAtMostMs, onWait } = waiting
  const deadline = performance.now() + waitAtMostMs
  let isTold = false
  for (;;) {
    try {
      await replace()
      return
    } catch (error) {
      const isRead = error instanceof TrailError && sqlState(error.cause) === LOCK_NOT_AVAILABLE
      if (!isRead || performance.now() >= deadline) throw error
      if (!isTold) onWait?.()
      isTold = true
      await readersEnd(link, deadline)
    }
  }
}

/** Those that read at this moment, and without a place in the queue: whoever comes next would have to wait behind that. */
async function readersEnd(link: ViewsLink, deadline: number): Promise<void> {
  let readers = await readersNow(link)
  while (readers.length > 0 && performance.now() < deadline) {
    await sleep(LOOK_AGAIN_MS)
    const now = new Set(await readersNow(link))
    readers = readers.filter((reader) => now.has(reader))
  }
}

/** Their transactions, each of which has a name of its own. */
async function readersNow(link: ViewsLink): Promise<string[]> {
  const { rows } = await link.run((client) =>
    client.query<{ reader: string }>(
      `SELECT DISTINCT virtualtransaction AS reader FROM pg_locks
       WHERE granted AND relation = to_regclass('${VIEWS_SCHEMA}.position')
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    ),
  )
  return rows.map(({ reader }) => reader)
}

const newTables = viewsTables.map((name) => `${NEXT_SCHEMA}.${name}`)

/** Until the lock is given back, or the connection ends. */
async function onlyOne(client: Client): Promise<void> {
  const { rows } = await client.query<{ ours: boolean }>(
    `SELECT pg_try_advisory_lock(${REBUILD_LOCK}) AS ours`,
  )
  if (!rows[0]?.ours) throw new TrailError('trail-locked', 'The session records are being rebuilt already.')
}
