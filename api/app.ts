/** The routes of the service. Importing this does nothing, and creating the app opens nothing. */
import { Hono, type Context } from 'hono'
import type { HttpBindings } from '@hono/node-server'
import { USER_AGENT_CHARACTERS } from '../trail/entry.ts'
import type { TrailError } from '../trail/error.ts'
import type { Trail } from '../trail/trail.ts'
import type { Sources } from './analytics-json.ts'
import type { Caller } from './caller.ts'
import { clientAddress, clientNetwork, isLoopback, type AddressRules } from './client-address.ts'
import { clerkWebhookOperation, logoutOperation } from './operations/logout.ts'
import { sessionExportOperation, sessionListOperation, sessionOperation } from './operations/sessions.ts'
import { durationsOperation, overviewOperation, sessionEndsOperation } from './operations/analytics.ts'
import { entriesOperation, entryStreamOperation } from './operations/entries.ts'
import {
  dashboardOperation,
  docsOperation,
  livezOperation,
  metricsOperation,
  openApiOperation,
  readyzOperation,
} from './operations/service.ts'
import type { DashboardFiles } from './dashboard-files.ts'
import type { EntryStreams } from './entry-stream.ts'
import type { LogoutEvent } from './logout-event.ts'
import { newRequestId } from './logout-request.ts'
import type { Metrics } from './metrics.ts'
import { mountLogout } from './mount-logout.ts'
import { documented, documentOf, type Document } from './openapi.ts'
import { problem } from './problem.ts'
import { readerGuard, type ForReaders } from './reader-guard.ts'
import type { ReaderOf } from './readers.ts'
import type { Reads } from './reads.ts'
import { recordIn, type Network } from './record-logout.ts'
import { pageOf } from './reference.ts'
import { durationsWith, overviewWith, sessionEndsWith } from './routes/analytics.ts'
import { logoutWith } from './routes/auth.ts'
import { dashboardWith, pages } from './routes/dashboard.ts'
import { entriesWith, entryStreamWith } from './routes/entries.ts'
import { sessionExportWith } from './routes/exports.ts'
import { sessionListWith } from './routes/session-list.ts'
import { sessionWith } from './routes/sessions.ts'
import { clerkWebhookWith } from './routes/webhooks.ts'
import { version } from './version.ts'
import type { ReadWebhook } from './webhook.ts'

export interface AppDeps {
  identify: (request: Request) => Promise<Caller>
  trail: Trail
  log: (event: LogoutEvent) => void
  /** What nobody expected: told once, with the whole error. */
  onError: (error: Error) => void
  /** Null when ready, else a sentence that says what is missing. */
  notReady: () => Promise<string | null>
  readerOf: ReaderOf
  /** What readers ask for cannot be read (an error), or can (null). */
  onUnreadable: (error: TrailError | null) => void
  /** Null: no webhook is accepted. */
  readWebhook: ReadWebhook | null
  reading: Reads
  /** Whether the records know all that the trail held when the service started. */
  recordsAreWhole: () => boolean
  entryStreams: EntryStreams
  metrics: Metrics
  /** How the sources of the records are set and faring. */
  sources: () => Sources
  dashboard: DashboardDeps
  /** ms since 1970. */
  now: () => number
  settings: AppSettings
  /** Development mode only: makes a valid token. */
  developmentToken?: (() => Promise<string>) | undefined
}

export interface DashboardDeps {
  /** Null: it was not built. */
  files: DashboardFiles | null
  /** With whom people sign in; null: with a key alone. */
  clerk: { publishableKey: string; frontendApi: string } | null
}

export interface AppSettings {
  logoutEndpoint: boolean
  auditRequired: boolean
  allowedOrigins: readonly string[]
  addresses: AddressRules
  metricsOpen: boolean
}

export function createApp(deps: AppDeps): Hono {
  const app = new Hono()
  app.onError((error) => {
    deps.onError(error)
    return problem('internal', 'This is a fault of ours; the log has the details.')
  })
  app.notFound((c) => methodsOrNothing(app, c))
  if (deps.developmentToken) mountDevelopment(app, deps.developmentToken)
  if (deps.settings.logoutEndpoint) mountLogoutOf(app, deps)
  mountClerkWebhook(app, deps)
  const forReaders = guardOf(deps)
  mountReading(app, deps, forReaders)
  mountAnalytics(app, deps, forReaders)
  mountEntries(app, deps, forReaders)
  mountOperations(app, deps, forReaders)
  mountDashboard(app, deps)
  return app
}

function guardOf({ readerOf, onUnreadable, metrics, settings }: AppDeps): ForReaders {
  return readerGuard({
    readerOf,
    networkOf: (c) =>
      clientNetwork(peerOf(c), c.req.header('x-forwarded-for') ?? null, settings.addresses.trustedProxies),
    onRefused: metrics.readRefused,
    onUnreadable,
  })
}

function mountClerkWebhook(app: Hono, { readWebhook, trail, metrics }: AppDeps): void {
  const webhook = clerkWebhookWith({
    read: readWebhook,
    record: (report) => trail.append(report),
    observe: metrics,
  })
  app.post(
    '/v1/webhooks/clerk',
    documented(clerkWebhookOperation, (c) => webhook(c.req.raw)),
  )
}

function mountReading(app: Hono, deps: AppDeps, forReaders: ForReaders): void {
  const { reading, recordsAreWhole, trail, now, settings } = deps
  const session = sessionWith({ reading, now })
  const sessionList = sessionListWith({ reading, now })
  const { networkOf, remember } = networkReader(settings.addresses)
  const sessionExport = sessionExportWith({
    reading,
    record: (report) => trail.append(report),
    networkOf,
    recordsAreWhole,
    newRequestId,
    now,
  })
  app.get(
    '/v1/sessions',
    forReaders(sessionListOperation, (c) => sessionList(c.req.raw)),
  )
  app.get(
    '/v1/exports/sessions',
    forReaders(sessionExportOperation, (c, reader) => {
      remember(c.req.raw, peerOf(c))
      return sessionExport(c.req.raw, reader)
    }),
  )
  app.get(
    '/v1/sessions/:session_id',
    forReaders(sessionOperation, (c) => session(c.req.param('session_id') ?? '')),
  )
}

function mountAnalytics(app: Hono, { reading, sources, now }: AppDeps, forReaders: ForReaders): void {
  const deps = { reading, sources, now }
  const [sessionEnds, durations, overview] = [sessionEndsWith(deps), durationsWith(deps), overviewWith(deps)]
  app.get(
    '/v1/analytics/session-ends',
    forReaders(sessionEndsOperation, (c) => sessionEnds(c.req.raw)),
  )
  app.get(
    '/v1/analytics/durations',
    forReaders(durationsOperation, (c) => durations(c.req.raw)),
  )
  app.get(
    '/v1/analytics/overview',
    forReaders(overviewOperation, (c) => overview(c.req.raw)),
  )
}

function mountEntries(app: Hono, { reading, entryStreams }: AppDeps, forReaders: ForReaders): void {
  const page = entriesWith(reading)
  app.get(
    '/v1/entries',
    forReaders(entriesOperation, (c) => page(c.req.raw)),
  )
  const stream = entryStreamWith((following) => entryStreams.open(following))
  app.get(
    '/v1/entries/stream',
    forReaders(entryStreamOperation, (c, { until }) =>
      stream(c.req.raw, { until, cut: () => bindingsOf(c)?.outgoing?.destroy() }),
    ),
  )
}

function mountLogoutOf(app: Hono, { settings, metrics, ...deps }: AppDeps): void {
  const { networkOf, remember } = networkReader(settings.addresses)
  const logout = logoutWith({
    identify: deps.identify,
    record: recordIn(deps.trail, { networkOf, onUnknownIntent: metrics.unknownIntent }),
    log: (event) => {
      metrics.logout(event)
      deps.log(event)
    },
    now: deps.now,
    auditRequired: settings.auditRequired,
    allowedOrigins: settings.allowedOrigins,
  })
  const handler = documented(logoutOperation, (c) => {
    remember(c.req.raw, peerOf(c))
    return logout(c.req.raw)
  })
  mountLogout(app, handler, settings.allowedOrigins)
}

/** A `Request` does not know its peer; the app remembers it for as long as the request lives. */
function networkReader(rules: AddressRules) {
  const peers = new WeakMap<Request, string>()
  return {
    remember: (request: Request, peer: string | undefined) => {
      if (peer !== undefined) peers.set(request, peer)
    },
    networkOf: (request: Request): Network => ({
      ip: clientAddress(peers.get(request), request.headers.get('x-forwarded-for'), rules),
      user_agent: request.headers.get('user-agent')?.slice(0, USER_AGENT_CHARACTERS) ?? null,
    }),
  }
}

function peerOf(c: Context): string | undefined {
  return bindingsOf(c)?.incoming?.socket.remoteAddress
}

/** Undefined when the app is called without a socket, as tests do. */
function bindingsOf(c: Context): Partial<HttpBindings> | undefined {
  return c.env as Partial<HttpBindings> | undefined
}

function mountOperations(app: Hono, { notReady, metrics, settings }: AppDeps, forReaders: ForReaders): void {
  app.get(
    '/livez',
    documented(livezOperation, (c) => c.json({ status: 'alive' })),
  )
  app.get(
    '/readyz',
    documented(readyzOperation, async (c) => {
      const missing = await notReady()
      return missing === null ? c.json({ status: 'ready' }) : problem('not-ready', missing)
    }),
  )
  const answerMetrics = async (c: Context) =>
    c.body(await metrics.text(), 200, { 'Content-Type': metrics.contentType })
  const metricsForReaders = forReaders(metricsOperation, answerMetrics)
  app.get(
    '/metrics',
    documented(metricsOperation, (c, next) =>
      settings.metricsOpen || isLocal(c) ? answerMetrics(c) : metricsForReaders(c, next),
    ),
  )
  mountReference(app)
}

/** The routes do not change once the app is made, so the document is made once, when first asked for. */
function mountReference(app: Hono): void {
  let document: Promise<Document> | undefined
  const ofThisApp = () => (document ??= documentOf(app))
  app.get(
    '/openapi.json',
    documented(openApiOperation, async (c) => c.json(await ofThisApp())),
  )
  app.get(
    '/docs',
    documented(docsOperation, async (c) => c.html(pageOf(await ofThisApp()), 200, PAGE_HEADERS)),
  )
}

/** Open to everybody: it is the same for all, and holds no data. */
function mountDashboard(app: Hono, { dashboard, settings, developmentToken, readWebhook }: AppDeps): void {
  const { page, settingsJson, asset } = dashboardWith({
    ...dashboard,
    settings: {
      development: developmentToken !== undefined,
      logout_endpoint: settings.logoutEndpoint,
      webhooks: readWebhook !== null,
      version,
    },
  })
  app.get('/dashboard/', (c) => c.redirect(`../dashboard${new URL(c.req.url).search}`, 308))
  const [first, ...others] = pages
  app.get(
    first,
    documented(dashboardOperation, (c) => page(c.req.raw)),
  )
  for (const path of others) app.get(path, (c) => page(c.req.raw))
  app.get('/dashboard/config.json', settingsJson)
  app.get('/dashboard/assets/:file', (c) => asset(c.req.raw, c.req.param('file')))
}

/** A proxy on this machine is on loopback too, but speaks for somebody else. */
function isLocal(c: Context): boolean {
  const forwarded = c.req.header('x-forwarded-for') ?? c.req.header('forwarded')
  return forwarded === undefined && isLoopback(peerOf(c))
}

const PAGE_HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
}

const LOCAL_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/

/** Answers only those who ask for this machine by name, so that no page elsewhere can have a token (DNS rebinding). */
function mountDevelopment(app: Hono, makeToken: () => Promise<string>): void {
  app.use(async (c, next) => {
    if (LOCAL_HOST.test(c.req.header('host') ?? '')) return next()
    return problem(
      'forbidden',
      'In development mode the service answers to localhost, 127.0.0.1 and [::1] only.',
    )
  })
  app.get('/dev/token', async (c) => c.text(await makeToken(), 200, { 'Cache-Control': 'no-store' }))
}

/** `/v1/sessions/:session_id` is the route of `/v1/sessions/sess_1`. */
function isOf(route: string, path: string): boolean {
  const [parts, given] = [route.split('/'), path.split('/')]
  const fits = (part: string, at: number) => (part.startsWith(':') ? Boolean(given[at]) : part === given[at])
  return parts.length === given.length && parts.every(fits)
}

/** 405 for a path that has other methods, else 404. */
function methodsOrNothing(app: Hono, c: Context): Response {
  const routes = app.routes.filter(({ method, path }) => method !== 'ALL' && isOf(path, c.req.path))
  const methods = new Set(routes.map(({ method }) => method))
  if (methods.size === 0) return problem('not-found', 'There is nothing here; /docs lists what there is.')
  if (methods.has('GET')) methods.add('HEAD')
  const allowed = [...methods].join(', ')
  return problem('method-not-allowed', `Use ${allowed}.`, { Allow: allowed })
}
