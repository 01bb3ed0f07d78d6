/** Webhooks as Clerk sends them, signed by Svix's own package. */
import { randomBytes, randomUUID } from 'node:crypto'
import { Webhook } from 'svix'
import { TOKEN_TIME } from './clerk-instance.ts'

export function newSecret(): string {
  return `whsec_${randomBytes(24).toString('base64')}`
}

export interface Sent {
  secret: string
  id?: string
  /** When it is sent: the receiver compares it with the real clock. */
  at?: Date
}

/** The headers and the body of one attempt. */
export function signed(body: string, { secret, id = `msg_${randomUUID()}`, at = new Date() }: Sent) {
  return {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      'svix-id': id,
      'svix-timestamp': String(Math.floor(at.getTime() / 1000)),
      'svix-signature': new Webhook(secret).sign(id, at, body),
    },
  }
}

/** Nobody should find these in a file. */
export const PROFILE = {
  email: 'ada.private@example.com',
  phone: '+15550100999',
  name: 'Augusta-Ada-Private',
}

const DAY_MS = 86_400_000

/** The body of a webhook about a session. */
export function ofSession(
  type: string,
  data: Record<string, unknown> = {},
  rest: Record<string, unknown> = {},
) {
  return JSON.stringify({
    object: 'event',
    type,
    timestamp: TOKEN_TIME + 1000,
    instance_id: 'ins_test',
    event_attributes: { http_request: { client_ip: '203.0.113.77', user_agent: 'Mozilla/5.0 (Test)' } },
    data: {
      object: 'session',
      id: 'sess_1',
      user_id: 'user_1',
      client_id: 'client_1',
      actor: null,
      status: type.replace('session.', ''),
      last_active_organization_id: 'org_1',
      last_active_at: TOKEN_TIME,
      created_at: TOKEN_TIME - DAY_MS,
      updated_at: TOKEN_TIME,
      expire_at: TOKEN_TIME + 6 * DAY_MS,
      abandon_at: TOKEN_TIME + 29 * DAY_MS,
      latest_activity: {
        object: 'session_activity',
        id: 'sess_activity_1',
        device_type: 'Macintosh',
        is_mobile: false,
        ip_address: '203.0.113.77',
        city: 'Lisbon',
        country: 'PT',
      },
      user: { id: 'user_1', ...PROFILE, email_addresses: [{ email_address: PROFILE.email }] },
      ...data,
    },
    ...rest,
  })
}
