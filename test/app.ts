/** The app as the service runs it, on a real SQLite trail in a folder of its own, with a frozen clock. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hono } from 'hono'
import { createApp, type AppSettings, type DashboardDeps } from '../api/app.ts'
import { webhookReader } from '../api/clerk/webhook.ts'
import { clerkFrom, type ClerkOptions } from '../api/clerk/identify.ts'
import { EntryStreams, type EntrySource } from '../api/entry-stream.ts'
import { FailedAttempts } from '../api/failed-attempts.ts'
import { logoutLog } from '../api/logout-log.ts'
import { openMetrics } from '../api/metrics.ts'
import { readersOf, type ReaderKey } from '../api/readers.ts'
import { readsOf, type Reads } from '../api/reads.ts'
import { namedMix } from '../api/views.ts'
import { followOnce } from '../session-ends/follow.ts'
import { openViews } from '../session-ends/views-files.ts'
import { readingOf } from '../session-ends/reading.ts'
import { ViewsReader } from '../session-ends/views-reader.ts'
import { viewsPathOf } from '../session-ends/views-schema.ts'
import { sqliteViews } from '../session-ends/views-sqlite.ts'
import type { Entry, UserId } from '../trail/entry.ts'
import type { TrailStore } from '../trail/store.ts'
import { openSqliteReader } from '../trail/stores/sqlite-reader.ts'
import { openSqliteStore } from '../trail/stores/sqlite.ts'
import { Trail } from '../trail/trail.ts'
import { testClerk, TOKEN_TIME, type TestClerk } from './clerk-instance.ts'

export interface TestApp extends AsyncDisposable {
  app: Hono
  clerk: TestClerk
  trail: Trail
  entryStreams: EntryStreams
  /** What was logged, a line each. */
  lines: string[]
  errors: Error[]
  /** What became of each read that was let in: a code of `TrailError`, or `fine`. */
  unreadable: string[]
  /** The files of the trail. */
  folder: string
  /** DELETE /v1/auth/session with this token in `Authorization`, and these headers. */
  logout: (token: string | null, headers?: Record<string, string>, query?: string) => Promise<Response>
  entries: () => Promise<Entry[]>
}

export interface TestAppOptions {
  settings?: Partial<AppSettings>
  clerk?: ClerkOptions
  now?: () => number
  /** Puts something between the trail and its store. */
  wrapStore?: (store: TrailStore) => TrailStore
  /** Puts something between the routes and what they read. */
  wrapReads?: (reads: Reads) => Reads
  recordsAreWhole?: () => boolean
  confirmWithinMs?: number
  readerKeys?: ReaderKey[]
  readerUserIds?: string[]
  notReady?: () => Promise<string | null>
  developmentToken?: () => Promise<string>
  webhookSecrets?: string[]
  heartbeatMs?: number
  /** Puts something between the streams and the trail. */
  wrapEntries?: (source: EntrySource) => EntrySource
  streamLimit?: number
  dashboard?: DashboardDeps
}

export async function openTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const clerk = testClerk()
  const folder = mkdtempSync(join(tmpdir(), 'logout-trail-'))
  const store = await openSqliteStore({ path: join(folder, 'trail.db'), issuer: clerk.issuer })
  const now = options.now ?? (() => TOKEN_TIME)
  const trail = new Trail({
    store: options.wrapStore?.(store) ?? store,
    now,
    confirmWithinMs: options.confirmWithinMs ?? 2000,
    observe: { committed: () => entryStreams.wake() },
  })
  const settings: AppSettings = {
    logoutEndpoint: true,
    auditRequired: false,
    allowedOrigins: [],
    addresses: { trustedProxies: [], policy: 'truncate' },
    metricsOpen: false,
    ...options.settings,
  }
  const path = join(folder, 'trail.db')
  const reader = openSqliteReader(path)
  const views = await openViews(viewsPathOf(path), reader)
  const records = new ViewsReader(sqliteViews(viewsPathOf(path)))
  const direct = readsOf(readingOf(records, reader))
  const reading = options.wrapReads?.(direct) ?? direct
  const lines: string[] = []
  const errors: Error[] = []
  const unreadable: string[] = []
  const { heartbeatMs, streamLimit } = options
  const entryStreams = new EntryStreams({
    source: options.wrapEntries?.(reading) ?? reading,
    now,
    onError: (error) => errors.push(error as Error),
    heartbeatMs,
    streamLimit,
  })
  const { identify, verify } = clerkFrom({
    issuer: clerk.issuer,
    jwtKey: clerk.publicPem,
    allowedOrigins: settings.allowedOrigins,
    now,
    ...options.clerk,
  })
  const app = createApp({
    identify,
    trail,
    log: logoutLog((line) => lines.push(JSON.stringify(line))).write,
    onError: (error) => errors.push(error),
    notReady: options.notReady ?? (async () => null),
    readerOf: readersOf({
      keys: options.readerKeys ?? [],
      userIds: (options.readerUserIds ?? []) as UserId[],
      verify,
      failures: new FailedAttempts(now),
    }),
    readWebhook: options.webhookSecrets
      ? webhookReader({ secrets: options.webhookSecrets, ipPolicy: settings.addresses.policy })
      : null,
    reading: followedBy(reading, async () => {
      while ((await followOnce(views, reader)) > 0) continue
    }),
    recordsAreWhole: options.recordsAreWhole ?? (() => true),
    onUnreadable: (error) => unreadable.push(error?.code ?? 'fine'),
    entryStreams,
    metrics: openMetrics({
      pendingReports: () => trail.pending,
      droppedLines: () => 0,
      streams: () => entryStreams,
      recordsLag: () => 0,
      figures: () => null,
      webhookMix: namedMix,
      webhookSilenceMs: null,
    }),
    sources: () => ({
      webhooks_configured: options.webhookSecrets !== undefined,
      sweep_configured: false,
      swept_at: null,
      webhook_silence_ms: 0,
    }),
    dashboard: options.dashboard ?? { files: null, clerk: null },
    now,
    settings,
    developmentToken: options.developmentToken,
  })
  return {
    app,
    clerk,
    trail,
    entryStreams,
    lines,
    errors,
    unreadable,
    folder,
    logout: async (token, headers = {}, query = '') =>
      app.request(`/v1/auth/session${query}`, {
        method: 'DELETE',
        headers: { ...(token === null ? {} : { Authorization: `Bearer ${token}` }), ...headers },
      }),
    entries: () => store.read(-1, 100_000),
    [Symbol.asyncDispose]: async () => {
      await entryStreams.close()
      await trail.close()
      await store.close()
      await views.close()
      await records.close()
      reader.close()
      rmSync(folder, { recursive: true })
    },
  }
}

/** Nobody has to wait for the records: they know the trail before each read. */
function followedBy(reading: Reads, follow: () => Promise<void>): Reads {
  const after =
    <Args extends unknown[], Value>(read: (...args: Args) => Promise<Value>) =>
    async (...args: Args): Promise<Value> => {
      await follow()
      return read(...args)
    }
  return {
    ...reading,
    session: after(reading.session),
    list: after(reading.list),
    changes: after(reading.changes),
    lastPlace: after(reading.lastPlace),
    sessionEnds: after(reading.sessionEnds),
    durations: after(reading.durations),
    overview: after(reading.overview),
  }
}
