import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { verifyWebhook } from '@clerk/backend/webhooks'
import { startStandIn, type ListeningStandIn, type StandInOptions } from './stand-in.ts'

interface Receiver extends AsyncDisposable {
  standIn: ListeningStandIn
  /** What came, in the order in which it came, each accepted by Clerk's own `verifyWebhook`. */
  received: { id: string; type: string; timestamp: number; data: Record<string, unknown> }[]
  /** What is answered. */
  status: number
}

async function openReceiver(options: StandInOptions = {}): Promise<Receiver> {
  const server = createServer((request, response) => {
    accept(request).then(
      () => response.writeHead(receiver.status).end(),
      (error: unknown) => response.writeHead(400).end(String(error)),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/webhooks/clerk`
  const standIn = await startStandIn({ ...options, webhooks: { url, concurrency: 1 } })
  const receiver: Receiver = {
    standIn,
    received: [],
    status: 204,
    [Symbol.asyncDispose]: async () => {
      await standIn.close()
      server.closeAllConnections()
      server.close()
    },
  }
  async function accept(request: AsyncIterable<Buffer> & { headers: object }): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const headers = request.headers as Record<string, string>
    const came = new Request(url, { method: 'POST', headers, body: Buffer.concat(chunks) })
    const event = await verifyWebhook(came, { signingSecret: standIn.webhookSecret })
    const { type, data, timestamp } = event as unknown as Receiver['received'][number]
    receiver.received.push({ id: headers['svix-id'] ?? '', type, data, timestamp })
  }
  return receiver
}

function signIn({ world }: ListeningStandIn, userId = 'user_1') {
  return world.signIn(world.users.get(userId) ?? world.addUser({ id: userId }), world.newClient())
}

const types = ({ received }: Receiver) => received.map(({ type }) => type)

describe('the webhooks of the stand-in', () => {
  it('are signed as Clerk’s, and carry the session with its whole user', async () => {
    await using receiver = await openReceiver()
    const { id } = signIn(receiver.standIn)
    await receiver.standIn.webhooks.idle()
    const [event] = receiver.received
    assert.ok(event)
    assert.deepEqual([event.type, event.data['id'], event.data['status']], ['session.created', id, 'active'])
    assert.equal((event.data['user'] as { id: string }).id, 'user_1')
    assert.ok(Math.abs(event.timestamp - Date.now()) < 60_000)
  })

  it('say of an action what they are told to: nothing, another event, or several', async () => {
    const fires = { 'sign-in': [], 'sign-out': ['session.ended', 'session.removed'] } as const
    await using receiver = await openReceiver({
      fires: { ...fires, 'sign-in': [], 'sign-out': [...fires['sign-out']] },
    })
    const { world, webhooks } = receiver.standIn
    world.end(signIn(receiver.standIn).id, 'sign-out')
    await webhooks.idle()
    assert.deepEqual(types(receiver), ['session.ended', 'session.removed'])
  })

  it('are tried again with the same id when their time has come, until they are accepted', async () => {
    await using receiver = await openReceiver()
    const { webhooks, advance } = receiver.standIn
    receiver.status = 503
    signIn(receiver.standIn)
    await webhooks.idle()
    advance(4000)
    await webhooks.idle()
    assert.equal(receiver.received.length, 1)
    advance(1000)
    await webhooks.idle()
    receiver.status = 204
    advance(300_000)
    await webhooks.idle()
    advance(10 * 3_600_000)
    await webhooks.idle()
    assert.equal(receiver.received.length, 3)
    assert.equal(new Set(receiver.received.map(({ id }) => id)).size, 1)
    const [delivery] = webhooks.deliveries
    assert.deepEqual(
      delivery?.attempts.map(({ result }) => result),
      [503, 503, 204],
    )
    assert.equal(delivery?.state, 'delivered')
  })

  it('are held, then sent in the order that was asked for', async () => {
    await using receiver = await openReceiver()
    const { webhooks, world } = receiver.standIn
    webhooks.settings.sending = 'held'
    const { id } = signIn(receiver.standIn)
    world.end(id, 'revoke')
    await webhooks.idle()
    assert.deepEqual(types(receiver), [])
    webhooks.release('reversed')
    await webhooks.idle()
    assert.deepEqual(types(receiver), ['session.revoked', 'session.created'])
  })

  it('are lost, or come twice, as often as is asked for', async () => {
    await using receiver = await openReceiver({ random: () => 0.5 })
    const { webhooks, world } = receiver.standIn
    webhooks.settings.lose = 0.6
    const lost = signIn(receiver.standIn)
    webhooks.settings.lose = 0
    webhooks.settings.repeat = 0.6
    world.end(lost.id, 'revoke')
    await webhooks.idle()
    assert.deepEqual(types(receiver), ['session.revoked', 'session.revoked'])
    assert.equal(receiver.received[0]?.id, receiver.received[1]?.id)
  })

  it('say nothing when sessions expire, are abandoned or replaced', async () => {
    const DAY_MS = 86_400_000
    await using receiver = await openReceiver({ abandonAfterMs: 3 * DAY_MS, fires: { 'sign-in': [] } })
    const { world, advance, webhooks } = receiver.standIn
    const [abandoned, used, replaced] = [1, 2, 3].map(() => signIn(receiver.standIn))
    assert.ok(abandoned && used && replaced)
    world.replace(replaced.id)
    for (let day = 0; day < 8; day += 1) {
      const session = world.session(used.id)
      if (session?.status === 'active') world.touch(session)
      advance(DAY_MS)
    }
    await webhooks.idle()
    const status = ({ id }: { id: string }) => world.session(id)?.status
    assert.deepEqual([abandoned, used, replaced].map(status), ['abandoned', 'expired', 'replaced'])
    assert.deepEqual(types(receiver), [])
  })

  it('name a deleted user without the profile, and a banned one with it', async () => {
    await using receiver = await openReceiver({ fires: { 'sign-in': [] } })
    const { world, webhooks } = receiver.standIn
    const [banned, deleted] = [world.addUser({ id: 'user_b' }), world.addUser({ id: 'user_d' })]
    world.banUser(banned)
    world.deleteUser(deleted)
    await webhooks.idle()
    assert.deepEqual(types(receiver), ['user.updated', 'user.deleted'])
    assert.equal(receiver.received[0]?.data['banned'], true)
    assert.deepEqual(receiver.received[1]?.data, { id: 'user_d', object: 'user', deleted: true })
  })
})
