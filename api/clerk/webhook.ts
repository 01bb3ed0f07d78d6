/** Clerk's webhooks: the signature is checked by @clerk/backend, and what we use of the body is checked by us. */
import { verifyWebhook } from '@clerk/backend/webhooks'
import { z } from 'zod'
import { messageOf } from '../../trail/error.ts'
import { toldByWebhook, type Kind, type UserId } from '../../trail/entry.ts'
import type { IpPolicy } from '../client-address.ts'
import { spareFields, type ReadWebhook, type SpareField, type Webhook } from '../webhook.ts'
import { id, Network, networkFacts, SessionData, sessionFacts, spare, time } from './session-facts.ts'

export interface WebhookOptions {
  /** One, or two while the secret is rotated. */
  secrets: readonly string[]
  ipPolicy: IpPolicy
}

const sessionKinds = [
  'session.created',
  'session.pending',
  'session.ended',
  'session.removed',
  'session.revoked',
] as const satisfies readonly Kind[]

export function webhookReader({ secrets, ipPolicy }: WebhookOptions): ReadWebhook {
  return async (headers, body) => {
    const verified = await verify(headers, body, secrets)
    // Clerk's function parses after it has verified, and says of both only that they failed.
    if ('refused' in verified) return isJsonObject(body) ? refusals[verified.refused] : notJson
    return webhookOf(verified.event, { svixId: headers.get('svix-id')?.trim() ?? '', ipPolicy })
  }
}

const notJson: Webhook = {
  is: 'refused',
  code: 'webhook-body-invalid',
  detail: 'The body is not JSON.',
}

const refusals = {
  'webhook-timestamp-stale': {
    is: 'refused',
    code: 'webhook-timestamp-stale',
    detail: 'svix-timestamp is over 5 minutes from our clock: check the clock of this machine.',
  },
  'webhook-signature-invalid': {
    is: 'refused',
    code: 'webhook-signature-invalid',
    detail:
      'svix-id, svix-timestamp and svix-signature do not fit the body and CLERK_WEBHOOK_SIGNING_SECRET: copy the endpoint’s signing secret again.',
  },
} as const satisfies Record<string, Webhook>

type Verified = { event: unknown } | { refused: keyof typeof refusals }

/** Signed with one of the secrets, or refused: whatever else goes wrong is no signature either. */
async function verify(headers: Headers, body: string, secrets: readonly string[]): Promise<Verified> {
  let refused: keyof typeof refusals = 'webhook-signature-invalid'
  for (const signingSecret of secrets) {
    try {
      const request = new Request('http://webhook.invalid/', {
        method: 'POST',
        headers: signed(headers),
        body,
      })
      return { event: await verifyWebhook(request, { signingSecret }) }
    } catch (error) {
      if (/timestamp too (old|new)/.test(messageOf(error))) refused = 'webhook-timestamp-stale'
    }
  }
  return { refused }
}

function isJsonObject(body: string): boolean {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

function signed(headers: Headers): Headers {
  const kept = new Headers()
  for (const name of ['svix-id', 'svix-timestamp', 'svix-signature']) {
    const value = headers.get(name)
    if (value !== null) kept.set(name, value)
  }
  return kept
}

const Typed = z.object({ type: z.string({ error: 'is missing' }) })
const OfSession = z.object({ timestamp: time, data: SessionData, event_attributes: Network })
/** Clerk's type of a deleted user allows it. */
const OfNobody = z.object({ timestamp: time, data: z.object({ id: z.null().optional() }) })
const OfUser = z.object({
  timestamp: time,
  data: z.object({ id, banned: spare(z.boolean()) }),
  event_attributes: Network,
})

interface Reading {
  svixId: string
  ipPolicy: IpPolicy
}

function webhookOf(event: unknown, reading: Reading): Webhook {
  const typed = Typed.safeParse(event)
  if (!typed.success) return bodyInvalid(typed.error)
  const { type } = typed.data
  const kind = sessionKinds.find((one) => one === type)
  if (kind) return ofSession(kind, event, reading)
  return type === 'user.deleted' || type === 'user.updated'
    ? ofUser(type, event, reading)
    : { is: 'of no interest', dropped: [] }
}

function ofSession(kind: Kind, event: unknown, { svixId, ipPolicy }: Reading): Webhook {
  const { data: read, error } = OfSession.safeParse(event)
  if (error) return bodyInvalid(error)
  const facts = {
    ...sessionFacts(read.data, ipPolicy),
    ...networkFacts(read.event_attributes, ipPolicy),
  }
  return {
    is: 'report',
    type: kind,
    report: toldByWebhook(svixId, { ...facts, kind, occurred_at: read.timestamp }),
    dropped: droppedOf(event, read),
  }
}

function ofUser(type: 'user.deleted' | 'user.updated', event: unknown, reading: Reading): Webhook {
  if (type === 'user.deleted' && OfNobody.safeParse(event).success)
    return { is: 'of no interest', dropped: ['data.id'] }
  const { data: read, error } = OfUser.safeParse(event)
  if (error) return bodyInvalid(error)
  const dropped = droppedOf(event, read)
  if (type === 'user.updated' && read.data.banned !== true) return { is: 'of no interest', dropped }
  const facts = {
    user_id: read.data.id as UserId,
    ...networkFacts(read.event_attributes, reading.ipPolicy),
  }
  const kind = type === 'user.deleted' ? 'user.deleted' : 'user.banned'
  const report = toldByWebhook(reading.svixId, { ...facts, kind, occurred_at: read.timestamp })
  return { is: 'report', type, report, dropped }
}

/** What was there, and was read as null. */
function droppedOf(event: unknown, read: unknown): SpareField[] {
  return spareFields.filter(
    (field) => (valueIn(event, field) ?? null) !== null && valueIn(read, field) === null,
  )
}

function valueIn(whole: unknown, field: SpareField): unknown {
  return field
    .split('.')
    .reduce<unknown>((value, name) => (value as Record<string, unknown> | null | undefined)?.[name], whole)
}

/** Names the field that is wrong, and never repeats what it holds. */
function bodyInvalid(error: z.ZodError): Webhook {
  const [issue] = error.issues
  const detail = `${issue?.path.join('.') || 'The body'}: ${issue?.message}. Is this a webhook of Clerk?`
  return { is: 'refused', code: 'webhook-body-invalid', detail }
}
