'use client'
import { useClerk, useSession } from '@clerk/nextjs'
import Link from 'next/link'
import { useState } from 'react'
import { LogoutButton } from 'logout-trail/react/nextjs'

/** Every session of this browser: switch between them, add one, end them all. */
export function Accounts({ endpoint }: { endpoint: string | false }) {
  const clerk = useClerk()
  const { session: current } = useSession()
  const sessions = clerk.client?.signedInSessions ?? []
  const [problem, setProblem] = useState('')
  const use = (session: string) => {
    clerk.setActive({ session, redirectUrl: '/' }).catch((error: unknown) => setProblem(String(error)))
  }
  return (
    <section aria-labelledby="accounts">
      <h2 id="accounts">Accounts in this browser</h2>
      <ul className="accounts">
        {sessions.map((session) => (
          <li key={session.id}>
            <span>
              {session.publicUserData?.firstName} {session.publicUserData?.lastName}
            </span>
            {session.id === current?.id ? (
              <span className="badge">in use</span>
            ) : (
              <button type="button" onClick={() => use(session.id)}>
                Use
              </button>
            )}
          </li>
        ))}
      </ul>
      {problem && <p role="alert">{problem}</p>}
      <div className="row">
        <Link className="button" href="/sign-in?another">
          Sign in as another person
        </Link>
        <LogoutButton
          scope="browser"
          endpoint={endpoint}
          labels={{ idle: 'Log out of all', retry: 'Log out of all', failed: '', noAnswer: '' }}
        />
      </div>
    </section>
  )
}
