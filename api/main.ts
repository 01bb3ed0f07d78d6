/** The composition root of the service: configuration → trail → app → port, and back down when it is told to stop. */
import { randomBytes } from 'node:crypto'
import closeWithGrace from 'close-with-grace'
import { messageOf, TrailError } from '../trail/error.ts'
import { Trail } from '../trail/trail.ts'
import { createApp, type AppDeps, type DashboardDeps } from './app.ts'
import { developmentClerk, type DevelopmentClerk } from './clerk/development.ts'
import { clerkFrom, type Clerk } from './clerk/identify.ts'
import { verifyWithNode } from './clerk/node-signature.ts'
import { frontendApiOf } from './clerk/publishable-key.ts'
import { ConfigError, readConfig, type Config } from './config.ts'
import { nameOf } from './database.ts'
import { readDashboard } from './dashboard-files.ts'
import { EntryStreams } from './entry-stream.ts'
import { FailedAttempts } from './failed-attempts.ts'
import { logoutLog } from './logout-log.ts'
import { openLogs, type Logs } from './logs.ts'
import { openMetrics, type Metrics } from './metrics.ts'
import { postgresLog, type PostgresLog } from './postgres-log.ts'
import { readersOf, type ReaderKey } from './readers.ts'
import { startReading, type ReadingThread } from './reading-thread.ts'
import { saidOnce } from './said-once.ts'
import { ListenError, listen } from './serve.ts'
import { startSweep } from './start-sweep.ts'
import { openStore } from './stores.ts'
import { namedMix, startViews, type SessionViews, type ViewsOptions } from './views.ts'
import type { ReadWebhook } from './webhook.ts'
import { webhookRefusals } from './webhook-refusals.ts'
import { webhookSilence } from './webhook-silence.ts'

export interface Service {
  url: string
  /** Answers and records what was accepted, then lets go of the port and the trail. */
  close: () => Promise<void>
}

const DRAIN_TIMEOUT_MS = 10_000

/** Runs the service until a signal. What keeps it from starting is one plain message and exit code 1. */
export async function main(): Promise<void> {
  try {
    const config = readConfig()
    const logs = openLogs(config.logLevel)
    const service = await startService(config, logs)
    const endings = {
      onSecondSignal: () => logs.lastWords('second signal: ending at once'),
      onTimeout: () =>
        logs.lastWords(`not everything was recorded within ${DRAIN_TIMEOUT_MS / 1000} s: ending`),
    }
    closeWithGrace({ delay: DRAIN_TIMEOUT_MS, logger: false, ...endings }, async ({ signal, err }) => {
      if (err) logs.logger.fatal({ err }, 'stopping after an error that nobody expected')
      else logs.logger.info({ signal }, 'stopping: no new requests; what was accepted is recorded first')
      await service.close()
      await logs.close('stopped')
    })
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof TrailError || error instanceof ListenError))
      throw error
    console.error(
      error instanceof TrailError ? `DATABASE_URL: ${error.message} (${error.code})` : error.message,
    )
    process.exitCode = 1
  }
}

/** @throws {TrailError | ListenError} what keeps it from starting; then nothing stays open. */
export async function startService(config: Config, logs: Logs): Promise<Service> {
  const now = Date.now
  const development = config.clerk ? null : await developmentClerk(now)
  const readerKeys = readerKeysOf(config)
  const silence = silenceOf(config, logs)
  const metrics = openMetrics({
    pendingReports: () => trail.pending,
    droppedLines: logs.dropped,
    streams: () => entryStreams,
    recordsLag: () => views.behind(),
    figures: () => views.figures(),
    webhookMix: namedMix,
    webhookSilenceMs: config.webhookSecrets.length > 0 ? silence.lastsMs : null,
  })
  let sweptAt: number | null = null
  const sweepEnded = () => {
    sweptAt = now()
    metrics.sweepEnded()
  }
  const postgres =
    config.database.engine === 'postgres' ? postgresLog(logs.logger, OVER_A_NETWORK.confirmWithinMs) : null
  const clerk = clerkOf(config, { development, logs, metrics })
  const trail = await openTrail(config, {
    issuer: clerk.issuer,
    logs,
    metrics,
    postgres,
    onCommitted: () => entryStreams.wake(),
  })
  const views = await openViews(config, { logs, metrics, postgres, onFigures: silence.look }).catch(
    async (error: unknown) => {
      await trail.close()
      throw error
    },
  )
  const reading = startReading({ database: config.database })
  const entryStreams = new EntryStreams({
    source: reading,
    now,
    onError: (error) => logs.logger.error({ err: error }, 'entries could not be read; their streams ended'),
  })
  const log = logoutLog(logs.writeLine)
  const app = createApp({
    identify: clerk.identify,
    trail,
    log: log.write,
    onError: (error) => logs.logger.error({ err: error }, 'a request failed for a reason nobody expected'),
    notReady: readiness(trail, clerk),
    readerOf: readersOf({
      keys: readerKeys,
      userIds: config.readerUserIds,
      verify: clerk.verify,
      failures: new FailedAttempts(),
    }),
    readWebhook: await webhookReaderOf(config),
    reading,
    recordsAreWhole: views.knowTheStart,
    onUnreadable: unreadableTo(logs),
    entryStreams,
    metrics: { ...metrics, ...webhooksObserved(metrics, logs) },
    sources: () => ({
      webhooks_configured: config.webhookSecrets.length > 0,
      sweep_configured: config.sweep !== null,
      swept_at: sweptAt,
      webhook_silence_ms: config.webhookSecrets.length > 0 ? silence.lastsMs() : 0,
    }),
    dashboard: { files: readDashboard(), clerk: clerkOfDashboard(config) },
    now,
    settings: {
      logoutEndpoint: config.logoutEndpoint,
      auditRequired: config.auditRequired,
      allowedOrigins: config.allowedOrigins,
      addresses: { trustedProxies: config.trustedProxies, policy: config.ipPolicy },
      metricsOpen: config.metricsOpen,
    },
    developmentToken: development?.token,
  })
  const closeData = async () => {
    await reading.close()
    // Only who can write takes the write-ahead log into the file: of each file those that only read go first.
    await views.close()
    await trail.close()
  }
  const listening = await listen(app, config).catch(async (error: unknown) => {
    await closeData()
    throw error
  })
  const freshness = keepKeysFresh(clerk)
  const waking = postgres ? wakeForOthers(entryStreams) : undefined
  const endSweep = await openSweep(config, {
    clerk,
    logs,
    metrics: { ...metrics, sweepEnded },
    trail,
    views,
    reading,
  })
  announce({ ...config, readerKeys }, listening.url, logs)
  return {
    url: listening.url,
    close: async () => {
      clearInterval(freshness)
      clearInterval(waking)
      // First: an answer that goes on by itself would be waited for.
      await entryStreams.close()
      await Promise.all([endSweep(), listening.close()])
      await closeData()
      log.flush()
    },
  }
}

interface Parts {
  logs: Logs
  metrics: Metrics
  /** Null: the trail is in a file. */
  postgres?: PostgresLog | null
}

function clerkOf(config: Config, parts: Parts & { development: DevelopmentClerk | null }): Clerk {
  const { development, logs, metrics } = parts
  const { allowedOrigins, expiredTokenMaxAgeHours } = config
  const instance = development ?? config.clerk ?? {}
  const onKeyFailure = (error: unknown) => {
    metrics.keyFetchFailed()
    logs.logger.warn({ err: error }, 'Clerk’s keys could not be had; those once had stay in use')
  }
  const options = { ...instance, allowedOrigins, expiredTokenMaxAgeHours }
  return clerkFrom(options, { onKeyFailure, verifySignature: verifyWithNode })
}

/** Nobody can read with Clerk before a user is listed, so nothing of Clerk is loaded before. */
function clerkOfDashboard({ clerk, readerUserIds }: Config): DashboardDeps['clerk'] {
  const publishableKey = clerk?.publishableKey
  const frontendApi = publishableKey ? frontendApiOf(publishableKey) : null
  return publishableKey && frontendApi && readerUserIds.length > 0 ? { publishableKey, frontendApi } : null
}

/**
 * A database that is away must not hold up a sign-out: its writer tries again, and the logout is answered as logged. And a backup may be
 * put in its place, and accepted, while this process is away from it: what a repeat is, only the database can say.
 */
const OVER_A_NETWORK = { confirmWithinMs: 250, recentLimit: 0 }

async function openTrail(
  config: Config,
  { issuer, logs, metrics, postgres, onCommitted }: Parts & { issuer: string; onCommitted: () => void },
): Promise<Trail> {
  const store = await openStore(config.database, {
    issuer,
    sqlite: {
      onOpen: metrics.writerOpened,
      onRestart: (cause) => {
        metrics.writerRestarted()
        logs.logger.error({ err: cause }, 'the writing thread died and is started again')
      },
    },
    postgres: postgres?.store ?? {},
  })
  const failures = saidOnce({
    failed: (error) =>
      logs.logger.error(
        { err: error },
        'logouts cannot be recorded; they are answered as logged. Each of them tries again, without a restart; docs/OPERATE.md says what to do for this code',
      ),
    worked: () => logs.logger.info('logouts are recorded again'),
  })
  return new Trail({
    store,
    now: Date.now,
    ...(postgres ? OVER_A_NETWORK : {}),
    observe: {
      committed: (reports, durationMs) => {
        metrics.committed(reports, durationMs)
        postgres?.committed(durationMs)
        failures.worked()
        onCommitted()
      },
      failed: (error) => {
        metrics.storeFailed()
        failures.failed(error)
      },
      rejected: (reason) => {
        metrics.reportRejected()
        logs.logger.error({ reason }, 'the store rejected a report')
      },
    },
  })
}

function openViews(
  { database }: Config,
  { logs, metrics, postgres, onFigures }: Parts & Pick<ViewsOptions, 'onFigures'>,
): Promise<SessionViews> {
  const failures = saidOnce({
    failed: (cause) =>
      logs.logger.error(
        { err: cause },
        'the session records cannot be brought up to date; it is tried again and again, and logouts are recorded all the same',
      ),
    worked: () => logs.logger.info('the session records are brought up to date again'),
  })
  return startViews({
    database,
    ...postgres?.views,
    onFigures,
    onTrouble: failures.failed,
    onRestart: (cause) => {
      metrics.viewsRestarted()
      failures.failed(cause)
    },
    onWorks: failures.worked,
    onSetAside: (path, why) =>
      logs.logger.warn(
        { path },
        `damaged session records were set aside, and are made anew from the trail: ${why}`,
      ),
  })
}

interface SweepNeeds extends Parts {
  clerk: Clerk
  trail: Trail
  views: SessionViews
  reading: ReadingThread
}

/** Clerk's package is loaded only where it is wanted. Gives what ends it. */
async function openSweep(config: Config, needs: SweepNeeds): Promise<() => Promise<void>> {
  if (!config.sweep) return async () => undefined
  const { clerk, logs, metrics, trail, views, reading } = needs
  const [{ backendClient }, { instanceOf }, { sessionLookUp }] = await Promise.all([
    import('./clerk/backend.ts'),
    import('./clerk/same-instance.ts'),
    import('./clerk/session-lookup.ts'),
  ])
  const client = backendClient(config.sweep)
  return startSweep({
    // From there on what the sweep asked itself is all that the records may not know yet, and it remembers that.
    // Of several processes the one that writes the records asks.
    due: async (request) => (views.knowTheStart() && views.writes() ? reading.due(request) : null),
    instance: instanceOf(client, clerk.keys),
    lookUp: sessionLookUp(client, config.ipPolicy),
    record: (report) => trail.append(report),
    now: Date.now,
    intervalMs: config.sweep.intervalSeconds * 1000,
    logger: logs.logger,
    metrics,
  })
}

function silenceOf({ webhookSecrets, webhookSilenceHours }: Config, { logger }: Logs) {
  return webhookSilence({
    hours: webhookSecrets.length > 0 ? webhookSilenceHours : Infinity,
    since: Date.now(),
    now: Date.now,
    onSilence: (hours) =>
      logger.warn(
        { hours },
        'logouts come in, and no webhook of Clerk: see its dashboard for failed deliveries, the endpoint’s address, its events and its secret',
      ),
    onHeard: () => logger.info('webhooks of Clerk come again'),
  })
}

/** Webhooks are counted, and the log says when they begin to be refused. */
function webhooksObserved(metrics: Metrics, { logger }: Logs): Pick<Metrics, 'webhook' | 'webhookRefused'> {
  const refusals = webhookRefusals({
    now: Date.now,
    onRefused: (code, detail) =>
      logger.warn(
        { code },
        `webhooks are refused, unless it is somebody else who sends them; this is said once. ${detail}`,
      ),
    onAccepted: () => logger.info('webhooks are accepted again'),
  })
  return {
    webhook: (type) => {
      metrics.webhook(type)
      refusals.accepted()
    },
    webhookRefused: (code, detail) => {
      metrics.webhookRefused(code, detail)
      refusals.refused(code, detail)
    },
  }
}

/** Clerk's package is loaded only where webhooks are wanted. */
async function webhookReaderOf({ webhookSecrets, ipPolicy }: Config): Promise<ReadWebhook | null> {
  if (webhookSecrets.length === 0) return null
  const { webhookReader } = await import('./clerk/webhook.ts')
  return webhookReader({ secrets: webhookSecrets, ipPolicy })
}

function unreadableTo({ logger }: Logs): AppDeps['onUnreadable'] {
  const said = saidOnce({
    failed: (err: unknown) =>
      logger.error({ err }, 'readers cannot be answered; logouts are recorded all the same'),
    worked: () => logger.info('readers are answered again'),
  })
  return (error) => (error ? said.failed(error) : said.worked())
}

const READINESS_KEPT_MS = 1000

/** Anyone may ask, so the write that answers is made at most once a second. */
function readiness(trail: Trail, clerk: Clerk): () => Promise<string | null> {
  let askedAt = -Infinity
  let answer: Promise<string | null> = Promise.resolve(null)
  return () => {
    if (performance.now() - askedAt >= READINESS_KEPT_MS) {
      askedAt = performance.now()
      answer = whatIsMissing(trail, clerk)
    }
    return answer
  }
}

async function whatIsMissing(trail: Trail, clerk: Clerk): Promise<string | null> {
  if (!clerk.keys.ready()) return 'keys: no key of Clerk could be fetched yet.'
  return trail.check().then(
    () => null,
    (error: unknown) => `trail: ${messageOf(error)}`,
  )
}

const FRESHNESS_INTERVAL_MS = 30_000

function keepKeysFresh({ keys }: Clerk): NodeJS.Timeout {
  keys.keepFresh()
  return setInterval(keys.keepFresh, FRESHNESS_INTERVAL_MS).unref()
}

/** Entries of other processes wait for no longer than this before those who follow here have them. */
const WAKE_FOR_OTHERS_MS = 500

/**
 * By looking, and not by LISTEN: a NOTIFY in each append would make commits of the whole database wait for one another, would need a
 * connection that no pooler lends, and would be lost with it. While nobody follows, nothing is asked.
 */
function wakeForOthers(streams: EntryStreams): NodeJS.Timeout {
  return setInterval(() => streams.wake(), WAKE_FOR_OTHERS_MS).unref()
}

function announce(config: Config, url: string, { logger, print }: Logs): void {
  logger.info({ url, trail: nameOf(config.database) }, `listening on ${url}`)
  if (!config.clerk) print(developmentBanner(url, config))
  else if (config.clerk.authorizedParties.length === 0) {
    logger.warn(
      'CLERK_AUTHORIZED_PARTIES is empty: tokens made for any origin of this Clerk instance are accepted',
    )
  }
}

/** Development has a key without being given one, for as long as the service runs. */
function readerKeysOf({ clerk, readerKeys }: Config): ReaderKey[] {
  if (clerk || readerKeys.length > 0) return readerKeys
  return [{ name: 'development', secret: randomBytes(24).toString('hex') }]
}

function developmentBanner(url: string, { database, logoutEndpoint, readerKeys }: Config): string {
  const token = `$(curl -s ${url}/dev/token)`
  const call = `  curl -i -X DELETE ${url}/v1/auth/session -H "Authorization: Bearer ${token}"`
  const off = '  LOGOUT_ENDPOINT=off: there is no logout endpoint.'
  return `
Development mode: no variable of Clerk is set. Tokens are signed with a throw-away key, and recorded in ${nameOf(database)}.
Log somebody out:

${logoutEndpoint ? call : off}

See it, and all that comes in, in the dashboard (the link holds the key):

  ${url}/dashboard#key=${readerKeys[0]?.secret}

How a session ended, with a session_id of the lines below:

  curl -s ${url}/v1/sessions/<session_id> -H "Authorization: Bearer ${readerKeys[0]?.secret}"

API reference: ${url}/docs · your own Clerk instance: set CLERK_PUBLISHABLE_KEY (see .env.example)
`
}
