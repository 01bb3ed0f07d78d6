/** @throws {Error} naming the option for each port that another program has. */
import { once } from 'node:events'
import { createServer } from 'node:net'

export interface Ports {
  app: number
  service: number
  standIn: number
}

const options: Record<keyof Ports, string> = {
  app: '--port',
  service: '--service-port',
  standIn: '--stand-in-port',
}

export async function refuseTaken(ports: Ports): Promise<void> {
  const taken: string[] = []
  for (const [name, option] of Object.entries(options)) {
    const port = ports[name as keyof Ports]
    if (!(await isFree(port)))
      taken.push(`Port ${port} is taken by another program: end it, or choose another with ${option}.`)
  }
  if (taken.length > 0) throw new Error(taken.join('\n'))
}

async function isFree(port: number): Promise<boolean> {
  for (const host of ['127.0.0.1', '::1']) {
    const server = createServer()
    const listening = once(server.listen({ port, host }), 'listening').then(
      () => true,
      // A machine without IPv6 has nothing there either.
      (error: NodeJS.ErrnoException) => error.code !== 'EADDRINUSE',
    )
    const free = await listening
    if (server.listening) await new Promise((resolve) => server.close(resolve))
    if (!free) return false
  }
  return true
}
