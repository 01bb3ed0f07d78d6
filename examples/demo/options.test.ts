import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, it } from 'node:test'
import { HELP, readOptions } from './options.ts'
import { refuseTaken } from './ports.ts'

describe('what the demo is asked for', () => {
  it('is a month of history at the usual ports, when nothing is said', () => {
    assert.deepEqual(readOptions([]), {
      ports: { app: 3000, service: 8787, standIn: 4012 },
      days: 30,
      reset: false,
    })
  })

  it('is all that the help names', () => {
    const args = HELP.match(/--[a-z-]+/g)
    const known = ['--port', '--service-port', '--stand-in-port', '--days', '--reset', '--help']
    assert.deepEqual(args, known)
    assert.equal(readOptions(['--help']), 'help')
    assert.deepEqual(
      readOptions(['--port=1', '--service-port', '2', '--stand-in-port=3', '--days=0', '--reset']),
      { ports: { app: 1, service: 2, standIn: 3 }, days: 0, reset: true },
    )
  })

  for (const [args, message] of [
    [['--port', 'web'], /--port must be a whole number from 1 to 65535, and not web/],
    [['--port', '0'], /--port must be a whole number from 1 to 65535, and not 0/],
    [['--days', '366'], /--days must be a whole number from 0 to 365, and not 366/],
    [['--days='], /--days must be a whole number/],
    [['--port', '8787'], /must be three different ports/],
    [['--week'], /--week/],
    [['now'], /now/],
  ] as const) {
    it(`is refused when it is ${args.join(' ')}`, () => {
      assert.throws(() => readOptions([...args]), message)
    })
  }
})

describe('the ports of the demo', () => {
  it('are refused when another program has one, with the option that chooses another', async () => {
    await using taken = await listen()
    const free = await listen()
    const ports = { app: free.port, service: taken.port, standIn: free.port }
    await free[Symbol.asyncDispose]()

    await assert.rejects(refuseTaken(ports), {
      message: `Port ${taken.port} is taken by another program: end it, or choose another with --service-port.`,
    })
    await refuseTaken({ ...ports, service: free.port })
  })
})

async function listen() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address && typeof address === 'object')
  return {
    port: address.port,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
}
