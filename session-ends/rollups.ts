/**
 * What sessions are counted by: buckets of 15 minutes UTC, of everything and of each organisation, and days of UTC for long times. No
 * id of a user or a session stands in them.
 *
 * What a session counts for follows from its facts alone. When these change, what it counted for is taken back and what it counts for
 * now is added, so every order of the same reports gives the same counts.
 */
import { intents, type OrgId } from '../trail/entry.ts'
import { binOf } from './bins.ts'
import { deviceOf, devices } from './device.ts'
import { overBy } from './due.ts'
import type { SessionFacts } from './facts.ts'
import { ENDED, outcomeOf, REQUESTED } from './outcome.ts'
import { requestThatCounts, type SessionRecord } from './record.ts'
import { DAY_MS, QUARTER_MS } from './views-schema.ts'

/** What is counted, when it counts, and what `part` stands for; the number is what the tables hold. */
export const measures = {
  /** Session ends, when they ended, or by when; `part`: 0, or a place in `devices` from 1. */
  ends: 0,
  /** Ends of which the duration is known, when they ended; `part`: the bin of the duration. */
  durations: 1,
  /** Sign-outs that Clerk confirmed, when they were clicked; `part`: the bin of the time from the click to the end. */
  confirmations: 2,
  /** Sessions of which a logout was asked for, when it was first; `part`: 0, or a place in `intents` from 1. */
  intents: 3,
  /** Sessions that were seen to begin, when they must be over; `part`: 0. */
  mustBeOver: 4,
  /** Sessions that have no end: when a logout was first asked for, else 0; `part`: 0. */
  standing: 5,
} as const
export type Measure = (typeof measures)[keyof typeof measures]

export interface Count {
  measure: Measure
  /** ms since 1970 */
  at: number
  outcome: number
  part: number
}

/** What a session counts for, each of it once. */
export function countsOf(facts: SessionFacts, record: Omit<SessionRecord, 'sentence'>): Count[] {
  const outcome = outcomeOf(record)
  const counts = outcome >= ENDED ? endCounts(facts, record, outcome) : [standingCount(record, outcome)]
  const { requested_at } = record
  if (requested_at !== null) {
    const part = record.intent === null ? 0 : intents.indexOf(record.intent) + 1
    counts.push({ measure: measures.intents, at: requested_at, outcome, part })
  }
  const over = facts.begun === 1 ? overBy(facts) : null
  if (over !== null) counts.push({ measure: measures.mustBeOver, at: over, outcome, part: 0 })
  return counts
}

function standingCount({ requested_at }: Pick<SessionRecord, 'requested_at'>, outcome: number): Count {
  const at = outcome === REQUESTED ? (requested_at ?? 0) : 0
  return { measure: measures.standing, at, outcome, part: 0 }
}

function endCounts(facts: SessionFacts, record: Omit<SessionRecord, 'sentence'>, outcome: number): Count[] {
  const { ended_at, ended_at_latest, duration_ms, reason } = record
  const at = ended_at ?? ended_at_latest
  if (at === null) return []
  const device = deviceOf(facts.device)
  const part = device === null ? 0 : devices.indexOf(device) + 1
  const counts: Count[] = [{ measure: measures.ends, at, outcome, part }]
  if (duration_ms !== null)
    counts.push({ measure: measures.durations, at, outcome, part: binOf(duration_ms) })
  const click = reason === 'signed-out' && ended_at !== null ? requestThatCounts(facts, record) : null
  if (click)
    counts.push({
      measure: measures.confirmations,
      at: click.at,
      outcome,
      part: binOf(Math.max(0, at - click.at)),
    })
  return counts
}

const QUARTERS_OF_A_DAY = DAY_MS / QUARTER_MS

/** By how much the rows of a table change, by their packed keys. */
type Changes = Map<number, number>

/** By how much each row changes, in the order of the table; none by 0. */
export type RollupRow = readonly [measure: number, at: number, outcome: number, part: number, by: number]

export interface RollupRows {
  quarters: RollupRow[]
  days: RollupRow[]
  orgQuarters: { org: OrgId; rows: RollupRow[] }[]
}

/** Changes are kept until they are written together: most of what is taken back was added a moment ago. */
export class RollupChanges {
  readonly #pending = new Map<OrgId | null, Changes>()

  count(org: OrgId | null, counts: readonly Count[], by: 1 | -1): void {
    const changes = this.#pending.get(org) ?? new Map<number, number>()
    this.#pending.set(org, changes)
    for (const { measure, at, outcome, part } of counts) {
      change(changes, packed(measure, Math.floor(at / QUARTER_MS), outcome, part), by)
    }
  }

  rows(): RollupRows {
    const quarters: Changes = new Map()
    const days: Changes = new Map()
    const orgQuarters: RollupRows['orgQuarters'] = []
    for (const [org, changes] of this.#pending) {
      for (const [key, by] of changes) change(quarters, key, by)
      const rows = org === null ? [] : rowsOf(changes)
      if (org !== null && rows.length > 0) orgQuarters.push({ org, rows })
    }
    for (const [key, by] of quarters) {
      const [measure, quarter, outcome, part] = unpacked(key)
      change(days, packed(measure, Math.floor(quarter / QUARTERS_OF_A_DAY), outcome, part), by)
    }
    return { quarters: rowsOf(quarters), days: rowsOf(days), orgQuarters }
  }
}

function rowsOf(changes: Changes): RollupRow[] {
  const real = [...changes].filter(([, by]) => by !== 0).toSorted(([a], [b]) => a - b)
  return real.map(([key, by]): RollupRow => [...unpacked(key), by])
}

function change(changes: Changes, key: number, by: number): void {
  changes.set(key, (changes.get(key) ?? 0) + by)
}

type Key = readonly [measure: number, at: number, outcome: number, part: number]

/** More than there are quarters until the last date, outcomes and bins. With `measure` these are 52 bits, which a number holds. */
const [AT, OUTCOME, PART] = [2 ** 34, 16, 2048]

/** A key as one number, which a map finds much sooner than a text; in the order of the table. */
function packed(...[measure, at, outcome, part]: Key): number {
  return ((measure * AT + at) * OUTCOME + outcome) * PART + part
}

function unpacked(key: number): Key {
  const beforePart = Math.floor(key / PART)
  const beforeOutcome = Math.floor(beforePart / OUTCOME)
  const measure = Math.floor(beforeOutcome / AT)
  return [
    measure,
    beforeOutcome - measure * AT,
    beforePart - beforeOutcome * OUTCOME,
    key - beforePart * PART,
  ]
}
