/** `npm run check:clerk`: see `HELP`. */
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import { CheckError, checkClerk, type Fired } from './check-clerk.ts'

const HELP = `npm run check:clerk [-- options]: which webhooks does Clerk really send for a sign-out, a revocation, …?

Clerk documents no table of it. This walks through sign-ins, sign-outs, revocations, a ban and a deletion at your own Clerk
DEVELOPMENT instance, with two users that it creates and deletes, and writes down what fired. It takes about seven minutes.

It needs

  CLERK_PUBLISHABLE_KEY           pk_test_…
  CLERK_SECRET_KEY                sk_test_…; of a production instance it is refused
  CLERK_WEBHOOK_SIGNING_SECRET    of an endpoint in Clerk's dashboard that leads to this machine through a tunnel of yours,
                                  subscribed to all session.* events, user.deleted and user.updated

  --port <n>             listened on, on loopback: let the tunnel lead to http://127.0.0.1:<n>/v1/webhooks/clerk (8790)
  --wait <seconds>       for webhooks, after each sign-in and each action (20)
  --out <file>           the result as JSON (clerk-fired.json)
  --frontend-api <url>   instead of the one that the publishable key names
  --yes                  do not ask before beginning
  --help

Exit code 0: walked to the end; 1: not, and it says why.`

interface Options {
  port: number
  waitMs: number
  out: string
  frontendApi: string
  secretKey: string
  webhookSecret: string
  apiUrl: string | undefined
  yes: boolean
}

function readOptions(): Options | 'help' {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '8790' },
      wait: { type: 'string', default: '20' },
      out: { type: 'string', default: 'clerk-fired.json' },
      'frontend-api': { type: 'string' },
      yes: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) return 'help'
  const secretKey = needed('CLERK_SECRET_KEY', /^sk_test_/, 'sk_test_…, of a development instance')
  const publishableKey = needed('CLERK_PUBLISHABLE_KEY', /^pk_test_/, 'pk_test_…, of a development instance')
  const webhookSecret = needed('CLERK_WEBHOOK_SIGNING_SECRET', /^whsec_/, 'whsec_…')
  const host = Buffer.from(publishableKey.slice('pk_test_'.length), 'base64').toString().replace(/\$$/, '')
  return {
    port: numberOf('--port', values.port, [0, 65_535]),
    waitMs: numberOf('--wait', values.wait, [0.1, 600]) * 1000,
    out: values.out,
    frontendApi: values['frontend-api'] ?? `https://${host}`,
    secretKey,
    webhookSecret,
    apiUrl: process.env['CLERK_API_URL'],
    yes: values.yes ?? false,
  }
}

function needed(name: string, looks: RegExp, like: string): string {
  const value = process.env[name]?.trim() ?? ''
  if (looks.test(value)) return value
  throw new CheckError(`${name}: it must be ${like}. --help says what is needed.`)
}

function numberOf(name: string, given: string, [min, max]: [number, number]): number {
  const number = Number(given)
  if (given.trim() !== '' && number >= min && number <= max) return number
  throw new CheckError(`${name} must be a number from ${min} to ${max}, and not ${given}.`)
}

async function main(): Promise<void> {
  const options = readOptions()
  if (options === 'help') {
    console.log(HELP)
    return
  }
  const ending = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      console.error('ending: the users that were created are deleted first …')
      ending.abort()
    })
  }
  const fired = await checkClerk({
    ...options,
    say: (line) => console.error(line),
    signal: ending.signal,
    onListening: async (url) => {
      console.error(`listening on ${url}: let your tunnel lead here`)
      if (!options.yes) await confirmed(ending.signal)
    },
  })
  if (ending.signal.aborted) throw new CheckError('Ended before all was walked through; nothing was written.')
  writeFileSync(options.out, `${JSON.stringify({ at: new Date().toISOString(), fired }, null, 2)}\n`)
  console.log(tableOf(fired))
  console.error(
    `\nAs JSON: ${options.out}. docs/AUTH.md, "Which action gives which record", says what we assumed.`,
  )
}

async function confirmed(signal: AbortSignal): Promise<void> {
  const asking = createInterface({ input: process.stdin, output: process.stderr })
  try {
    await asking.question('Press Enter when it does. ', { signal })
  } finally {
    asking.close()
  }
}

function tableOf(fired: readonly Fired[]): string {
  const rows = fired.map(({ action, status, webhooks }) => {
    const came = webhooks.map(({ type, after_ms }) => `\`${type}\` after ${(after_ms / 1000).toFixed(1)} s`)
    return `| ${action} | ${came.join(', ') || 'nothing'} | \`${status}\` |`
  })
  return [
    '| action | webhooks, in the order in which they came | status afterwards |',
    '| --- | --- | --- |',
    ...rows,
  ].join('\n')
}

main().catch((error: unknown) => {
  console.error(error instanceof CheckError ? error.message : error)
  process.exitCode = 1
})
