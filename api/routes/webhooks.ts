/** POST /v1/webhooks/clerk: what Clerk says of sessions, recorded before it is acknowledged. */
import type { AppendOutcome } from '../../trail/trail.ts'
import type { Report } from '../../trail/entry.ts'
import { details, problem, type ProblemCode } from '../problem.ts'
import type { ReadWebhook, SpareField } from '../webhook.ts'

export interface WebhookDeps {
  /** Null: no secret is configured, so nothing is accepted. */
  read: ReadWebhook | null
  record: (report: Report) => Promise<AppendOutcome>
  observe: WebhookObserver
}

export interface WebhookObserver {
  /** Acknowledged; `type` is Clerk's word, or `other`. */
  webhook: (type: string) => void
  /** `detail`: what to do; nothing of what came. */
  webhookRefused: (code: ProblemCode, detail: string) => void
  /** Of a webhook that was acknowledged all the same. */
  webhookFieldDropped: (field: SpareField) => void
}

/** Clerk's are a few kilobytes. */
export const WEBHOOK_BYTES = 262_144

export function clerkWebhookWith({ read, record, observe }: WebhookDeps) {
  return async function clerkWebhook(request: Request): Promise<Response> {
    const refuse = (code: ProblemCode, detail: string) => {
      observe.webhookRefused(code, detail)
      return problem(code, detail)
    }
    if (!read) return refuse('webhooks-not-configured', details['webhooks-not-configured'])
    const body = await textOf(request)
    if (body === 'too large') return refuse('body-too-large', details['body-too-large'])
    if (body === 'cut off') return refuse('invalid-request', 'The body ended before it was whole.')
    const webhook = await read(request.headers, body.text)
    if (webhook.is === 'refused') return refuse(webhook.code, webhook.detail)
    if (webhook.is === 'report') {
      const outcome = await record(webhook.report)
      if (outcome !== 'durable' && outcome !== 'duplicate')
        return refuse('webhook-not-recorded', details['webhook-not-recorded'])
    }
    for (const field of webhook.dropped) observe.webhookFieldDropped(field)
    observe.webhook(webhook.is === 'report' ? webhook.type : 'other')
    return new Response(null, { status: 204 })
  }
}

type Body = { text: string } | 'too large' | 'cut off'

/** When it is too large the rest is not read. */
async function textOf(request: Request): Promise<Body> {
  if (Number(request.headers.get('content-length')) > WEBHOOK_BYTES) return 'too large'
  const decoder = new TextDecoder()
  let bytes = 0
  let text = ''
  try {
    for await (const chunk of request.body ?? []) {
      bytes += chunk.byteLength
      if (bytes > WEBHOOK_BYTES) return 'too large'
      text += decoder.decode(chunk, { stream: true })
    }
  } catch {
    // Nothing but the connection can fail here, and anybody can break off: that is no error of ours.
    return 'cut off'
  }
  return { text: text + decoder.decode() }
}
