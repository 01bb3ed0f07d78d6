/** Who may read: the holders of a key of `READER_API_KEYS`, sent as `Authorization: Bearer <secret>`. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { bearerToken } from './bearer.ts'

export interface ReaderKey {
  /** Says who it is in logs and in the trail; not secret. */
  name: string
  /** At least 32 characters. */
  secret: string
}

export interface Reader {
  name: string
}

/** Compares with every key in constant time; never looks at cookies. */
export function readersOf(keys: readonly ReaderKey[]): (request: Request) => Reader | null {
  const known = keys.map(({ name, secret }) => ({ name, digest: sha256(secret) }))
  return (request) => {
    const given = bearerToken(request.headers.get('authorization'))
    if (given === undefined) return null
    const digest = sha256(given)
    const matching = known.filter((key) => timingSafeEqual(key.digest, digest))
    return matching[0] ? { name: matching[0].name } : null
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
