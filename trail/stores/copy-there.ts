/**
 * The PostgreSQL that a trail is copied into: one copy at a time, refused when there is anything but this trail, and opened to services
 * when it is whole.
 */
import type { Client } from 'pg'
import { TrailError } from '../error.ts'
import { sqlState } from '../postgres-client.ts'
import { PostgresLink, withoutWarning } from './postgres-link.ts'
import { checkServer, foundVersion } from './postgres-schema.ts'
import type { TrailRow } from './sqlite-schema.ts'

/** Of a program that will never be: no service starts on it. */
const UNFINISHED = 2_147_483_647
/** Any number that nobody else has. */
const COPY_LOCK = 7_310_868_735_441_894
/** Until a copy that was killed has lost it: its last statement goes on without it. */
const LOCK_WITHIN_MS = 5000
/** Partitions of many entries take their time. */
const ANSWER_WITHIN_MS = 600_000

/**
 * One connection, which has the lock for as long as it lasts; it is not made again. What is committed over it may wait for `finish` to
 * be on the disk.
 */
export function linkOfCopy(url: string): PostgresLink {
  let was = false
  const link: PostgresLink = new PostgresLink({
    url,
    use: 'write',
    answerWithinMs: ANSWER_WITHIN_MS,
    onConnect: async (client) => {
      // With the connection the lock was lost: another copy may have been here since.
      if (was) throw lost(link.place)
      await checkServer(client, link.place, 'write')
      await lock(client, link.place)
      await client.query('SET synchronous_commit = off')
      was = true
    },
  })
  return link
}

function lost(place: string): TrailError {
  return new TrailError(
    'trail-unavailable',
    `The connection to ${place} was lost. Run copy again: it goes on where it was.`,
  )
}

/** @throws {TrailError} `trail-locked` */
async function lock(client: Client, place: string): Promise<void> {
  try {
    await client.query(`SET lock_timeout = ${LOCK_WITHIN_MS}`)
    await client.query('SELECT pg_advisory_lock($1)', [COPY_LOCK])
    await client.query('RESET lock_timeout')
  } catch (cause) {
    if (sqlState(cause) !== NOT_IN_TIME) throw cause
    const message = `Another copy into ${place} runs; wait until it has ended, and run this one again.`
    throw new TrailError('trail-locked', message, { cause })
  }
}

const NOT_IN_TIME = '55P03'

/** A trail that is there, and fits the file as far as one sees without reading its entries. */
export interface There {
  state: 'unfinished' | 'whole'
  entries: number
}

export interface Comparing {
  /** Of the file. */
  trail: TrailRow
  place: string
  /** The version of the schema that this program knows. */
  known: number
}

/**
 * Null: there is no trail yet. Changes nothing.
 * @throws {TrailError} when there is anything but this trail, or it was used since
 */
export async function lookThere(client: Client, { trail, place, known }: Comparing): Promise<There | null> {
  const version = await foundVersion(client, { place, known })
  if (version === 0) return null
  const { rows } = await client.query<RowThere>(ROW)
  const [found] = rows
  if (!found) return null
  refuseAnother(found, trail, place)
  if (found.works_with === UNFINISHED) {
    refuseEarlierFile(found, trail, place)
    return { state: 'unfinished', entries: found.entries }
  }
  refuseUsed(found, trail, place)
  if (version >= known) return { state: 'whole', entries: found.entries }
  throw new TrailError(
    'trail-unreadable',
    `${place} has a whole copy of an older version; start a service on it once, and then compare it again.`,
  )
}

interface RowThere {
  trail_id: string
  trail_key: Uint8Array
  issuer: string
  epoch: number
  works_with: number
  entries: number
}

const ROW = `
  SELECT trail_id, trail_key, issuer, epoch, works_with,
         coalesce((SELECT "index" + 1 FROM logout_trail.entries ORDER BY "index" DESC LIMIT 1), 0) AS entries
  FROM logout_trail.trail`

function refuseAnother(found: RowThere, trail: TrailRow, place: string): void {
  if (found.trail_id !== trail.trailId)
    throw foreign(`${place} holds another trail, ${found.trail_id}; copy into an empty database.`)
  const another = Buffer.compare(found.trail_key, trail.trailKey) === 0 ? null : 'trail key'
  const what = found.issuer === trail.issuer ? another : `issuer (${found.issuer})`
  if (what !== null)
    throw foreign(
      `${place} holds trail ${trail.trailId} with another ${what} than the file; copy into an empty database.`,
    )
}

/** What is there came from a later state of the file than this one. */
function refuseEarlierFile(found: RowThere, trail: TrailRow, place: string): void {
  const { epoch, nextIndex } = trail
  if (found.entries > nextIndex)
    throw putBack(
      place,
      `${place} has ${found.entries} entries of an unfinished copy, and the file ${nextIndex}`,
    )
  if (found.epoch > epoch)
    throw putBack(
      place,
      `${place} has an unfinished copy of epoch ${found.epoch}, and the file is of epoch ${epoch}`,
    )
}

/** The file was restored between two runs of copy: two states of it are never mixed. */
export function putBack(place: string, why: string): TrailError {
  return foreign(
    `${why}: another state of the file was put in its place since. Copy into an empty database, or rename the schema logout_trail of ${place} first.`,
  )
}

function refuseUsed(found: RowThere, { epoch, nextIndex }: TrailRow, place: string): void {
  const counts = `${place} has ${found.entries} entries, and the file ${nextIndex}`
  const epochs = `${place} is of epoch ${found.epoch}, and the file of epoch ${epoch}`
  if (found.entries > nextIndex || found.epoch > epoch)
    throw foreign(
      `${found.entries > nextIndex ? counts : epochs}: a service has used the copy since. Go on with it, or copy into an empty database.`,
    )
  if (found.entries < nextIndex || found.epoch < epoch)
    throw foreign(
      `${found.entries < nextIndex ? counts : epochs}: a service has used the file since the copy was whole. Copy into an empty database, and let no service start on the earlier copy.`,
    )
}

function foreign(message: string): TrailError {
  return new TrailError('trail-foreign', message)
}

/** Names the trail, where none is yet. */
export async function beginThere(client: Client, trail: TrailRow): Promise<void> {
  await client.query(
    `INSERT INTO logout_trail.trail (one, trail_id, trail_key, issuer, epoch, works_with)
     VALUES (1, $1, $2, $3, $4, ${UNFINISHED}) ON CONFLICT DO NOTHING`,
    [trail.trailId, trail.trailKey, trail.issuer, trail.epoch],
  )
}

/** A restore of the file was accepted between two runs, and what is there is in the restored file too. */
export async function carryEpoch(client: Client, epoch: number): Promise<void> {
  await client.query('UPDATE logout_trail.trail SET epoch = $1 WHERE epoch < $1', [epoch])
}

/**
 * Services may start on it from now on. The write-ahead log is synced in its order: with this commit all before it, which waited for
 * no disk, is there too. So it is also done when the copy was whole: whoever was killed before its answer does not know.
 */
export async function finish(client: Client): Promise<void> {
  await client.query('BEGIN; SET LOCAL synchronous_commit TO DEFAULT')
  await client.query(
    `SELECT set_config('synchronous_commit', 'on', true)
     WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')`,
  )
  await client.query(
    `UPDATE logout_trail.trail SET works_with = CASE works_with WHEN ${UNFINISHED} THEN
       (SELECT m.works_with FROM logout_trail.migrations m ORDER BY m.version DESC LIMIT 1) ELSE works_with END`,
  )
  await withoutWarning(client, () => client.query('COMMIT'))
}

/** Off: what `finish` commits is on no disk when it says so, and nothing of ours can change that. */
export async function readFsync(client: Client): Promise<'on' | 'off'> {
  const { rows } = await client.query<{ fsync: 'on' | 'off' }>(`SELECT current_setting('fsync') AS fsync`)
  return rows[0]?.fsync ?? 'off'
}
