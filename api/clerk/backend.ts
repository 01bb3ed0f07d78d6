/** Clerk's Backend API by its own client, and what it means when that one throws. */
import { createClerkClient, type ClerkClient } from '@clerk/backend'
import { isClerkAPIResponseError } from '@clerk/backend/errors'
import type { LookUp } from '../sweep.ts'

export interface BackendOptions {
  secretKey: string
  apiUrl?: string | undefined
}

export function backendClient({ secretKey, apiUrl }: BackendOptions): ClerkClient {
  return createClerkClient({ secretKey, telemetry: { disabled: true }, ...(apiUrl ? { apiUrl } : {}) })
}

/** Without an answer of Clerk, or without a usable number in it. */
const RETRY_AFTER_SECONDS = 10
const RETRY_AFTER_LIMIT_SECONDS = 3600

/**
 * Only an error body makes an answer Clerk's: without one a proxy or another server may have given it, and that says nothing of the
 * session.
 */
export function refusal(error: unknown): Exclude<LookUp, { is: 'session' }> {
  if (!isClerkAPIResponseError(error)) return { is: 'failed', error }
  const { status, errors, retryAfter } = error
  // Where there was no answer, or none that can be read, @clerk/backend gives no status.
  if (!status)
    return { is: 'failed', error: new Error(errors[0]?.message ?? error.message, { cause: error }) }
  if (status === 429) return { is: 'busy', retryAfterMs: waitOf(retryAfter) * 1000 }
  if (status === 404 && errors.some(({ code }) => code === 'resource_not_found')) return { is: 'unknown' }
  const isOfThisSession = status < 500 && status !== 401 && status !== 403 && errors.length > 0
  return {
    is: isOfThisSession ? 'unusable' : 'failed',
    error: new Error(sentenceOf(error), { cause: error }),
  }
}

/** @clerk/backend leaves out a `Retry-After` that is a date. */
function waitOf(retryAfter = RETRY_AFTER_SECONDS): number {
  return Math.min(Math.max(retryAfter, 1), RETRY_AFTER_LIMIT_SECONDS)
}

interface Refused {
  status: number
  errors: { message: string }[]
}

function sentenceOf({ status, errors: [first] }: Refused): string {
  if (status === 401 || status === 403)
    return `Clerk refuses CLERK_SECRET_KEY (${status}): copy it again from Clerk’s dashboard.`
  if (first) return `Clerk’s Backend API answered ${status}: ${first.message}`
  return `What answered ${status} is not Clerk’s Backend API: see CLERK_API_URL, and proxies on the way.`
}
