'use client'
import { useAuth, useClerk } from '@clerk/nextjs'
import { useState } from 'react'

export interface Person {
  id: string
  name: string
  email: string
  organisations: { name: string }[]
}

/** Sign-in by ticket, which is how Clerk's own sign-in tokens work too. */
export function ChoosePerson({ people }: { people: Person[] | null }) {
  const clerk = useClerk()
  const { isLoaded } = useAuth()
  const [chosen, choose] = useState<string | null>(null)
  const [problem, setProblem] = useState('')
  if (!people) {
    return (
      <p role="alert">
        The stand-in for Clerk does not answer. <code>npm run demo</code> starts it, in the root of the
        repository.
      </p>
    )
  }

  function signInAs(userId: string) {
    choose(userId)
    setProblem('')
    signIn(clerk, userId).catch((error: unknown) => {
      setProblem(error instanceof Error ? error.message : String(error))
      choose(null)
    })
  }

  return (
    <>
      <p>Choose whom to be. There are no passwords here.</p>
      {people.length === 0 && <p>The stand-in knows nobody: start it without --no-users.</p>}
      <ul className="people">
        {people.map(({ id, name, email, organisations }) => (
          <li key={id}>
            <button
              type="button"
              aria-busy={chosen === id || undefined}
              disabled={!isLoaded || chosen !== null}
              onClick={() => signInAs(id)}
            >
              <strong>{name}</strong>
              <span>{[email, ...organisations.map(({ name }) => name)].join(' · ')}</span>
            </button>
          </li>
        ))}
      </ul>
      {problem && <p role="alert">{problem}</p>}
    </>
  )
}

async function signIn(clerk: ReturnType<typeof useClerk>, userId: string): Promise<void> {
  const ticket = await ticketFor(userId)
  const { createdSessionId } = await clerk.client.signIn.create({ strategy: 'ticket', ticket })
  await clerk.setActive({ session: createdSessionId, redirectUrl: '/' })
}

async function ticketFor(userId: string): Promise<string> {
  const answer = await fetch('/__clerk/stand-in/tickets', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user_id: userId }),
  })
  if (!answer.ok) throw new Error(`The stand-in answered ${answer.status}: start the demo again.`)
  const { ticket } = (await answer.json()) as { ticket: string }
  return ticket
}
