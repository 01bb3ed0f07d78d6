/**
 * Whether the secret key is of the instance whose session tokens we verify.
 *
 * With the key of another instance Clerk says of each of our sessions, and rightly, that there is none. Each instance signs with keys of
 * its own, so one key in common is the proof.
 */
import type { ClerkClient } from '@clerk/backend'
import { exportJWK } from 'jose'
import type { Instance } from '../sweep.ts'
import { refusal } from './backend.ts'
import type { KeySource } from './keys.ts'

interface Listed {
  kid?: string
  n?: string
}

/** Never rejects. */
export function instanceOf(client: ClerkClient, keys: KeySource): () => Promise<Instance> {
  return () =>
    client.jwks.getJwks().then(
      (jwks) => compare(Array.isArray(jwks?.keys) ? jwks.keys : [], keys),
      (error: unknown) => {
        const why = refusal(error)
        return why.is === 'busy' ? why : { is: 'failed', error: why.is === 'unknown' ? error : why.error }
      },
    )
}

async function compare(listed: readonly Listed[], keys: KeySource): Promise<Instance> {
  const found = await Promise.all(listed.map((key) => isOurs(key, keys)))
  if (found.includes('yes')) return { is: 'ours' }
  if (!found.includes('unavailable') && listed.length > 0) return { is: 'another' }
  const what = listed.length === 0 ? 'What answered for Clerk’s Backend API' : 'Clerk’s Frontend API'
  return { is: 'failed', error: new Error(`${what} gave no key to compare.`) }
}

async function isOurs({ kid, n }: Listed, keys: KeySource): Promise<'yes' | 'no' | 'unavailable'> {
  const ours = await keys.keysFor(kid)
  if (ours === 'unavailable') return ours
  if (ours === 'unknown') return 'no'
  const moduli = await Promise.all(ours.map(async (key) => (await exportJWK(key)).n))
  return n !== undefined && moduli.includes(n) ? 'yes' : 'no'
}
