/** `node clerk-stand-in/main.ts`: the stand-in as a process of its own, until a signal. */
import { parseArgs } from 'node:util'
import { startStandIn } from './stand-in.ts'

const HELP = `node clerk-stand-in/main.ts [options]: a local stand-in for Clerk's servers. It is not Clerk.

  --port <n>            (4012; 0 takes any free one)
  --webhook-url <url>   where webhooks go, for example http://127.0.0.1:8787/v1/webhooks/clerk (nowhere)
  --no-users            begin without the people of the demo
  --help

Its page is at /, what it can be told stands in clerk-stand-in/README.md.`

const people = [
  { id: 'user_ada', firstName: 'Ada', lastName: 'Lovelace', org: 'Analytical Engines' },
  { id: 'user_grace', firstName: 'Grace', lastName: 'Hopper', org: 'Compiler Works' },
  { id: 'user_alan', firstName: 'Alan', lastName: 'Turing', org: 'Analytical Engines' },
  { id: 'user_katherine', firstName: 'Katherine', lastName: 'Johnson', org: null },
]

function readOptions() {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '4012' },
      'webhook-url': { type: 'string' },
      'no-users': { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  const port = Number(values.port)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Error(`--port must be a whole number from 0 to 65535, and not ${values.port}.`)
  }
  const url = values['webhook-url'] ?? null
  if (url !== null && !URL.canParse(url)) throw new Error(`--webhook-url must be a URL, and not ${url}.`)
  return { help: values.help ?? false, users: !values['no-users'], port, url }
}

async function main(): Promise<void> {
  const { help, port, url, users } = readOptions()
  if (help) {
    console.log(HELP)
    return
  }
  const standIn = await startStandIn({ port, webhooks: { url } })
  for (const { id, firstName, lastName, org } of users ? people : []) {
    const slug = org?.toLowerCase().replaceAll(' ', '-')
    const organisations =
      org && slug ? [{ id: `org_${slug.replaceAll('-', '')}`, name: org, slug, role: 'org:member' }] : []
    standIn.world.addUser({
      id,
      firstName,
      lastName,
      email: `${firstName.toLowerCase()}@example.com`,
      organisations,
    })
  }
  console.log(
    JSON.stringify({
      msg: `a stand-in for Clerk, which it is not, listens on ${standIn.url}`,
      url: standIn.url,
      publishable_key: standIn.instance.publishableKey,
      secret_key: standIn.secretKey,
      issuer: standIn.instance.issuer,
      jwt_key: standIn.instance.publicPem,
      webhook_signing_secret: standIn.webhookSecret,
    }),
  )
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      standIn.close().then(
        () => process.exit(0),
        (error: unknown) => {
          console.error(error)
          process.exit(1)
        },
      )
    })
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})
