/**
 * The trail as the service uses it: one call that says, in bounded time, whether a report is durable.
 *
 * Group commit: what arrives while a commit is in flight forms the next batch. No timer waits for more, so a
 * batch is 1 when idle and grows with the load by itself.
 */
import assert from 'node:assert/strict'
import { keyOf, type Report } from './entry.ts'
import { TrailError, type TrailErrorCode } from './error.ts'
import type { AppendResult, TrailStore } from './store.ts'

/**
 * What became of a report. Only `durable` and `duplicate` are promises; after each of the others the report may
 * or may not be in the trail, and sending it again is safe.
 */
export type AppendOutcome =
  | 'durable'
  | 'duplicate'
  | 'timed-out'
  | 'queue-full'
  | 'store-failed'
  | 'rejected'
  | 'closed'

/** Told what happens to batches, for metrics and for the operator's log. */
export interface TrailObserver {
  /** `reports` were answered by the store in `durationMs`. */
  committed?: (reports: number, durationMs: number) => void
  failed?: (error: unknown) => void
  /** The store rejected one report and took the rest of its batch. */
  rejected?: (reason: string) => void
}

export interface TrailOptions {
  store: TrailStore
  /** ms since 1970. */
  now: () => number
  /** How long `append` waits for the commit before it answers `timed-out`. */
  confirmWithinMs?: number
  /** How many reports may wait, those in flight included. */
  queueLimit?: number
  /** How many reports go into one transaction. */
  batchLimit?: number
  /** How many committed keys are remembered, to answer a repeat without the store; 0: every repeat asks it. */
  recentLimit?: number
  observe?: TrailObserver
}

interface Waiting {
  report: Report
  key: string
  /** ms on the monotonic clock. */
  expiresAt: number
  /** The first answer counts; later ones change nothing, as promises have it. */
  resolve: (outcome: AppendOutcome) => void
}

export class Trail {
  readonly #store: TrailStore
  readonly #now: () => number
  readonly #confirmWithinMs: number
  readonly #queueLimit: number
  readonly #batchLimit: number
  readonly #observe: TrailObserver
  readonly #recent: RecentKeys
  /** In order of arrival; the first `#inFlight` of them are being committed. */
  #waiting: Waiting[] = []
  #inFlight = 0
  #timer: ReturnType<typeof setTimeout> | null = null
  #checking: Promise<void> | null = null
  #closing: Promise<void> | null = null
  #drained: (() => void) | null = null

  constructor(options: TrailOptions) {
    this.#store = options.store
    this.#now = options.now
    this.#confirmWithinMs = options.confirmWithinMs ?? 2000
    this.#queueLimit = options.queueLimit ?? 10_000
    this.#batchLimit = options.batchLimit ?? 512
    this.#observe = options.observe ?? {}
    this.#recent = new RecentKeys(options.recentLimit ?? 20_000)
  }

  /** How many reports wait for their commit. */
  get pending(): number {
    return this.#waiting.length
  }

  /** Never rejects, and answers within `confirmWithinMs`. */
  append(report: Report): Promise<AppendOutcome> {
    if (this.#closing) return Promise.resolve('closed')
    const key = keyOf(report)
    if (this.#recent.has(key)) return Promise.resolve('duplicate')
    if (this.#waiting.length >= this.#queueLimit) return Promise.resolve('queue-full')
    return new Promise((resolve) => {
      const expiresAt = performance.now() + this.#confirmWithinMs
      this.#waiting.push({ report, key, expiresAt, resolve })
      this.#timer ??= setTimeout(() => this.#expire(), this.#confirmWithinMs)
      if (this.#inFlight === 0) this.#commit()
    })
  }

  /** Fulfils when the store took a write just now. @throws {TrailError} with what is wrong, in bounded time. */
  async check(): Promise<void> {
    const late = Promise.withResolvers<never>()
    const seconds = this.#confirmWithinMs / 1000
    const timer = setTimeout(
      () => late.reject(new TrailError('trail-unavailable', `The store did not answer within ${seconds} s.`)),
      this.#confirmWithinMs,
    )
    try {
      await Promise.race([this.#checkStore(), late.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  /** One at a time: while the store hangs, checks must not queue up in front of the reports. */
  #checkStore(): Promise<void> {
    return (this.#checking ??= this.#store.check().finally(() => (this.#checking = null)))
  }

  /** Refuses what comes from now on, waits until all that was accepted is committed or failed, closes the store. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    if (this.#waiting.length > 0) await new Promise<void>((resolve) => (this.#drained = resolve))
    await this.#store.close()
  }

  #commit(): void {
    const batch = this.#waiting.slice(0, this.#batchLimit)
    this.#inFlight = batch.length
    const startedAt = performance.now()
    const reports = batch.map((waiting) => waiting.report)
    this.#store.append(reports, this.#now()).then(
      (results) => {
        this.#observe.committed?.(batch.length, performance.now() - startedAt)
        batch.forEach((waiting, at) => this.#settle(waiting, results[at]))
        this.#continue()
      },
      (error: unknown) => {
        this.#observe.failed?.(error)
        if (error instanceof TrailError && LOSES_HISTORY.has(error.code)) this.#recent.clear()
        for (const waiting of batch) waiting.resolve('store-failed')
        this.#continue()
      },
    )
  }

  #continue(): void {
    this.#waiting.splice(0, this.#inFlight)
    this.#inFlight = 0
    if (this.#waiting.length > 0) {
      this.#commit()
      return
    }
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    this.#drained?.()
  }

  #settle(waiting: Waiting, result: AppendResult | undefined): void {
    assert(result, 'the store answers for each report of a batch')
    if (result.result === 'rejected') {
      this.#observe.rejected?.(result.reason)
    } else {
      this.#recent.add(waiting.key)
    }
    waiting.resolve(result.result)
  }

  /** Answers all whose time is up; they stay in line, and may still become durable. */
  #expire(): void {
    const now = performance.now()
    const next = this.#waiting.find((waiting) => {
      if (waiting.expiresAt > now) return true
      waiting.resolve('timed-out')
      return false
    })
    this.#timer = next ? setTimeout(() => this.#expire(), next.expiresAt - now) : null
  }
}

/** After these nobody can say from memory that something is in the trail. */
const LOSES_HISTORY: ReadonlySet<TrailErrorCode> = new Set([
  'trail-rewound',
  'trail-replaced',
  'trail-corrupt',
])

/** A bounded set that forgets what was longest not asked for. */
class RecentKeys {
  readonly #limit: number
  readonly #keys = new Set<string>()

  constructor(limit: number) {
    this.#limit = limit
  }

  has(key: string): boolean {
    if (!this.#keys.delete(key)) return false
    this.#keys.add(key)
    return true
  }

  clear(): void {
    this.#keys.clear()
  }

  add(key: string): void {
    this.#keys.add(key)
    if (this.#keys.size <= this.#limit) return
    const [oldest] = this.#keys
    if (oldest !== undefined) this.#keys.delete(oldest)
  }
}
