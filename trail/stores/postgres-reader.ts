/** Reads a trail in PostgreSQL beside the services that write it. */
import type { Client } from 'pg'
import { columns, type Entry } from '../entry.ts'
import { TrailError } from '../error.ts'
import type { TrailHead, TrailReader } from '../store.ts'
import { PostgresLink, type LinkOptions } from './postgres-link.ts'
import { schemaVersion } from './postgres-migrations.ts'
import { checkServer, foundVersion } from './postgres-schema.ts'

/** Works with a hot standby too, which is behind. @throws {TrailError} when there is no such trail, or it is too new. */
export async function openPostgresReader(url: string): Promise<TrailReader> {
  const link = readingLink({ url })
  await link.run(async () => null).catch(closing(link))
  return {
    read: (after, limit) => link.run((client) => readEntries(client, after, limit)),
    at: (indexes) => link.run((client) => entriesAt(client, indexes)),
    head: () => link.run(readHead),
    close: () => {
      link.close().catch(nobodyWaits)
    },
  }
}

function closing(link: PostgresLink): (error: unknown) => Promise<never> {
  return async (error) => {
    await link.close()
    throw error
  }
}

/** Closing a connection never rejects. */
function nobodyWaits(): void {
  return undefined
}

/** A connection that has seen that there is a trail which this program can read. */
export function readingLink(options: Pick<LinkOptions, 'url' | 'answerWithinMs'>): PostgresLink {
  const link: PostgresLink = new PostgresLink({
    ...options,
    use: 'read',
    onConnect: async (client) => {
      await checkServer(client, link.place, 'read')
      if ((await foundVersion(client, { place: link.place, known: schemaVersion })) >= schemaVersion) return
      throw new TrailError(
        'trail-unreadable',
        `${link.place} has no trail of this version yet; start the service once, then try again.`,
      )
    },
  })
  return link
}

/** By name: a newer schema may have more of them. */
const selected = ['index', ...columns].map((column) => `e."${column}"`).join(', ')

export async function readEntries(client: Client, after: number, limit: number): Promise<Entry[]> {
  const { rows } = await client.query<Entry>(
    `SELECT ${selected} FROM logout_trail.entries e WHERE e."index" > $1 ORDER BY e."index" LIMIT $2`,
    [after, limit],
  )
  return rows
}

async function entriesAt(client: Client, indexes: readonly number[]): Promise<Entry[]> {
  const { rows } = await client.query<Entry>(
    `SELECT ${selected} FROM unnest($1::bigint[]) WITH ORDINALITY AS wanted (index, place)
     JOIN logout_trail.entries e ON e."index" = wanted.index ORDER BY wanted.place`,
    [indexes],
  )
  return rows
}

export async function readHead(client: Client): Promise<TrailHead> {
  const { rows } = await client.query<TrailHead>(
    `SELECT t.trail_id AS "trailId", t.issuer, t.epoch,
            coalesce((SELECT e."index" + 1 FROM logout_trail.entries e ORDER BY e."index" DESC LIMIT 1), 0) AS "nextIndex",
            (SELECT max(m.version) FROM logout_trail.migrations m) AS "schemaVersion"
     FROM logout_trail.trail t`,
  )
  const [head] = rows
  if (!head) throw new TrailError('trail-corrupt', 'The trail row is missing.')
  return head
}
