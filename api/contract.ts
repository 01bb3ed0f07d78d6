/**
 * The HTTP contract: the shapes of what is sent and answered. The front ends know the service by these types alone; what
 * OpenAPI says of each operation stands in `operations/`.
 */
import { z } from 'zod'
import { bucketSizes } from '../session-ends/calendar.ts'
import { devices } from '../session-ends/device.ts'
import { dimensions } from '../session-ends/outcome.ts'
import { confidences, initiators, reasons, states } from '../session-ends/record.ts'
import { intents, kinds, sources, type columns, type Entry as TrailEntry } from '../trail/entry.ts'
import { problemStatus, type ProblemCode } from './problem.ts'

export const LogoutAnswer = z
  .object({ success: z.literal(true), message: z.literal('Logged out successfully') })
  .meta({ ref: 'LogoutAnswer' })

export const Problem = z
  .object({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: 'One sentence that says what to do.' }),
    code: z
      .enum(Object.keys(problemStatus) as [ProblemCode, ...ProblemCode[]])
      .meta({ description: 'Stable: the one to branch on.' }),
  })
  .meta({ ref: 'Problem', description: 'Problem details, RFC 9457.' })
export type Problem = z.infer<typeof Problem>

/** What a click meant; the query `intent`. */
export const LogoutIntent = z.enum(intents)
export type LogoutIntent = z.infer<typeof LogoutIntent>

export const Alive = z.object({ status: z.literal('alive') }).meta({ ref: 'Alive' })

export const Ready = z.object({ status: z.literal('ready') }).meta({ ref: 'Ready' })

const time = z.iso
  .datetime({ precision: 3 })
  .nullable()
  .meta({ description: 'RFC 3339, in UTC, with milliseconds.' })
const word = z.string().nullable()
const ms = z.int().nullable()

/** As in the trail: times are milliseconds since 1970. */
const entryColumns = {
  kind: z.enum(kinds),
  source: z.enum(sources),
  occurred_at: z.int().meta({ description: 'ms since 1970, by the clock of the source.' }),
  recorded_at: z.int().meta({ description: 'ms since 1970, when it was first made durable.' }),
  session_id: word,
  user_id: word,
  client_id: word,
  actor_id: word,
  org_id: word,
  ip: word,
  user_agent: word,
  city: word,
  country: word,
  azp: word,
  token_iat: ms.meta({ description: 'Seconds since 1970, as in the token.' }),
  token_state: z.enum(['valid', 'expired']).nullable(),
  request_id: word,
  trace_id: word,
  clerk_status: word,
  intent: z.enum(intents).nullable(),
  device_type: word,
  session_created_at: ms,
  session_last_active_at: ms,
  session_expire_at: ms,
  session_abandon_at: ms,
} satisfies Record<(typeof columns)[number], z.ZodType>

export const Entry = z
  .object({
    index: z.int().meta({ description: 'Gapless from 0: the only order.' }),
    ...entryColumns,
  })
  .meta({ ref: 'Entry', description: 'What one source told, as it was recorded.' }) satisfies z.ZodType<
  Record<keyof TrailEntry, unknown>
>
export type Entry = z.infer<typeof Entry>

export const EntryPage = z
  .object({
    items: z.array(Entry).meta({ description: 'In the order of their index.' }),
    next_after: z.int().meta({
      description: 'The `after` to go on with: the index of the last item, or the one that was given.',
    }),
  })
  .meta({ ref: 'EntryPage' })

export const SessionRecord = z
  .object({
    session_id: z.string(),
    user_id: word,
    org_id: word,
    client_id: word,
    actor_id: word.meta({ description: 'Who acted for the user (impersonation).' }),
    state: z.enum(states).meta({
      description: 'Only `ended` is a session end. `requested`: asked for, and not confirmed by Clerk.',
    }),
    started_at: time,
    requested_at: time,
    ended_at: time,
    ended_at_earliest: time,
    ended_at_latest: time,
    duration_ms: z.int().nonnegative().nullable(),
    reason: z.enum(reasons).nullable(),
    initiator: z.enum(initiators).nullable().meta({ description: 'The words of CAEP.' }),
    confidence: z
      .enum(confidences)
      .nullable()
      .meta({ description: '`confirmed`: Clerk says so of this session.' }),
    intent: z.enum(intents).nullable().meta({
      description: 'Of a session that ended: of the request near its end, if there is one.',
    }),
    unconfirmed: z
      .boolean()
      .meta({ description: 'Asked for over 10 minutes ago, and not confirmed by Clerk.' }),
    sentence: z.string().meta({ description: 'What a person would say of it.' }),
  })
  .meta({ ref: 'SessionRecord' })
export type SessionRecord = z.infer<typeof SessionRecord>

export const SessionDetail = SessionRecord.extend({
  entries: z.array(Entry).meta({ description: 'Oldest first, at most 1,000.' }),
}).meta({ ref: 'SessionDetail' })
export type SessionDetail = z.infer<typeof SessionDetail>

export const SessionPage = z
  .object({
    items: z.array(SessionRecord),
    next_cursor: z.string().nullable().meta({ description: 'Opaque; null at the end.' }),
  })
  .meta({ ref: 'SessionPage' })
export type SessionPage = z.infer<typeof SessionPage>

const count = z.int().nonnegative()
const instant = z.iso.datetime({ precision: 3 })
const span = {
  from: instant.meta({ description: 'What is counted begins here, on a quarter of an hour UTC.' }),
  to: instant.meta({ description: 'And ends before this.' }),
  tz: z.string().meta({ description: 'As it was asked for.' }),
}
const percentile = z
  .int()
  .nonnegative()
  .nullable()
  .meta({ description: 'Within 2 % of the exact one; null when there is none.' })

export const SessionEndsOverTime = z
  .object({
    ...span,
    bucket: z.enum(bucketSizes),
    by: z.array(z.enum(dimensions)),
    buckets: z.array(instant).meta({
      description:
        'When each begins. The first may begin before `from` and the last end after `to`: counted is what lies in between.',
    }),
    series: z
      .array(
        z.object({
          reason: z.enum(reasons).nullable().optional(),
          initiator: z.enum(initiators).nullable().optional(),
          confidence: z.enum(confidences).nullable().optional(),
          device: z.enum(devices).nullable().optional(),
          counts: z.array(count).meta({ description: 'One for each bucket.' }),
          total: count,
        }),
      )
      .meta({ description: 'One key for each of `by`, null where there is none. The largest total first.' }),
    total: count,
  })
  .meta({ ref: 'SessionEndsOverTime' })
export type SessionEndsOverTime = z.infer<typeof SessionEndsOverTime>

export const Durations = z
  .object({
    ...span,
    sessions: count.meta({ description: 'Ends of which the beginning and the moment are known.' }),
    p50_ms: percentile,
    p90_ms: percentile,
    p99_ms: percentile,
    histogram: z
      .array(z.object({ from_ms: count, to_ms: count, count }))
      .meta({ description: 'At most 40 bars, exact, up to the last that has any.' }),
  })
  .meta({ ref: 'Durations' })
export type Durations = z.infer<typeof Durations>

const Ends = z
  .object({
    total: count,
    voluntary: count.meta({ description: '`signed-out`, by the `user`.' }),
    forced: count.meta({ description: 'Every other known end.' }),
    unknown: count.meta({ description: 'Clerk only says that it no longer has the session.' }),
  })
  .meta({ ref: 'Ends' })

export const Overview = z
  .object({
    ...span,
    now: z
      .object({ open: count, requested: count, unconfirmed: count })
      .meta({ description: 'How many records stand so now, whatever the time that is asked for.' }),
    ends: Ends,
    previous: Ends.meta({
      description: 'In as long a time before `from` as has passed since it, until `to`.',
    }),
    confirmation: z.object({ sessions: count, p50_ms: percentile, p90_ms: percentile }).meta({
      description:
        'From the click to the end, of logouts that were clicked in the time and that Clerk confirmed within 10 minutes.',
    }),
    coverage: z.object({ sessions: count, ended: count, unknown: count }).meta({
      description:
        'Of the sessions that were seen to begin and had to be over in the time, as far as it has passed: how many have an end, and of how many Clerk only says that it no longer has them.',
    }),
    intents: z.array(z.object({ intent: z.enum(intents).nullable(), count })).meta({
      description:
        'Of the sessions of which a logout was first asked for in the time: each intent, and none.',
    }),
    sources: z
      .object({
        last_logout_at: time,
        last_webhook_at: time,
        last_sweep_at: time,
        records_behind: count.meta({ description: 'Entries that are not in the records yet.' }),
        webhooks_configured: z.boolean(),
        sweep_configured: z.boolean(),
        webhook_silence_ms: count.meta({
          description: 'For how long logouts came in without a webhook, since the start.',
        }),
      })
      .meta({ description: 'Of all organisations.' }),
  })
  .meta({ ref: 'Overview' })
export type Overview = z.infer<typeof Overview>

/** What the dashboard is told before anybody has signed in: nothing secret. */
export const DashboardSettings = z
  .object({
    clerk: z
      .object({ publishable_key: z.string(), frontend_api: z.string() })
      .nullable()
      .meta({ description: 'Null: nobody may read with a session of Clerk.' }),
    development: z.boolean(),
    logout_endpoint: z.boolean(),
    webhooks: z.boolean(),
    version: z.string(),
  })
  .meta({ ref: 'DashboardSettings' })
export type DashboardSettings = z.infer<typeof DashboardSettings>
