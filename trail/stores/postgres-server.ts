/** What is worth knowing of the server that answers: how durable its commits are, and whether it is the one of before. */
import type { Client } from 'pg'
import { sqlState } from '../postgres-client.ts'

export interface ServerSettings {
  version: string
  /** As the session has it. An append is never less than `on`: where this says `off` it sets it for its transaction. */
  synchronousCommit: string
  /** Off: a commit is not on the disk when it is answered, and nothing of ours can change that. */
  fsync: 'on' | 'off'
  /** Null where the role may not know it. */
  systemId: string | null
  /** Goes up when a standby is promoted, and when a backup is restored to a moment. */
  timeline: number | null
  /** The server that the trail knew before, when it was another one, or was on another timeline. */
  movedFrom: { systemId: string | null; timeline: number | null } | null
}

interface Identity {
  systemId: string | null
  timeline: number | null
}

/**
 * Asks the server, and writes into the trail row which one it is. A hint for people, no proof: a disk that was put back as it
 * was looks the same, and a replica that lost nothing looks different.
 */
export async function readServer(client: Client, before: Identity | null): Promise<ServerSettings> {
  const settings = await client.query<Pick<ServerSettings, 'version' | 'synchronousCommit' | 'fsync'>>(
    `SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
            current_setting('synchronous_commit') AS "synchronousCommit"`,
  )
  const now = await identityOf(client)
  const written = await client.query<Identity>(
    'SELECT system_id AS "systemId", timeline FROM logout_trail.trail',
  )
  const known = before ?? written.rows[0] ?? { systemId: null, timeline: null }
  if (!same(written.rows[0], now)) {
    await client.query('UPDATE logout_trail.trail SET system_id = $1, timeline = $2', [
      now.systemId,
      now.timeline,
    ])
  }
  const [{ version, synchronousCommit, fsync }] = settings.rows as [ServerSettings]
  const moved = known.systemId !== null && !same(known, now)
  const movedFrom = moved ? { systemId: known.systemId, timeline: known.timeline } : null
  return { version, synchronousCommit, fsync, ...now, movedFrom }
}

function same(one: Identity | undefined, other: Identity): boolean {
  return one?.systemId === other.systemId && one.timeline === other.timeline
}

/** Some managed servers allow neither function. */
async function identityOf(client: Client): Promise<Identity> {
  const { rows } = await client.query<{ system: boolean; timeline: boolean }>(
    `SELECT has_function_privilege('pg_catalog.pg_control_system()', 'execute') AS system,
            has_function_privilege('pg_catalog.pg_walfile_name(pg_lsn)', 'execute') AS timeline`,
  )
  if (!rows[0]?.system || !rows[0].timeline) return unknown
  try {
    // A file of the write-ahead log begins with its timeline, eight hexadecimal digits.
    const identity = await client.query<Identity>(
      `SELECT system_identifier::text AS "systemId",
              ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::bigint AS timeline
       FROM pg_control_system()`,
    )
    return identity.rows[0] ?? unknown
  } catch (error) {
    // Some that grant both refuse all the same. A hint is not worth a trail that cannot be opened.
    if (sqlState(error) === null) throw error
    return unknown
  }
}

const unknown: Identity = { systemId: null, timeline: null }
