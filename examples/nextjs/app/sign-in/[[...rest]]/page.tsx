import { SignIn } from '@clerk/nextjs'
import { isStandIn, standInUrl } from '../../../clerk-environment'
import { ChoosePerson, type Person } from '../choose-person'

export const dynamic = 'force-dynamic'

export default async function SignInPage() {
  return (
    <main className="narrow">
      <h1>Sign in</h1>
      {isStandIn ? <ChoosePerson people={await peopleOfTheStandIn()} /> : <SignIn />}
    </main>
  )
}

/** Null when it does not answer. */
async function peopleOfTheStandIn(): Promise<Person[] | null> {
  try {
    const answer = await fetch(`${standInUrl}/stand-in/state`, { cache: 'no-store' })
    const { users } = (await answer.json()) as { users: Person[] }
    return users
  } catch (error) {
    console.error('The stand-in for Clerk does not answer:', error)
    return null
  }
}
