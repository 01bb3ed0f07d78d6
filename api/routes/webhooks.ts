/** POST /v1/webhooks/clerk: what Clerk says of sessions, recorded before it is acknowledged. */
import type { AppendOutcome } from '../../trail/trail.ts'
import type { Report } from '../../trail/entry.ts'
import { details, problem, type ProblemCode } from '../problem.ts'
import type { ReadWebhook } from '../webhook.ts'

export interface WebhookDeps {
  /** Null: no secret is configured, so nothing is accepted. */
  read: ReadWebhook | null
  record: (report: Report) => Promise<AppendOutcome>
  observe: WebhookObserver
}

export interface WebhookObserver {
  /** Acknowledged; `type` is Clerk's word, or `other`. */
  webhook: (type: string) => void
  webhookRefused: (code: ProblemCode) => void
}

/** Clerk's are a few kilobytes. */
export const WEBHOOK_BYTES = 262_144

export function clerkWebhookWith({ read, record, observe }: WebhookDeps) {
  return async function clerkWebhook(request: Request): Promise<Response> {
    const refuse = (code: ProblemCode, detail: string) => {
      observe.webhookRefused(code)
      return problem(code, detail)
    }
    if (!read) return refuse('webhooks-not-configured', details['webhooks-not-configured'])
    const body = await textOf(request)
    if (body === null) return refuse('body-too-large', details['body-too-large'])
    const webhook = await read(request.headers, body)
    if (webhook.is === 'refused') return refuse(webhook.code, webhook.detail)
    if (webhook.is === 'report') {
      const outcome = await record(webhook.report)
      if (outcome !== 'durable' && outcome !== 'duplicate')
        return refuse('webhook-not-recorded', details['webhook-not-recorded'])
    }
    observe.webhook(webhook.is === 'report' ? webhook.type : 'other')
    return new Response(null, { status: 204 })
  }
}

/** Null when it is too large; the rest is not read. */
async function textOf(request: Request): Promise<string | null> {
  if (Number(request.headers.get('content-length')) > WEBHOOK_BYTES) return null
  const decoder = new TextDecoder()
  let bytes = 0
  let text = ''
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > WEBHOOK_BYTES) return null
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}
