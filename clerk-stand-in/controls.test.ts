import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startStandIn, type ListeningStandIn } from './stand-in.ts'

async function tell(
  { url }: ListeningStandIn,
  method: string,
  { path, body }: { path: string; body?: object },
) {
  const response = await fetch(`${url}/stand-in${path}`, {
    method,
    ...(body ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

describe('the controls of the stand-in', () => {
  it('sign somebody in, end the session, and show it', async () => {
    await using standIn = await startStandIn()
    const added = await tell(standIn, 'POST', { path: '/users', body: { first_name: 'Grace' } })
    const { body } = await tell(standIn, 'POST', {
      path: '/sign-ins',
      body: { user_id: added.body['user_id'] },
    })
    const path = `/sessions/${String(body['session_id'])}`
    const ended = await tell(standIn, 'POST', { path, body: { action: 'end' } })
    assert.equal((ended.body['session'] as { status: string }).status, 'ended')
    const { body: state } = await tell(standIn, 'GET', { path: '/state' })
    assert.equal((state['sessions'] as unknown[]).length, 1)
    assert.match(String(state['stand_in']), /not Clerk/)
  })

  it('name the field that is wrong', async () => {
    await using standIn = await startStandIn()
    const wrong = await tell(standIn, 'PUT', { path: '/webhooks', body: { lose: 2 } })
    assert.equal(wrong.status, 400)
    assert.match(String(wrong.body['error']), /at lose/)
    const unknown = await tell(standIn, 'POST', { path: '/tickets', body: { user_id: 'user_nobody' } })
    assert.deepEqual(
      [unknown.status, unknown.body['error']],
      [404, 'There is no user user_nobody; /stand-in/state lists them.'],
    )
    const noJson = await fetch(`${standIn.url}/stand-in/clock`, { method: 'POST', body: '{' })
    assert.equal(noJson.status, 400)
  })

  it('make trouble for as many requests as asked, then none', async () => {
    await using standIn = await startStandIn()
    const fault = { group: 'backend', trouble: 429, times: 2, retryAfterSeconds: 3 }
    await tell(standIn, 'POST', { path: '/faults', body: fault })
    const ask = () =>
      fetch(`${standIn.url}/v1/jwks`, { headers: { authorization: `Bearer ${standIn.secretKey}` } })
    const [first, second, third] = [await ask(), await ask(), await ask()]
    assert.deepEqual([first.status, second.status, third.status], [429, 429, 200])
    assert.equal(first.headers.get('retry-after'), '3')
  })

  it('let the connection break, hang or wait, only where it matches, until they are cleared', async () => {
    await using standIn = await startStandIn()
    const environment = () => fetch(`${standIn.url}/v1/environment`)
    standIn.faults.set({ group: 'frontend', trouble: 'down', matching: '^GET /v1/environment$' })
    await assert.rejects(environment())
    assert.equal((await fetch(`${standIn.url}/.well-known/jwks.json`)).status, 200)
    standIn.faults.clear()
    standIn.faults.set({ group: 'frontend', trouble: 'hang', times: 1 })
    const hanging = environment()
    standIn.faults.set({ group: 'frontend', trouble: 'late', times: 1 })
    await standIn.asked(/environment/)
    const late = environment()
    while (standIn.requests.length < 4) await new Promise((resolve) => setImmediate(resolve))
    await tell(standIn, 'DELETE', { path: '/faults' })
    await assert.rejects(hanging)
    assert.equal((await late).status, 200)
  })

  it('let time pass', async () => {
    await using standIn = await startStandIn()
    const { id } = standIn.world.signIn(standIn.world.addUser(), standIn.world.newClient())
    await tell(standIn, 'POST', { path: '/clock', body: { advance_ms: 7 * 86_400_000 } })
    assert.equal(standIn.world.session(id)?.status, 'expired')
  })

  it('show a page that says what it is', async () => {
    await using standIn = await startStandIn()
    standIn.world.addUser({ id: 'user_1', firstName: '<b>Ada' })
    const page = await (await fetch(standIn.url)).text()
    assert.match(page, /This is not Clerk/)
    assert.match(page, /&lt;b&gt;Ada/)
  })
})
