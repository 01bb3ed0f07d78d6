/** An app on a port, and the end of it: what was accepted is answered, then the port is free. */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { Hono } from 'hono'

export interface Listening {
  /** `http://localhost:8787` on loopback. */
  url: string
  /** Accepts nothing more, and waits for the answers under way. */
  close: () => Promise<void>
}

export class ListenError extends Error {
  override readonly name = 'ListenError'
}

/** Clerk's token is about 1 kB and may carry custom claims; above this, Node answers a bare 431. */
const MAX_HEADER_BYTES = 32 * 1024

/** Whoever has not sent a whole request by then is answered 408, and the connection ends. */
const HEADERS_WITHIN_MS = 10_000
const REQUEST_WITHIN_MS = 30_000

/** @throws {ListenError} when the address cannot be had, with what to do. */
export async function listen(app: Hono, { host, port }: { host: string; port: number }): Promise<Listening> {
  let closing = false
  const server = createAdaptorServer({
    fetch: async (request, env) => {
      const response = await app.fetch(request, env)
      // RFC 9112 §9.6: the last answer says so, and the client sends its next request elsewhere.
      if (closing && 'shouldKeepAlive' in env.outgoing) env.outgoing.shouldKeepAlive = false
      return response
    },
    serverOptions: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_WITHIN_MS,
      requestTimeout: REQUEST_WITHIN_MS,
      connectionsCheckingInterval: 5000,
    },
  }) as Server
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)))
    server.listen(port, host, resolve)
  })
  return {
    url: urlOf(server.address() as AddressInfo),
    close: () => {
      closing = true
      return close(server)
    },
  }
}

function urlOf({ address, family, port }: AddressInfo): string {
  if (address === '127.0.0.1' || address === '::1') return `http://localhost:${port}`
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

function listenError(cause: NodeJS.ErrnoException, host: string, port: number): ListenError {
  const fixes: Record<string, string> = {
    EADDRINUSE: `PORT: another program uses port ${port}; end it, or set PORT to another (0 takes any free one).`,
    EACCES: `PORT: port ${port} needs more rights than this user has; use one above 1023.`,
    EADDRNOTAVAIL: `HOST: ${host} is not an address of this machine.`,
    ENOTFOUND: `HOST: ${host} is not an address of this machine.`,
  }
  return new ListenError(
    fixes[cause.code ?? ''] ?? `${host}:${port} cannot be listened on: ${cause.message}.`,
    { cause },
  )
}

const IDLE_CHECK_MS = 50

/** Longer than any answer takes; who is still connected has not sent a whole request, or does not read. */
const LAST_ANSWER_MS = 5000

function close(server: Server): Promise<void> {
  // Connections kept alive become idle one by one, as their answers are sent.
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS)
  const rest = setTimeout(() => server.closeAllConnections(), LAST_ANSWER_MS)
  return new Promise((resolve, reject) => {
    server.close((error) => {
      clearInterval(idle)
      clearTimeout(rest)
      if (error) reject(error)
      else resolve()
    })
  })
}
