/** What the thread of the session records works with: the trail that it reads, and the records, when it is this process that writes them. */
import { refuseRewound } from '../session-ends/follow.ts'
import { openViews } from '../session-ends/views-files.ts'
import { openPostgresViews } from '../session-ends/views-place-postgres.ts'
import { ViewsReader } from '../session-ends/views-reader.ts'
import { viewsPathOf } from '../session-ends/views-schema.ts'
import type { Views } from '../session-ends/views.ts'
import { TrailError } from '../trail/error.ts'
import type { TrailReader } from '../trail/store.ts'
import { assertHeld, keepLease, type Held, type KeptLease } from '../trail/stores/postgres-lease.ts'
import { PostgresLink } from '../trail/stores/postgres-link.ts'
import type { Database } from './database.ts'
import { openReader, viewsOf } from './readable.ts'

export interface Following {
  trail: TrailReader
  records: ViewsReader
  /** Null: another process writes them, or nobody can now. */
  writable: () => Promise<Views | null>
  /** Something failed: whether that passes by itself, and it is to be tried again. */
  passes: (error: unknown) => Promise<boolean>
  close: () => Promise<void>
}

export interface FollowingOptions {
  onSetAside: (path: string, error: TrailError) => void
  /** Whether this process may write the records cannot be asked; it is tried again. */
  onTrouble: (error: unknown) => void
}

/** @throws {TrailError} `trail-rewound` when this is not the trail that the records were made from */
export async function openFollowing(database: Database, options: FollowingOptions): Promise<Following> {
  const trail = await openReader(database)
  const records = new ViewsReader(viewsOf(database))
  try {
    return database.engine === 'sqlite'
      ? await inFile({ trail, records, path: viewsPathOf(database.path) }, options)
      : await inPostgres({ trail, records, url: database.url }, options)
  } catch (error) {
    // Open connections would keep the thread from ending, and whoever waits for that from hearing why.
    await records.close()
    trail.close()
    throw error
  }
}

type Read = Pick<Following, 'trail' | 'records'>

/** Nobody else writes a file whose trail this process holds. */
async function inFile(
  { trail, records, path }: Read & { path: string },
  options: FollowingOptions,
): Promise<Following> {
  const views = await openViews(path, trail, options)
  return {
    trail,
    records,
    writable: async () => views,
    passes: async () => false,
    close: async () => {
      await records.close()
      await views.close()
      trail.close()
    },
  }
}

async function inPostgres(
  { trail, records, url }: Read & { url: string },
  { onTrouble }: FollowingOptions,
): Promise<Following> {
  const position = await records.position()
  // Of an older epoch they are being made anew: a restore was accepted, and this process may record meanwhile.
  const { epoch } = await trail.head()
  if (position && position.epoch >= epoch) await refuseRewound(position, trail)
  const writing = new LeasedViews({ trail, records, url, onTrouble })
  return {
    trail,
    records,
    writable: () => writing.views(),
    passes: async (error) => {
      await writing.letGo()
      return error instanceof TrailError && PASSING.has(error.code)
    },
    close: async () => {
      await writing.close()
      await records.close()
      trail.close()
    },
  }
}

/** The database or the network is away; or another process took the lease, as after a pause of this one. */
const PASSING = new Set<string>(['trail-unavailable', 'trail-unwritable', 'trail-locked'])

/** Before each batch. */
function isLookedAt(): void {
  return undefined
}

/** The records, for as long as this process has the lease. */
class LeasedViews {
  readonly #trail: TrailReader
  readonly #records: ViewsReader
  readonly #url: string
  readonly #lease: KeptLease
  #open: { views: Views; fence: number } | null = null

  constructor({
    trail,
    records,
    url,
    onTrouble,
  }: Read & {
    url: string
    onTrouble: (error: unknown) => void
  }) {
    this.#trail = trail
    this.#records = records
    this.#url = url
    this.#lease = keepLease({
      url,
      name: 'session records',
      onTaken: isLookedAt,
      onLost: isLookedAt,
      // As long as it is held, nothing has changed for anybody.
      onTrouble: (error) => {
        if (!this.#lease.held) onTrouble(error)
      },
    })
  }

  async views(): Promise<Views | null> {
    const { held } = this.#lease
    if (this.#open && !(this.#open.fence === held?.fence && (await this.#standAsStored(this.#open.views))))
      await this.letGo()
    if (!held) return null
    this.#open ??= await this.#opened(held)
    return this.#open.views
  }

  /** A server that crashed may have lost the last of them, and a rebuild may have put others in their place. */
  async #standAsStored({ position }: Views): Promise<boolean> {
    const stored = await this.#records.position()
    return stored?.nextIndex === position.nextIndex && stored.epoch === position.epoch
  }

  /** They are opened again when they are wanted: what is in memory may not be what is stored. */
  async letGo(): Promise<void> {
    const open = this.#open
    this.#open = null
    await open?.views.close()
  }

  async close(): Promise<void> {
    await this.letGo()
    await this.#lease.close()
  }

  async #opened(held: Held): Promise<{ views: Views; fence: number }> {
    const link = new PostgresLink({
      url: this.#url,
      use: 'write',
      // The end of one account is the end of all of its sessions, and there may be very many.
      answerWithinMs: 60_000,
      onConnect: async () => undefined,
    })
    const leased = {
      run: link.run.bind(link),
      assertHeld: (client: Parameters<typeof assertHeld>[0]) => assertHeld(client, held),
      close: link.close.bind(link),
    }
    try {
      return { views: await openPostgresViews(leased, this.#trail), fence: held.fence }
    } catch (error) {
      await link.close()
      throw error
    }
  }
}
