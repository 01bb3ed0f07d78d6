/**
 * The HTTP contract: the shapes of what is sent and answered. The front ends know the service by these types alone; what
 * OpenAPI says of each operation stands in `operations.ts`.
 */
import { z } from 'zod'
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
