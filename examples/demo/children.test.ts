import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Children } from './children.ts'

const CWD = import.meta.dirname

/** Prints its own pid, and that of a process of its own; both would go on for ever. */
const FAMILY = `
  const { spawn } = require('node:child_process')
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  console.log(process.pid, child.pid)
  setInterval(() => {}, 1000)`

describe('the processes of the demo', () => {
  it('end with all that they started', async () => {
    const children = new Children()
    const pids = await startFamily(children, FAMILY)

    await children.end()

    await allGone(pids)
  })

  it('are killed when they do not end when asked', async () => {
    const children = new Children({ endWithinMs: 200 })
    const pids = await startFamily(children, `process.on('SIGTERM', () => {})\n${FAMILY}`)

    await children.end()

    await allGone(pids)
  })

  it('end when this process is killed with -9', async () => {
    const parent = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `const { Children } = await import(${JSON.stringify(import.meta.resolve('./children.ts'))})
         const args = ['-e', ${JSON.stringify(FAMILY)}]
         new Children().start({ name: 'family', args, cwd: '.', onLine: (line) => console.log(line) })`,
      ],
      { cwd: CWD, stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string]
    const pids = line.split(' ').map(Number)
    assert.deepEqual(pids.filter(runs), pids)

    parent.kill('SIGKILL')

    await allGone(pids)
  })

  it('that end by themselves say what they printed, when they fail', async () => {
    const children = new Children()
    await children.run({ name: 'fine', args: ['-e', ''], cwd: CWD })
    await assert.rejects(
      children.run({
        name: 'next build',
        args: ['-e', 'console.log("no such page"); process.exit(3)'],
        cwd: CWD,
      }),
      { message: 'next build failed (3):\nno such page' },
    )
  })

  it('are not started any more while the demo ends', async () => {
    const children = new Children()
    await children.end()
    assert.throws(() => children.start({ name: 'late', args: ['-e', ''], cwd: CWD }), /ending/)
  })
})

async function startFamily(children: Children, code: string): Promise<number[]> {
  const { promise, resolve } = Promise.withResolvers<string>()
  children.start({ name: 'family', args: ['-e', code], cwd: CWD, onLine: resolve })
  const pids = (await promise).split(' ').map(Number)
  assert.equal(pids.length, 2)
  assert.deepEqual(pids.filter(runs), pids)
  return pids
}

async function allGone(pids: number[]): Promise<void> {
  while (pids.some(runs)) await sleep(20)
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !isZombie(pid)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

/** Has ended, and nobody has asked after it. */
function isZombie(pid: number): boolean {
  const status = `/proc/${pid}/status`
  return existsSync(status) && /^State:\s+Z/m.test(readFileSync(status, 'utf8'))
}
