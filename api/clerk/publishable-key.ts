/**
 * Clerk's publishable key names the instance: `pk_test_` or `pk_live_`, then base64 of `<frontend-api-host>$`.
 * For example `pk_test_Y2xlcmsuZXhhbXBsZS5jb20k` is `clerk.example.com`.
 */

const HOST = /^[a-z0-9-]+(\.[a-z0-9-]+)+$/i

/** The host of the Frontend API, or null when it is not a publishable key. */
export function frontendApiOf(publishableKey: string): string | null {
  const encoded = /^pk_(?:test|live)_([A-Za-z0-9+/]+=*)$/.exec(publishableKey)?.[1]
  if (!encoded) return null
  const decoded = decodeBase64(encoded)
  if (!decoded?.endsWith('$')) return null
  const host = decoded.slice(0, -1)
  return HOST.test(host) ? host : null
}

function decodeBase64(encoded: string): string | null {
  try {
    return atob(encoded)
  } catch (error) {
    if (error instanceof DOMException) return null
    throw error
  }
}
