/** Answers of a Clerk that is not well, before any route is asked. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { clerkError } from './shapes.ts'

export const groups = ['frontend', 'backend'] as const
export type Group = (typeof groups)[number]

/**
 * `429`, `500`, `404`, …: that status, and nothing is done. `down`: the connection breaks. `hang`: nothing is answered
 * until `release`, which breaks the connection. `late`: what is asked is done and answered after `release`. `slow`:
 * after `delayMs`.
 */
export type Trouble = number | 'down' | 'hang' | 'late' | 'slow'

export interface Fault {
  group: Group
  trouble: Trouble
  /** A pattern that `METHOD /path` must match; without one: every request of the group. */
  matching?: string | undefined
  /** How many requests it meets; without it: all until it is cleared. */
  times?: number | undefined
  delayMs?: number | undefined
  /** For 429 and 503. */
  retryAfterSeconds?: number | undefined
}

export interface Meeting {
  group: Group
  /** With Clerk's `_method` for the method: `DELETE /v1/client/sessions`. */
  asked: string
  response: ServerResponse
  /** What would have been done. */
  go: () => void
}

export class Faults {
  readonly list: Fault[] = []
  readonly #held: (() => void)[] = []

  set(fault: Fault): void {
    this.list.push({ ...fault })
  }

  clear(): void {
    this.list.length = 0
  }

  /** Answers what is late, and breaks the connections of what hangs. */
  release(): void {
    for (const settle of this.#held.splice(0)) settle()
  }

  meet({ group, asked, response, go }: Meeting): void {
    const fault = this.#take(group, asked)
    if (!fault) return go()
    const { trouble } = fault
    if (typeof trouble === 'number') return refuse(response, trouble, fault.retryAfterSeconds)
    switch (trouble) {
      case 'down':
        response.destroy()
        return
      case 'hang':
        this.#held.push(() => response.destroy())
        return
      case 'late':
        this.#held.push(go)
        return
      case 'slow':
        setTimeout(go, fault.delayMs ?? 1000)
        return
    }
  }

  #take(group: Group, asked: string): Fault | null {
    const at = this.list.findIndex(
      (fault) => fault.group === group && (!fault.matching || new RegExp(fault.matching).test(asked)),
    )
    const fault = this.list[at]
    if (!fault) return null
    if (fault.times !== undefined) fault.times -= 1
    if (fault.times === 0) this.list.splice(at, 1)
    return fault
  }
}

const CODES: Record<number, string> = { 404: 'resource_not_found', 429: 'too_many_requests' }

function refuse(response: ServerResponse, status: number, retryAfterSeconds: number | undefined): void {
  response.statusCode = status
  response.setHeader('content-type', 'application/json')
  if (retryAfterSeconds !== undefined) response.setHeader('retry-after', String(retryAfterSeconds))
  const code = CODES[status] ?? 'internal_clerk_error'
  response.end(JSON.stringify(clerkError(code, 'The stand-in was told to answer this.')))
}

/** `METHOD /path`, with the method that clerk-js means: it sends only GET and POST. */
export function askedOf(request: IncomingMessage): string {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://stand-in')
  return `${searchParams.get('_method') ?? request.method} ${pathname}`
}
