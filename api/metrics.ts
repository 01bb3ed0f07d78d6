/** What operators watch, for Prometheus. No label holds anything that a caller chooses. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Figures } from '../session-ends/views-reader.ts'
import type { LogoutEvent } from './logout-event.ts'
import type { ProblemCode } from './problem.ts'

export interface Metrics {
  /** The text that Prometheus scrapes, and its media type. */
  text: () => Promise<string>
  contentType: string
  logout: (event: LogoutEvent) => void
  unknownIntent: () => void
  committed: (reports: number, durationMs: number) => void
  storeFailed: () => void
  reportRejected: () => void
  writerRestarted: () => void
  writerOpened: (settings: { journalMode: string; synchronous: string }) => void
  keyFetchFailed: () => void
  webhook: (type: string) => void
  webhookRefused: (code: ProblemCode, detail: string) => void
  webhookFieldDropped: (field: string) => void
  readRefused: (code: string) => void
  viewsRestarted: () => void
  sweepAsked: (answer: string) => void
  sweepEnded: () => void
}

/** What is read when it is asked for. */
export interface Gauges {
  pendingReports: () => number
  droppedLines: () => number
  /** Who follows along, and what is kept for those who have not read it yet. */
  streams: () => { size: number; unreadBytes: number[] }
  /** Entries that are not in the session records yet. */
  recordsLag: () => number
  /** Null: not known yet. */
  figures: () => Figures | null
  webhookMix: (figures: Figures) => { events: string; sessions: number }[]
  /** Null: no webhooks are configured. */
  webhookSilenceMs: (() => number) | null
}

const PREFIX = 'logout_trail_'

export function openMetrics(gauges: Gauges): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  registerGauges(registry, gauges)
  return {
    text: () => registry.metrics(),
    contentType: registry.contentType,
    ...counted(registry),
    ...timed(registry),
  }
}

function registerGauges(registry: Registry, gauges: Gauges): void {
  const gauge = (name: string, help: string, read: () => number) => {
    const made: Gauge = new Gauge({
      name: PREFIX + name,
      help,
      registers: [registry],
      collect: () => made.set(read()),
    })
  }
  gauge('pending_reports', 'Reports that wait for their commit.', gauges.pendingReports)
  gauge('dropped_log_lines', 'Log lines that could not be written since the start.', gauges.droppedLines)
  gauge('streams', 'Clients that follow along.', () => gauges.streams().size)
  gauge(
    'stream_unread_bytes',
    'Bytes that wait for clients that follow along, summed; most are shared.',
    () => gauges.streams().unreadBytes.reduce((sum, bytes) => sum + bytes, 0),
  )
  gauge('records_lag_entries', 'Entries that are not in the session records yet.', gauges.recordsLag)
  const figure = (name: string, help: string, read: (figures: Figures) => number) =>
    gauge(name, help, () => {
      const figures = gauges.figures()
      return figures ? read(figures) : NaN
    })
  figure(
    'unconfirmed_logouts',
    'Sessions whose logout was asked for over 10 minutes ago and that Clerk has not confirmed.',
    ({ unconfirmed }) => unconfirmed,
  )
  figure(
    'coverage_sessions',
    'Sessions that were seen to begin and that must be over by now.',
    ({ coverage }) => coverage.sessions,
  )
  figure(
    'coverage_ended_sessions',
    'Of logout_trail_coverage_sessions, those that have an end.',
    ({ coverage }) => coverage.ended,
  )
  figure(
    'coverage_unknown_sessions',
    'Of logout_trail_coverage_ended_sessions, those of which Clerk only says that it no longer has them.',
    ({ coverage }) => coverage.unknown,
  )
  const { webhookSilenceMs } = gauges
  if (webhookSilenceMs) {
    gauge(
      'webhook_silence_seconds',
      'For how long logouts have come in that no webhook followed, since the start; 0: one came after all.',
      () => webhookSilenceMs() / 1000,
    )
  }
  const mix = new Gauge({
    name: `${PREFIX}requested_logout_webhooks`,
    help: 'Sessions whose logout was asked for, by the webhooks with which Clerk told of their end.',
    labelNames: ['events'],
    registers: [registry],
    collect: () => {
      mix.reset()
      const figures = gauges.figures()
      for (const { events, sessions } of figures ? gauges.webhookMix(figures) : []) {
        mix.set({ events }, sessions)
      }
    },
  })
}

function counted(registry: Registry) {
  const counter = (name: string, help: string) => {
    const made = new Counter({ name: PREFIX + name, help, registers: [registry] })
    return () => made.inc()
  }
  const labelled = (name: string, help: string, label: string) =>
    new Counter({ name: PREFIX + name, help, labelNames: [label], registers: [registry] })

  const logouts = labelled('logouts_total', 'Logouts answered, by what is promised of them.', 'record')
  // Found once: finding the counter of a label costs more than counting.
  const recorded = {
    durable: logouts.labels('durable'),
    duplicate: logouts.labels('duplicate'),
    logged: logouts.labels('logged'),
    anonymous: logouts.labels('anonymous'),
  }
  const writer = new Gauge({
    name: `${PREFIX}writer_info`,
    help: '1, with how the connection that writes is set, as it says itself.',
    labelNames: ['journal_mode', 'synchronous'],
    registers: [registry],
  })
  const webhooks = labelled('webhooks_total', 'Webhooks acknowledged, by type.', 'type')
  const refusedWebhooks = labelled('webhook_refusals_total', 'Webhooks not acknowledged, by problem.', 'code')
  const refusedReads = labelled('read_refusals_total', 'Reads refused, by problem.', 'code')
  const droppedFields = labelled(
    'dropped_webhook_fields_total',
    'Fields of acknowledged webhooks that were not what they should be, and are not stored.',
    'field',
  )
  const sweeps = labelled(
    'sweep_requests_total',
    'Sessions that Clerk was asked for, by its answer.',
    'answer',
  )
  const lastWebhook = new Gauge({
    name: `${PREFIX}last_webhook_timestamp_seconds`,
    help: 'When the last webhook was acknowledged; 0: none since the start.',
    registers: [registry],
  })
  const lastSweep = new Gauge({
    name: `${PREFIX}last_sweep_timestamp_seconds`,
    help: 'When Clerk last answered all that was due, or nothing was; 0: not since the start.',
    registers: [registry],
  })
  const refusals = labelled('refusals_total', 'Logouts whose credential proved nothing, by cause.', 'cause')
  return {
    logout: ({ record, refused: cause }: LogoutEvent) => {
      recorded[record].inc()
      if (cause) refusals.inc({ cause })
    },
    webhook: (type: string) => {
      webhooks.inc({ type })
      lastWebhook.setToCurrentTime()
    },
    sweepAsked: (answer: string) => sweeps.inc({ answer }),
    sweepEnded: () => lastSweep.setToCurrentTime(),
    webhookRefused: (code: ProblemCode) => refusedWebhooks.inc({ code }),
    webhookFieldDropped: (field: string) => droppedFields.inc({ field }),
    readRefused: (code: string) => refusedReads.inc({ code }),
    viewsRestarted: counter(
      'records_restarts_total',
      'Times the thread of the session records was started again.',
    ),
    unknownIntent: counter(
      'unknown_intents_total',
      'Verified logouts with an intent that is not in our list.',
    ),
    storeFailed: counter('store_failures_total', 'Batches that the store could not make durable.'),
    reportRejected: counter('rejected_reports_total', 'Reports that the store rejected.'),
    writerRestarted: counter('writer_restarts_total', 'Times the writing thread died and was started again.'),
    writerOpened: ({ journalMode, synchronous }: { journalMode: string; synchronous: string }) => {
      writer.set({ journal_mode: journalMode, synchronous }, 1)
    },
    keyFetchFailed: counter('key_fetch_failures_total', 'Times Clerk’s keys could not be had.'),
  }
}

function timed(registry: Registry) {
  const commits = new Histogram({
    name: `${PREFIX}commit_duration_seconds`,
    help: 'From handing a batch to the store until it is on disk.',
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5],
    registers: [registry],
  })
  const batches = new Histogram({
    name: `${PREFIX}batch_reports`,
    help: 'Reports in one transaction.',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
    registers: [registry],
  })
  return {
    committed: (reports: number, durationMs: number) => {
      batches.observe(reports)
      commits.observe(durationMs / 1000)
    },
  }
}
