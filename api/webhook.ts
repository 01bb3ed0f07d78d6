/** What a webhook of Clerk says, once its signature was checked. */
import type { Report } from '../trail/entry.ts'
import type { ProblemCode } from './problem.ts'

export type WebhookRefusal = Extract<
  ProblemCode,
  'webhook-signature-invalid' | 'webhook-timestamp-stale' | 'webhook-body-invalid'
>

/** What a webhook may have that we can do without: these are left out when they are not what they should be. */
export const spareFields = [
  'data.id',
  'data.banned',
  'data.client_id',
  'data.actor',
  'data.actor.sub',
  'data.status',
  'data.last_active_organization_id',
  'data.last_active_at',
  'data.expire_at',
  'data.abandon_at',
  'data.created_at',
  'data.latest_activity',
  'data.latest_activity.device_type',
  'data.latest_activity.city',
  'data.latest_activity.country',
  'event_attributes',
  'event_attributes.http_request',
  'event_attributes.http_request.client_ip',
  'event_attributes.http_request.user_agent',
] as const
export type SpareField = (typeof spareFields)[number]

export type Webhook =
  /** `type`: Clerk's word. */
  | { is: 'report'; type: string; report: Report; dropped: SpareField[] }
  /** Signed by Clerk, and of a type that is not stored, or of nobody. */
  | { is: 'of no interest'; dropped: SpareField[] }
  | { is: 'refused'; code: WebhookRefusal; detail: string }

/** Of a request whose body was read as this text. */
export type ReadWebhook = (headers: Headers, body: string) => Promise<Webhook>
