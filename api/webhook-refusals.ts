/** Tells the operator that Clerk's webhooks are refused, and what to do: once, and when they are accepted again. */
import type { ProblemCode } from './problem.ts'
import { saidOnce } from './said-once.ts'
import type { WebhookRefusal } from './webhook.ts'

export interface RefusalsOptions {
  /** `detail`: what to do; nothing of what came. */
  onRefused: (code: WebhookRefusal, detail: string) => void
  onAccepted: () => void
  /** ms since 1970. */
  now: () => number
}

/** Anybody can send what is not signed. */
const REST_MS = 3_600_000

export function webhookRefusals({ onRefused, onAccepted, now }: RefusalsOptions) {
  const of = (code: WebhookRefusal) =>
    saidOnce<[detail: string]>({
      failed: (detail) => onRefused(code, detail),
      worked: onAccepted,
      restMs: REST_MS,
      now,
    })
  const said: Partial<Record<ProblemCode, ReturnType<typeof of>>> = {
    'webhook-signature-invalid': of('webhook-signature-invalid'),
    'webhook-timestamp-stale': of('webhook-timestamp-stale'),
    'webhook-body-invalid': of('webhook-body-invalid'),
  }
  return {
    refused: (code: ProblemCode, detail: string) => said[code]?.failed(detail),
    accepted: () => {
      for (const one of Object.values(said)) one.worked()
    },
  }
}
