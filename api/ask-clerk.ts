/** The composition root of the questions that `logout-trail doctor` has for Clerk: the configuration, and what is asked by it. */
import {
  backendClock,
  fetchedKeys,
  givenKeys,
  trySecretKey,
  type ClockFound,
  type KeysFound,
  type SecretKeyFound,
} from './clerk/examine.ts'
import { DEVELOPMENT_ISSUER } from './clerk/development.ts'
import { clerkFrom, jwksUrlOf, pemsOf } from './clerk/identify.ts'
import type { ClerkConfig, Config } from './config.ts'

export { ASK_TIMEOUT_MS, SECRET_KEY_CALL, SERVICE_TIMEOUT_MS } from './clerk/examine.ts'
export type { ClockFound, FoundKey, KeysFound, SecretKeyFound } from './clerk/examine.ts'

export interface ClerkFindings {
  issuer: string
  /** Null in development mode. */
  keys: KeysFound | null
  /** Null without one. */
  secretKey: SecretKeyFound | null
  /** Null: nobody was asked, or nobody answered with a `Date`. */
  clock: ClockFound | null
}

/** Asks the addresses that are configured, and no others. In development mode that is none. */
export async function askClerk({ clerk, sweep }: Pick<Config, 'clerk' | 'sweep'>): Promise<ClerkFindings> {
  if (!clerk) return { issuer: DEVELOPMENT_ISSUER, keys: null, secretKey: null, clock: null }
  const { issuer } = clerkFrom(clerk)
  const [{ keys, clock }, secretKey] = await Promise.all([
    askForKeys(clerk, issuer),
    sweep && trySecretKey(sweep.secretKey, sweep.apiUrl),
  ])
  if (clock || !sweep || secretKey?.is === 'failed') return { issuer, keys, secretKey, clock }
  return { issuer, keys, secretKey, clock: await backendClock(sweep.apiUrl) }
}

async function askForKeys(clerk: ClerkConfig, issuer: string) {
  if (!clerk.jwtKey) return fetchedKeys(jwksUrlOf(clerk, issuer))
  return { keys: await givenKeys(pemsOf(clerk.jwtKey)), clock: null }
}
