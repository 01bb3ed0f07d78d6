/**
 * Which Clerk the app talks to. With your own keys in `.env.local` it is Clerk; with none, the stand-in of this repository,
 * which `npm run demo` starts. Loaded by next.config.ts, so at build and at start.
 */

/** Where `clerk-stand-in/` listens. */
export const standInUrl = process.env['CLERK_STAND_IN_URL'] ?? 'http://127.0.0.1:4012'

/** The keys of the stand-in, which open nothing at Clerk. */
const standIn = {
  NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY: `pk_test_${btoa('local-demo-1.clerk.accounts.dev$')}`,
  CLERK_SECRET_KEY: 'sk_test_localstandin',
  CLERK_API_URL: standInUrl,
  // Relative: clerk-js and its script come from the app's own origin, and `rewrites` sends them on.
  NEXT_PUBLIC_CLERK_PROXY_URL: '/__clerk',
  NEXT_PUBLIC_CLERK_PREFETCH_UI: 'false',
  NEXT_PUBLIC_CLERK_TELEMETRY_DISABLED: '1',
  NEXT_PUBLIC_CLERK_KEYLESS_DISABLED: '1',
}

if (!process.env['NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY']) Object.assign(process.env, standIn)
process.env['NEXT_PUBLIC_CLERK_SIGN_IN_URL'] ??= '/sign-in'

export const isStandIn = process.env['NEXT_PUBLIC_CLERK_PROXY_URL'] === standIn.NEXT_PUBLIC_CLERK_PROXY_URL
