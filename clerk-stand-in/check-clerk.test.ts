import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkClerk, CheckError, type CheckOptions } from './check-clerk.ts'
import { startStandIn, type StandInOptions } from './stand-in.ts'

async function walk(standInOptions: StandInOptions = {}, given: Partial<CheckOptions> = {}) {
  await using standIn = await startStandIn(standInOptions)
  const said: string[] = []
  const options: CheckOptions = {
    secretKey: standIn.secretKey,
    frontendApi: standIn.url,
    apiUrl: standIn.url,
    webhookSecret: standIn.webhookSecret,
    port: 0,
    waitMs: 250,
    onListening: (url) => {
      standIn.webhooks.url = url
    },
    say: (line) => said.push(line),
    signal: new AbortController().signal,
    ...given,
  }
  const fired = await checkClerk(options).catch((error: unknown) => error as Error)
  return { fired, said, users: standIn.world.users.size, unknown: standIn.unknown }
}

describe('npm run check:clerk', () => {
  it('writes down what fired, also when it is not what we assume, and deletes its users', async () => {
    const { fired, users, unknown } = await walk({
      fires: {
        'sign-out': ['session.ended', 'session.removed'],
        'sign-out-all': [],
        'user-banned': ['user.updated', 'session.revoked'],
      },
    })
    assert.ok(Array.isArray(fired))
    assert.deepEqual(
      fired.map(({ action, status, webhooks }) => [action, status, webhooks.map(({ type }) => type)]),
      [
        ['sign-in', 'active', ['session.created']],
        ['sign-out', 'removed', ['session.ended', 'session.removed']],
        ['sign-out-all', 'removed', []],
        ['end', 'ended', ['session.ended']],
        ['client-deleted', 'ended', ['session.ended']],
        ['revoke', 'revoked', ['session.revoked']],
        ['revoke-elsewhere', 'revoked', ['session.revoked']],
        ['user-banned', 'revoked', ['session.revoked', 'user.updated']],
        ['user-deleted', 'revoked', ['user.deleted']],
      ],
    )
    assert.equal(users, 0)
    assert.deepEqual(unknown, [])
  })

  it('says that no webhook comes, before anybody waits for minutes', async () => {
    const { fired, users } = await walk({}, { onListening: () => undefined })
    assert.ok(fired instanceof CheckError)
    assert.match(fired.message, /^No webhook came within 0\.25 s\. Does the endpoint/)
    assert.equal(users, 0)
  })

  it('says that the secret is another one', async () => {
    const webhookSecret = `whsec_${Buffer.from('another secret').toString('base64')}`
    const { fired } = await walk({}, { webhookSecret })
    assert.ok(fired instanceof CheckError)
    assert.match(fired.message, /CLERK_WEBHOOK_SIGNING_SECRET did not sign/)
  })

  it('says what Clerk refuses', async () => {
    const { fired } = await walk({}, { secretKey: 'sk_test_another' })
    assert.ok(fired instanceof CheckError)
    assert.match(fired.message, /^A user could not be created.*: The provided Clerk Secret Key is invalid\./)
  })

  it('deletes its users when it is ended half-way', async () => {
    const ending = new AbortController()
    const { users, fired } = await walk(
      {},
      {
        signal: ending.signal,
        say: (line) => {
          if (line.startsWith('sign-out:')) ending.abort()
        },
      },
    )
    assert.ok(Array.isArray(fired))
    assert.equal(fired.length, 2)
    assert.equal(users, 0)
  })
})
