/** Asks Clerk's Backend API for one session. */
import { createClerkClient } from '@clerk/backend'
import { isClerkAPIResponseError } from '@clerk/backend/errors'
import type { SessionId } from '../../trail/entry.ts'
import type { IpPolicy } from '../client-address.ts'
import type { LookUp } from '../sweep.ts'
import { SessionData, sessionFacts } from './session-facts.ts'

export interface LookUpOptions {
  secretKey: string
  apiUrl?: string | undefined
  ipPolicy: IpPolicy
}

const RETRY_AFTER_SECONDS = 10

export function sessionLookUp({ secretKey, apiUrl, ipPolicy }: LookUpOptions) {
  const client = createClerkClient({
    secretKey,
    telemetry: { disabled: true },
    ...(apiUrl ? { apiUrl } : {}),
  })
  return async function lookUp(sessionId: SessionId): Promise<LookUp> {
    try {
      const session = await client.sessions.getSession(sessionId)
      const data = SessionData.parse({
        id: session.id,
        user_id: session.userId,
        client_id: session.clientId,
        actor: session.actor,
        status: session.status,
        last_active_organization_id: session.lastActiveOrganizationId,
        last_active_at: session.lastActiveAt,
        expire_at: session.expireAt,
        abandon_at: session.abandonAt,
        created_at: session.createdAt,
        latest_activity: session.latestActivity && {
          device_type: session.latestActivity.deviceType,
          city: session.latestActivity.city,
          country: session.latestActivity.country,
        },
      })
      return { is: 'session', status: session.status, facts: sessionFacts(data, ipPolicy) }
    } catch (error) {
      if (!isClerkAPIResponseError(error)) return { is: 'failed', error }
      if (error.status === 404) return { is: 'unknown' }
      if (error.status === 429)
        return { is: 'busy', retryAfterMs: (error.retryAfter ?? RETRY_AFTER_SECONDS) * 1000 }
      return { is: 'failed', error: refused(error) }
    }
  }
}

function refused(error: { status: number; message: string }): Error {
  return error.status === 401 || error.status === 403
    ? new Error(`Clerk refuses CLERK_SECRET_KEY (${error.status}): copy it again from Clerk’s dashboard.`)
    : new Error(`Clerk’s Backend API answered ${error.status}: ${error.message}`)
}
