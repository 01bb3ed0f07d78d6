/** A fake of where Clerk publishes its keys, over real HTTP: it answers as it is told to, and counts. */
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

export interface JwksServer {
  url: string
  /** How many requests there were. */
  requests: number
  answer: RequestListener
  stop: () => Promise<void>
  start: () => Promise<void>
}

/** Serves `keys` from now until the test ends. */
export async function jwksServer(t: TestContext, keys: unknown[] = []): Promise<JwksServer> {
  const server = createServer((request, response) => {
    jwks.requests += 1
    jwks.answer(request, response)
  })
  const listen = async (port: number) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    server.listen(port, '127.0.0.1', resolve)
    await promise
  }
  await listen(0)
  const { port } = server.address() as AddressInfo
  const jwks: JwksServer = {
    url: `http://127.0.0.1:${port}/.well-known/jwks.json`,
    requests: 0,
    answer: serving(keys),
    start: () => listen(port),
    stop: async () => {
      const { promise, resolve } = Promise.withResolvers<unknown>()
      server.close(resolve)
      server.closeAllConnections()
      await promise
    },
  }
  t.after(() => jwks.stop())
  return jwks
}

export function serving(keys: unknown[]): RequestListener {
  return (_request, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }))
  }
}

/** Answers nothing until it is released, then as `answer` does. */
export function held(answer: RequestListener): { answer: RequestListener; release: () => void } {
  const waiting: (() => void)[] = []
  return {
    answer: (request, response) => {
      waiting.push(() => answer(request, response))
    },
    release: () => {
      for (const go of waiting.splice(0)) go()
    },
  }
}
