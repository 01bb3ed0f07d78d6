/** Starts `readers-load.ts` beside a target, and ends it. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export function startReaders(port: number): () => Promise<void> {
  const child = fork(join(import.meta.dirname, 'readers-load.ts'), [String(port)])
  const said = once(child, 'message')
  const ended = once(child, 'exit')
  return async () => {
    child.send('end')
    const [{ unexpected, ...read }] = (await said) as [Record<string, number>]
    await ended
    if (unexpected) throw new Error(`${unexpected} reads were not answered 200`)
    if (Object.values(read).some((count) => count === 0))
      throw new Error(`nothing was read: ${JSON.stringify(read)}`)
  }
}
