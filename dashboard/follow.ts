/** The trail as it grows: `GET /v1/entries/stream`, taken up again where it broke off. */
import type { Entry } from '../api/contract.ts'
import { Refusal, type Api } from './api.ts'
import { EventParser } from './event-stream.ts'

export type Connection =
  | { is: 'connecting' | 'open' }
  /** `at`: ms since 1970, when it is tried again. */
  | { is: 'waiting'; at: number; why: string }
  | { is: 'refused'; refusal: Refusal }

export interface Following {
  onEntries: (entries: Entry[]) => void
  onConnection: (connection: Connection) => void
  /** Ends it. */
  signal: AbortSignal
}

/** What was there before one looked. */
const BEFORE = 30

const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 30_000

export async function follow(api: Api, { onEntries, onConnection, signal }: Following): Promise<void> {
  let last: string | null = null
  let waitMs = FIRST_WAIT_MS
  while (!signal.aborted) {
    onConnection({ is: 'connecting' })
    try {
      last ??= String(Math.max(-1, (await endOf(api, signal)) - BEFORE))
      const response = await api.get('/v1/entries/stream', { signal, headers: { 'Last-Event-ID': last } })
      onConnection({ is: 'open' })
      for await (const { type, id, data } of eventsOf(response)) {
        waitMs = FIRST_WAIT_MS
        if (id !== '') last = id
        if (type === 'entry') onEntries([JSON.parse(data) as Entry])
      }
      // It ended by itself: a session token has expired, or the service stops.
      await pause({ ms: waitMs, why: 'The connection ended.' })
    } catch (error) {
      if (signal.aborted) return
      if (isFinal(error)) return onConnection({ is: 'refused', refusal: error })
      if (error instanceof Refusal && error.code === 'position-ahead') last = null
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)
      const asked = error instanceof Refusal ? (error.retryAfterSeconds ?? 0) * 1000 : 0
      const why = error instanceof Refusal ? error.message : 'The connection broke.'
      await pause({ ms: Math.max(waitMs, asked), why })
    }
  }

  async function pause({ ms, why }: { ms: number; why: string }): Promise<void> {
    if (signal.aborted) return
    onConnection({ is: 'waiting', at: Date.now() + ms, why })
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      signal.addEventListener('abort', () => {
        clearTimeout(timer)
        resolve()
      })
    })
  }
}

function isFinal(error: unknown): error is Refusal {
  return (
    error instanceof Refusal &&
    ['unauthorized', 'forbidden', 'not-found', 'invalid-request'].includes(error.code)
  )
}

/** The index of the last entry; -1: there is none. */
async function endOf(api: Api, signal: AbortSignal): Promise<number> {
  const response = await api.get('/v1/entries?limit=1', { signal })
  const [, index = '-1'] = response.headers.get('trail-position')?.split('/') ?? []
  await response.body?.cancel()
  return Number(index)
}

async function* eventsOf(response: Response) {
  const parser = new EventParser()
  const text = response.body?.pipeThrough(new TextDecoderStream())
  const reader = text?.getReader()
  for (;;) {
    const piece = await reader?.read()
    if (!piece || piece.done) return
    yield* parser.push(piece.value)
  }
}
