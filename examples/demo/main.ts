/** `npm run demo`: see `HELP` in options.ts. */
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DEMO_WEBHOOK_SECRET } from '../../clerk-stand-in/stand-in.ts'
import { viewsPathOf } from '../../session-ends/views-schema.ts'
import { EXAMPLE, missingSteps, NEXT, ROOT } from './build.ts'
import { Children } from './children.ts'
import { newEntries } from './entries.ts'
import { HELP, readOptions, type DemoOptions } from './options.ts'
import { refuseTaken } from './ports.ts'
import { seed } from './seed.ts'

const DATA = join(ROOT, 'data')
const TRAIL = join(DATA, 'demo-trail.db')

/** Of the stand-in (`clerk-stand-in/instance.ts`): the app and the service are told the same. */
const FRONTEND_API = 'local-demo-1.clerk.accounts.dev'
const PUBLISHABLE_KEY = `pk_test_${Buffer.from(`${FRONTEND_API}$`).toString('base64')}`

/** Of this one run. */
const READER_KEY = randomBytes(24).toString('hex')

const children = new Children()

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  if (options === 'help') {
    console.log(HELP)
    return
  }
  endWithSignals()
  await refuseTaken(options.ports)
  const urls = {
    app: `http://localhost:${options.ports.app}`,
    service: `http://127.0.0.1:${options.ports.service}`,
    standIn: `http://127.0.0.1:${options.ports.standIn}`,
  }
  const appEnv = {
    CLERK_STAND_IN_URL: urls.standIn,
    LOGOUT_TRAIL_URL: urls.service,
    NEXT_TELEMETRY_DISABLED: '1',
  }
  for (const { says, run } of missingSteps(children, appEnv)) await step(says, run)
  await prepareTrail(options)

  await step('starting the stand-in for Clerk, the service and the app', async () => {
    const standIn = start('the stand-in', {
      args: [
        'clerk-stand-in/main.ts',
        '--port',
        String(options.ports.standIn),
        '--webhook-url',
        `${urls.service}/v1/webhooks/clerk`,
      ],
      cwd: ROOT,
      env: {},
    })
    await answers(standIn, `${urls.standIn}/stand-in/state`)
    const service = start('the service', {
      args: ['cli/main.ts', 'start'],
      cwd: ROOT,
      env: {
        PORT: String(options.ports.service),
        DATABASE_URL: `file:${TRAIL}`,
        CLERK_PUBLISHABLE_KEY: PUBLISHABLE_KEY,
        CLERK_JWKS_URL: `${urls.standIn}/.well-known/jwks.json`,
        CLERK_AUTHORIZED_PARTIES: urls.app,
        CLERK_WEBHOOK_SIGNING_SECRET: DEMO_WEBHOOK_SECRET,
        READER_API_KEYS: `demo:${READER_KEY}`,
      },
    })
    await answers(service, `${urls.service}/readyz`)
    await showNewEntries()
    const app = start('the app', {
      args: [NEXT, 'start', '-H', 'localhost', '-p', String(options.ports.app)],
      cwd: EXAMPLE,
      env: appEnv,
    })
    await answers(app, `${urls.app}/sign-in`)
  })
  console.log(`
Look at these, in this order:

  1. ${urls.app}
     A Next.js app. Choose a person, then press "Log out". Below appear the line that the service writes, and the
     entries of its trail: what the button asked for, and what Clerk's webhooks say.
  2. ${urls.standIn}
     The stand-in for Clerk: revoke a session, let it expire. It is not Clerk, and says so.
  3. curl -s ${urls.service}/v1/sessions/<a session id of the lines below> -H "Authorization: Bearer ${READER_KEY}"
     How that session ended, in one record, and who says so.
  4. ${urls.service}/dashboard#key=${READER_KEY}
     The dashboard: how sessions end, each of them, and what comes in while you click. The link holds the demo's key.
  5. ${urls.service}/docs
     The service's API.
  6. ${urls.service}/metrics
     What it counts.

Ctrl-C ends all of it.
`)
}

async function prepareTrail({ reset, days }: DemoOptions): Promise<void> {
  if (reset) for (const path of [TRAIL, viewsPathOf(TRAIL)]) removeDatabase(path)
  if (existsSync(TRAIL)) return
  mkdirSync(DATA, { recursive: true })
  await step(`inventing ${days} days of history`, async () => {
    await seed({
      path: TRAIL,
      issuer: `https://${FRONTEND_API}`,
      until: Date.now(),
      days,
      sessionsADay: 60,
    })
  })
}

function removeDatabase(path: string): void {
  for (const end of ['', '-wal', '-shm', '.lock']) rmSync(path + end, { force: true })
}

/** Until the process ends. */
async function showNewEntries(): Promise<void> {
  const entries = await newEntries(TRAIL)
  const show = async () => {
    for (const line of await entries.lines()) console.log(`the trail: ${line}`)
    setTimeout(showAgain, 200).unref()
  }
  const showAgain = () => {
    show().catch((error: unknown) => end(error instanceof Error ? error : new Error(String(error))))
  }
  showAgain()
}

async function step(says: string, run: () => Promise<void>): Promise<void> {
  const startedAt = performance.now()
  if (process.stdout.isTTY) process.stdout.write(`${says} …`)
  await run()
  const line = `${says}: ${((performance.now() - startedAt) / 1000).toFixed(1)} s`
  console.log(process.stdout.isTTY ? `\r\x1b[K${line}` : line)
}

interface Part {
  child: ChildProcess
  name: string
  printed: string[]
}

/** It is to run as long as the demo: when it ends by itself, so does the demo. */
function start(
  name: string,
  { args, cwd, env }: { args: string[]; cwd: string; env: Record<string, string> },
): Part {
  const printed: string[] = []
  const child = children.start({
    name,
    args,
    cwd,
    env,
    onLine: (line) => {
      printed.push(line)
      if (printed.length > 40) printed.shift()
      if (line.includes('"event":"user_logout')) console.log(`${name}: ${line}`)
    },
  })
  child.once('exit', (code, signal) => {
    if (ending) return
    end(new Error(`${name} ended by itself (${code ?? signal}):\n${printed.join('\n')}`))
  })
  return { child, name, printed }
}

const ANSWERS_WITHIN_MS = 60_000

async function answers({ child, name, printed }: Part, url: string): Promise<void> {
  const until = performance.now() + ANSWERS_WITHIN_MS
  while (performance.now() < until && child.exitCode === null) {
    const status = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(5000) }).then(
      (response) => response.status,
      // Not yet.
      () => null,
    )
    if (status === 200) return
    await sleep(50)
  }
  throw new Error(`${name} does not answer at ${url}:\n${printed.join('\n')}`)
}

let ending = false

function endWithSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (ending) {
        children.kill()
        process.exit(1)
      }
      console.log('\nending …')
      end(null)
    })
  }
  // However it ends.
  process.on('exit', () => children.kill())
}

function end(why: Error | null): void {
  if (ending) return
  ending = true
  if (why) console.error(why.message)
  endChildren(why ? 1 : 0).catch((failure: unknown) => {
    console.error(failure)
    process.exit(1)
  })
}

async function endChildren(code: number): Promise<void> {
  await children.end()
  process.exit(code)
}

main().catch((error: unknown) => {
  // A step that was ended by Ctrl-C fails too, and has nothing to say.
  if (!ending) end(error instanceof Error ? error : new Error(String(error)))
})
