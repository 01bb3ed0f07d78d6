/** One browser as Clerk knows it: the stand-in for Clerk, told how to answer sign-outs. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Trouble } from '../clerk-stand-in/faults.ts'
import { sessionToken } from '../clerk-stand-in/shapes.ts'
import { standIn } from '../clerk-stand-in/stand-in.ts'
import type { TestClerk } from './clerk-instance.ts'

/** How sign-outs are answered. */
export type SignOutAnswer = 'as Clerk does' | 'with 500' | 'by hanging up' | 'late' | 'never'

export interface BrowserAtClerk {
  /** What was asked, with Clerk's `_method` for the method: `DELETE /v1/client/sessions`. */
  requests: string[]
  /** The ids of the sessions that are signed in. */
  sessions: string[]
  signOuts: SignOutAnswer
  answer: (request: IncomingMessage, response: ServerResponse) => void
  /** Gives the id of the session. */
  signIn: (userId: string) => string
  /** Makes this the session that the browser used last, as another tab might. */
  use: (sessionId: string) => void
  /** A fresh session token. */
  tokenOf: (sessionId: string) => string
  /** Waits until something like this was asked. */
  asked: (what: RegExp) => Promise<void>
  /** Answers what is late, and hangs up on what will never be answered. */
  release: () => void
}

const troubles: Record<Exclude<SignOutAnswer, 'as Clerk does'>, Trouble> = {
  'with 500': 500,
  'by hanging up': 'down',
  late: 'late',
  never: 'hang',
}

const SIGN_OUT = '^(DELETE /v1/client/sessions|POST /v1/client/sessions/[^/]+/remove)$'

/** Answers requests whose path begins at `/v1`, for the instance of these keys. */
export function browserAtClerk(clerk: TestClerk, origin: string): BrowserAtClerk {
  const { world, browsers, faults, clock, instance, requests, asked, answer } = standIn({
    instance: { ...clerk, id: clerk.kid },
    browsers: 'one',
  })
  const client = browsers.of(undefined) ?? world.newClient()
  let signOuts: SignOutAnswer = 'as Clerk does'
  return {
    requests,
    get sessions() {
      return world.activeSessions(client).map(({ id }) => id)
    },
    get signOuts() {
      return signOuts
    },
    set signOuts(answer: SignOutAnswer) {
      signOuts = answer
      faults.clear()
      if (answer !== 'as Clerk does') {
        faults.set({ group: 'frontend', trouble: troubles[answer], matching: SIGN_OUT })
      }
    },
    answer,
    signIn: (userId) => world.signIn(world.users.get(userId) ?? world.addUser({ id: userId }), client).id,
    use: (sessionId) => (client.lastActiveSessionId = sessionId),
    tokenOf: (sessionId) => {
      const session = world.session(sessionId)
      if (!session) throw new Error(`There is no session ${sessionId}.`)
      return sessionToken(instance, session, { origin, now: clock.now() })
    },
    asked,
    release: () => faults.release(),
  }
}
