/** Asks Clerk's Backend API for one session. */
import type { ClerkClient } from '@clerk/backend'
import type { SessionId } from '../../trail/entry.ts'
import type { IpPolicy } from '../client-address.ts'
import type { LookUp } from '../sweep.ts'
import { refusal } from './backend.ts'
import { SessionData, sessionFacts } from './session-facts.ts'

type Session = Awaited<ReturnType<ClerkClient['sessions']['getSession']>>

/** Never rejects. */
export function sessionLookUp(client: ClerkClient, ipPolicy: IpPolicy) {
  return function lookUp(sessionId: SessionId): Promise<LookUp> {
    return client.sessions
      .getSession(sessionId)
      .then((session) => readAnswer(session, { sessionId, ipPolicy }), refusal)
  }
}

interface Asked {
  sessionId: SessionId
  ipPolicy: IpPolicy
}

function readAnswer(session: Session, { sessionId, ipPolicy }: Asked): LookUp {
  const { data, error } = SessionData.safeParse(dataOf(session))
  if (error) return { is: 'unusable', error }
  if (data.id !== sessionId) return { is: 'unusable', error: new Error(`The answer is about ${data.id}.`) }
  return { is: 'session', status: data.status ?? '', facts: sessionFacts(data, ipPolicy) }
}

/** By Clerk's own names, as webhooks have them. Whatever answered, this does not throw. */
function dataOf(session: Session | undefined): Record<keyof SessionData, unknown> {
  return {
    id: session?.id,
    user_id: session?.userId,
    client_id: session?.clientId,
    actor: session?.actor,
    status: session?.status,
    last_active_organization_id: session?.lastActiveOrganizationId,
    last_active_at: session?.lastActiveAt,
    expire_at: session?.expireAt,
    abandon_at: session?.abandonAt,
    created_at: session?.createdAt,
    latest_activity: session?.latestActivity && {
      device_type: session.latestActivity.deviceType,
      city: session.latestActivity.city,
      country: session.latestActivity.country,
    },
  }
}
