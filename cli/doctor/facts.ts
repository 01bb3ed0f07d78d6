/** What there is to know: gathered without writing anything, and judged in `checks.ts`. */
import { existsSync, statfsSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { askClerk, type ClerkFindings } from '../../api/ask-clerk.ts'
import { examineConfig, readDatabase, type Config, type ConfigProblem } from '../../api/config.ts'
import { nameOf, type Database } from '../../api/database.ts'
import { openReader, viewsOf } from '../../api/readable.ts'
import { refuseRewound } from '../../session-ends/follow.ts'
import { ViewsReader, type Figures } from '../../session-ends/views-reader.ts'
import { viewsPathOf } from '../../session-ends/views-schema.ts'
import { sqliteViews } from '../../session-ends/views-sqlite.ts'
import type { Position } from '../../session-ends/views-store.ts'
import type { Entry, Kind } from '../../trail/entry.ts'
import { messageOf, TrailError, type TrailErrorCode } from '../../trail/error.ts'
import type { TrailHead, TrailReader } from '../../trail/store.ts'
import { isLockHeld } from '../../trail/stores/sqlite-lock.ts'
import { openSqliteReader } from '../../trail/stores/sqlite-reader.ts'
import { readServerFacts, type ServerFacts } from './postgres-facts.ts'

/** What was found, or why it could not be looked for. */
export type Found<T> = { found: T } | Failure

export interface Failure {
  /** Null: not an error of the trail. */
  code: TrailErrorCode | null
  failed: string
}

export interface Facts {
  /** ms since 1970. */
  now: number
  problems: readonly ConfigProblem[]
  /** See `examineConfig`. */
  config: Config | null
  /** Null without a configuration. */
  clerk: Found<ClerkFindings> | null
  /** Null when DATABASE_URL is wrong. */
  data: DataFacts | null
}

export interface DataFacts {
  /** Of a PostgreSQL its address, without the password. */
  trailPath: string
  /** Null: the trail is in a file. */
  server: Found<ServerFacts> | null
  /** Those that are there. */
  files: Found<FileFacts[]>
  disk: Found<DiskFacts>
  /** Whether a service holds the lock. */
  running: Found<boolean>
  /** Null: there is no file. */
  trail: Found<TrailFacts | null>
  /** Null: there are none, or of another version. */
  records: Found<RecordFacts | null>
  /** Null without records. */
  figures: Found<Figures | null>
}

export interface FileFacts {
  path: string
  is: 'trail' | 'trail log' | 'records' | 'records log' | 'beside'
  bytes: number
  /** Permission bits. */
  mode: number
}

export interface DiskFacts {
  freeBytes: number
  totalBytes: number
}

export interface TrailFacts {
  head: TrailHead
  recent: RecentEntries
}

/** Of the last `LOOKED_AT` entries, or of all when they are fewer. */
export interface RecentEntries {
  entries: number
  /** How many webhooks there are of each kind. */
  webhooks: Partial<Record<Kind, number>>
  /** ms since 1970; null: none. */
  lastWebhookAt: number | null
}

export interface RecordFacts {
  position: Position
  /** Entries of the trail that are not in the records. */
  behind: number
  /** A second later they had more entries. */
  moves: boolean
  /** Why they are not of this trail; null: they are. */
  rewound: string | null
}

/** Enough to see what comes in; the same few milliseconds with ten million entries. */
export const LOOKED_AT = 10_000
const AT_ONCE = 1000

/** Clerk first: reading files would hold up its answers, and the clock is compared with them. */
export async function gatherFacts(now: () => number): Promise<Facts> {
  const { config, problems } = examineConfig()
  const clerk = config && (await found(() => askClerk(config)))
  const wrongPath = problems.some(({ variable }) => variable === 'DATABASE_URL')
  const data = wrongPath ? null : await gatherData(config?.database ?? readDatabase(), now)
  return { now: now(), problems, config, clerk, data }
}

function gatherData(database: Database, now: () => number): Promise<DataFacts> {
  return database.engine === 'sqlite' ? gatherFile(database.path, now) : gatherPostgres(database, now)
}

async function gatherPostgres(
  database: Database & { engine: 'postgres' },
  now: () => number,
): Promise<DataFacts> {
  const server = await found(() => readServerFacts(database.url))
  const views = new ViewsReader(viewsOf(database))
  const reader: Found<TrailReader> = 'failed' in server ? server : await found(() => openReader(database))
  try {
    return {
      trailPath: nameOf(database),
      server,
      files: { found: [] },
      disk: notOfFiles,
      running: 'failed' in server ? server : { found: server.found.writer !== null },
      trail: 'failed' in reader ? trailOf(reader) : await found(() => readTrail(reader.found)),
      records: await found(() => readRecords(views, 'failed' in reader ? null : reader.found)),
      figures: await found(async () => ((await views.position()) ? views.figures(now()) : null)),
    }
  } finally {
    await views.close()
    if ('found' in reader) reader.found.close()
  }
}

const notOfFiles: Failure = { code: null, failed: 'The trail is in PostgreSQL.' }

/** No service was started there yet: that is no failure. */
function trailOf(failure: Failure): Found<null> {
  return failure.code === 'trail-unreadable' ? { found: null } : failure
}

async function gatherFile(trailPath: string, now: () => number): Promise<DataFacts> {
  // Before anything is opened: SQLite makes files beside a trail that is read.
  const files = await found(() => filesOf(trailPath))
  const running = await found(() => isLockHeld(trailPath))
  const views = new ViewsReader(sqliteViews(viewsPathOf(trailPath)))
  const reader = 'failed' in files ? files : await found(() => openTrail(trailPath, files.found))
  try {
    return {
      trailPath,
      server: null,
      files,
      disk: await found(() => diskOf(trailPath)),
      running,
      trail: 'failed' in reader ? reader : await found(() => reader.found && readTrail(reader.found)),
      records: await found(() => readRecords(views, 'failed' in reader ? null : reader.found)),
      figures: await found(async () => ((await views.position()) ? views.figures(now()) : null)),
    }
  } finally {
    await views.close()
    if ('found' in reader) reader.found?.close()
  }
}

function openTrail(trailPath: string, files: readonly FileFacts[]): TrailReader | null {
  return files.some(({ is }) => is === 'trail') ? openSqliteReader(trailPath) : null
}

/** Each question fails alone: its failure is what was found. */
async function found<T>(look: () => T | Promise<T>): Promise<Found<T>> {
  try {
    return { found: await look() }
  } catch (error) {
    return { code: error instanceof TrailError ? error.code : null, failed: messageOf(error) }
  }
}

function filesOf(trailPath: string): FileFacts[] {
  const views = viewsPathOf(trailPath)
  const kinds: Record<string, FileFacts['is']> = {
    [trailPath]: 'trail',
    [`${trailPath}-wal`]: 'trail log',
    [`${trailPath}-shm`]: 'beside',
    [`${trailPath}.lock`]: 'beside',
    [views]: 'records',
    [`${views}-wal`]: 'records log',
    [`${views}-shm`]: 'beside',
  }
  return Object.entries(kinds).flatMap(([path, is]) => {
    const there = statSync(path, { throwIfNoEntry: false })
    return there ? [{ path, is, bytes: there.size, mode: there.mode & 0o777 }] : []
  })
}

/** Of the volume that the trail is on, or will be. */
function diskOf(trailPath: string): DiskFacts {
  let folder = dirname(resolve(trailPath))
  while (!existsSync(folder)) folder = dirname(folder)
  const { bavail, blocks, bsize } = statfsSync(folder)
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
}

async function readTrail(trail: TrailReader): Promise<TrailFacts> {
  const head = await trail.head()
  return { head, recent: await readRecent(trail, head.nextIndex) }
}

/** Page by page: no read holds up the service's checkpoints. */
async function readRecent(trail: TrailReader, nextIndex: number): Promise<RecentEntries> {
  const recent: RecentEntries = { entries: 0, webhooks: {}, lastWebhookAt: null }
  let after = Math.max(-1, nextIndex - 1 - LOOKED_AT)
  while (after < nextIndex - 1) {
    const page = await trail.read(after, Math.min(AT_ONCE, nextIndex - 1 - after))
    const last = page.at(-1)
    if (!last) break
    for (const entry of page) count(recent, entry)
    after = last.index
  }
  return recent
}

function count(recent: RecentEntries, { source, kind, recorded_at }: Entry): void {
  recent.entries += 1
  if (source !== 'webhook') return
  recent.webhooks[kind] = (recent.webhooks[kind] ?? 0) + 1
  recent.lastWebhookAt = Math.max(recent.lastWebhookAt ?? recorded_at, recorded_at)
}

const LOOK_AGAIN_MS = 1000

async function readRecords(views: ViewsReader, trail: TrailReader | null): Promise<RecordFacts | null> {
  const position = await views.position()
  if (!position) return null
  if (!trail) return { position, behind: 0, moves: false, rewound: null }
  const behind = Math.max(0, (await trail.head()).nextIndex - position.nextIndex)
  if (behind > 0) await sleep(LOOK_AGAIN_MS)
  const moves = ((await views.position())?.nextIndex ?? 0) > position.nextIndex
  return { position, behind, moves, rewound: await whyRewound(position, trail) }
}

async function whyRewound(position: Position, trail: TrailReader): Promise<string | null> {
  try {
    await refuseRewound(position, trail)
    return null
  } catch (error) {
    if (error instanceof TrailError && error.code === 'trail-rewound') return error.message
    throw error
  }
}
