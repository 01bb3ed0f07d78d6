/** What a webhook of Clerk says, once its signature was checked. */
import type { Report } from '../trail/entry.ts'
import type { ProblemCode } from './problem.ts'

export type WebhookRefusal = Extract<
  ProblemCode,
  'webhook-signature-invalid' | 'webhook-timestamp-stale' | 'webhook-body-invalid'
>

export type Webhook =
  /** `type`: Clerk's word. */
  | { is: 'report'; type: string; report: Report }
  /** Signed by Clerk, and of a type that is not stored. */
  | { is: 'of no interest' }
  | { is: 'refused'; code: WebhookRefusal; detail: string }

/** Of a request whose body was read as this text. */
export type ReadWebhook = (headers: Headers, body: string) => Promise<Webhook>
