import type { NextConfig } from 'next'
import { isStandIn, standInUrl } from './clerk-environment'

/** Where Logout Trail's service listens. */
const trailUrl = process.env['LOGOUT_TRAIL_URL'] ?? 'http://127.0.0.1:8787'

const config: NextConfig = {
  // Same-origin for the browser: no CORS, and the session cookie's origin is the app's.
  rewrites: async () => [
    { source: '/v1/:path*', destination: `${trailUrl}/v1/:path*` },
    ...(isStandIn ? [{ source: '/__clerk/:path*', destination: `${standInUrl}/:path*` }] : []),
  ],
  // Its lockfile is its own; the repository above has another.
  turbopack: { root: import.meta.dirname },
}

export default config
