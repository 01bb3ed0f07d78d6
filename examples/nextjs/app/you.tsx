'use client'
import { useSession, useUser } from '@clerk/nextjs'

/** What the server knows from the session token, and what the browser knows beside it. */
export function You({ userId, sessionId }: { userId: string | null; sessionId: string | null }) {
  const { user } = useUser()
  const { session } = useSession()
  return (
    <dl className="facts">
      <dt>Who</dt>
      <dd>
        {user ? [user.fullName, user.primaryEmailAddress?.emailAddress].filter(Boolean).join(', ') : '…'}
      </dd>
      <dt>User</dt>
      <dd>
        <code>{userId}</code>
      </dd>
      <dt>Session</dt>
      <dd>
        <code>{sessionId}</code>
      </dd>
      <dt>Since</dt>
      <dd>
        {session ? (
          <time dateTime={session.createdAt.toISOString()}>{session.createdAt.toLocaleString()}</time>
        ) : (
          '…'
        )}
      </dd>
      <dt>Organisation</dt>
      <dd>{session?.lastActiveOrganizationId ? <code>{session.lastActiveOrganizationId}</code> : 'none'}</dd>
    </dl>
  )
}
