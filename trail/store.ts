/**
 * The store port: what every store promises, in prose. `stores/conformance.ts` holds each store to it.
 *
 * - `append` makes a batch durable in one transaction. When its promise fulfils, every report answered `durable`
 *   has reached the disk and survives the loss of power; when it rejects, none of the batch is promised.
 * - Indexes are assigned inside that transaction: from 0, without a gap, in the order of the batch and of the calls.
 * - A report whose natural key (of the same source) is already in the trail is answered `duplicate` with the index
 *   of the entry that is there, and writes nothing: within a batch, across batches, after a restart, after erasure.
 * - A report that the table refuses (a wrong type) fails alone, as `rejected`; the rest of its batch is durable.
 * - `read` returns committed entries only, in the order of their index.
 * - `check` makes a write durable and takes nothing on trust: it rejects when the store cannot take one now.
 * - After `close` every call rejects with `trail-closed`. `close` waits for the appends under way.
 *
 * Rejections are `TrailError`s.
 */
import type { Entry, Report } from './entry.ts'

export type AppendResult =
  | { result: 'durable'; index: number }
  | { result: 'duplicate'; index: number }
  | { result: 'rejected'; reason: string }

/** The one row that says which trail this is. The trail key never leaves the store. */
export interface TrailHead {
  /** Random, 32 hexadecimal digits; two trails never share one. */
  trailId: string
  /** The Clerk instance whose sessions this trail records, as in the token's `iss`. */
  issuer: string
  /** Raised when a restored backup is accepted. */
  epoch: number
  /** How many entries there are; the index that the next one gets. */
  nextIndex: number
  schemaVersion: number
}

export interface TrailStore {
  /** `recordedAt`: ms since 1970, written to each entry of the batch. */
  append(batch: readonly Report[], recordedAt: number): Promise<AppendResult[]>
  /** Up to `limit` entries whose index is greater than `after` (-1: from the first). */
  read(after: number, limit: number): Promise<Entry[]>
  head(): Promise<TrailHead>
  check(): Promise<void>
  close(): Promise<void>
}

/** A trail that is read beside the service that writes it. */
export interface TrailReader {
  /** As the store's. */
  read(after: number, limit: number): Promise<Entry[]>
  /** The entries with these indexes, in their order; what is not there is left out. */
  at(indexes: readonly number[]): Promise<Entry[]>
  head(): Promise<TrailHead>
  close(): void
}
