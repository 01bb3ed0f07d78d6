/** Reads from a request what a logout says beside who it was. Runs anywhere: no `node:` import. */
import { intents, type Intent } from '../trail/entry.ts'

/** What goes into both the log line and the trail. */
export interface LogoutRequest {
  /** ms since 1970, when the request came. */
  at: number
  intent: Intent | null
  /** An `intent` was given that is not in our list: a newer button and an older server get along. */
  unknownIntent: boolean
  /** Made by us: 32 hexadecimal digits. */
  requestId: string
  traceId: string | null
}

export function readLogout(request: Request, at: number): LogoutRequest {
  const given = intentOf(request.url)
  const intent = intents.find((known) => known === given) ?? null
  const unknownIntent = given !== null && intent === null
  return { at, intent, unknownIntent, requestId: newRequestId(), traceId: traceIdOf(request) }
}

/** Random bytes not yet used: drawn for many requests at once, because each call for them costs microseconds. */
const random = new Uint8Array(16 * 64)
let used = random.length

/** 16 random bytes as 32 hexadecimal digits. */
export function newRequestId(): string {
  if (used === random.length) {
    // Here and not when this file is loaded: Workers give random bytes only while they answer a request.
    crypto.getRandomValues(random)
    used = 0
  }
  let text = ''
  for (const end = used + 16; used < end; used += 1) text += HEX[random[used] ?? 0]
  return text
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

function intentOf(url: string): string | null {
  const query = url.indexOf('?')
  return query === -1 ? null : new URLSearchParams(url.slice(query)).get('intent')
}

const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/

/** The trace id of a valid `traceparent`. @see https://www.w3.org/TR/trace-context/#traceparent-header */
function traceIdOf(request: Request): string | null {
  const match = TRACEPARENT.exec(request.headers.get('traceparent') ?? '')
  if (!match) return null
  const [, version, traceId, more] = match
  // Version 00 has exactly four fields; later versions may have more.
  return version === '00' && more !== undefined ? null : (traceId ?? null)
}
