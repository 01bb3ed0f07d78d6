/** The service, asked as a reader. */
import type { Problem } from '../api/contract.ts'

/** An answer that is none, or an explained refusal. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: Problem['code'] | 'no-answer' | 'not-understood'
  readonly retryAfterSeconds: number | null

  constructor(code: Refusal['code'], detail: string, retryAfterSeconds: number | null = null) {
    super(detail)
    this.code = code
    this.retryAfterSeconds = retryAfterSeconds
  }
}

export interface Api {
  /** @throws {Refusal} for anything but a 2xx; what `signal` ends is thrown as it is. */
  get: (
    path: string,
    options?: { signal?: AbortSignal; headers?: Record<string, string> },
  ) => Promise<Response>
}

/** `credential` gives one that is good now: a key, or a fresh session token. */
export function apiWith(credential: () => Promise<string>): Api {
  return {
    async get(path, { signal, headers } = {}) {
      const response = await fetch(path, {
        headers: { ...headers, Authorization: `Bearer ${await credential()}` },
        credentials: 'omit',
        cache: 'no-store',
        ...(signal && { signal }),
      }).catch((error: unknown) => {
        if (signal?.aborted) throw error
        throw new Refusal('no-answer', 'The service does not answer. Is it running, and are you online?')
      })
      if (response.ok) return response
      throw await refusalOf(response)
    },
  }
}

async function refusalOf(response: Response): Promise<Refusal> {
  const after = Number.parseInt(response.headers.get('retry-after') ?? '', 10)
  const retryAfterSeconds = Number.isNaN(after) ? null : after
  if (response.headers.get('content-type') === 'application/problem+json') {
    const { code, detail } = (await response.json()) as Problem
    return new Refusal(code, detail, retryAfterSeconds)
  }
  // A proxy in between, most likely.
  const detail = `Something other than the service answered, with ${response.status}.`
  return new Refusal('not-understood', detail, retryAfterSeconds)
}
