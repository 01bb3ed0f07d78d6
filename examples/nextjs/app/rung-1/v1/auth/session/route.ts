/** Rung 1: the handler in the app itself. It verifies, writes one log line, answers 200, and stores nothing. */
import { logoutRoute } from 'logout-trail/next'
import { isStandIn, standInUrl } from '../../../../../clerk-environment'

export const { DELETE, OPTIONS } = logoutRoute({
  publishableKey: process.env['NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY'],
  // Clerk's own address follows from the key; the stand-in has another.
  jwksUrl: isStandIn ? `${standInUrl}/.well-known/jwks.json` : undefined,
})
