import { clerkMiddleware, createRouteMatcher } from '@clerk/nextjs/server'

const isPublic = createRouteMatcher(['/sign-in(.*)'])

export default clerkMiddleware(async (auth, request) => {
  if (!isPublic(request)) await auth.protect()
})

export const config = {
  // Not the rewrites, and not the logout route: a logout with an expired token is a logout too.
  matcher: ['/((?!_next|__clerk|v1/|rung-1/|[^?]*\\.(?:css|js|ico|png|svg|webmanifest)).*)'],
}
