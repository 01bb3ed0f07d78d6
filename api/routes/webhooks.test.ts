import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { openTestApp, type TestAppOptions } from '../../test/app.ts'
import { TOKEN_TIME } from '../../test/clerk-instance.ts'
import { newSecret, ofSession, PROFILE, signed } from '../../test/webhooks.ts'

const PATH = '/v1/webhooks/clerk'
const secret = newSecret()

async function open(options: TestAppOptions = {}) {
  const opened = await openTestApp({ webhookSecrets: [secret], ...options })
  const post = async (init: RequestInit) => opened.app.request(PATH, init)
  const codeOf = async (init: RequestInit) => {
    const answer = await post(init)
    if (answer.status === 204) return '204'
    const { code } = (await answer.json()) as { code: string }
    return `${answer.status} ${code}`
  }
  return { ...opened, post, codeOf }
}

describe('POST /v1/webhooks/clerk', () => {
  for (const kind of ['created', 'pending', 'ended', 'removed', 'revoked']) {
    it(`records session.${kind} before it answers 204`, async () => {
      await using app = await open()

      assert.equal(await app.codeOf(signed(ofSession(`session.${kind}`), { secret })), '204')

      const [entry] = await app.entries()
      assert.deepEqual(entry, {
        index: 0,
        kind: `session.${kind}`,
        source: 'webhook',
        occurred_at: TOKEN_TIME + 1000,
        recorded_at: TOKEN_TIME,
        session_id: 'sess_1',
        user_id: 'user_1',
        client_id: 'client_1',
        actor_id: null,
        org_id: 'org_1',
        ip: '203.0.113.0',
        user_agent: 'Mozilla/5.0 (Test)',
        city: 'Lisbon',
        country: 'PT',
        azp: null,
        token_iat: null,
        token_state: null,
        request_id: null,
        trace_id: null,
        clerk_status: kind,
        intent: null,
        device_type: 'Macintosh',
        session_created_at: TOKEN_TIME - 86_400_000,
        session_last_active_at: TOKEN_TIME,
        session_expire_at: TOKEN_TIME + 6 * 86_400_000,
        session_abandon_at: TOKEN_TIME + 29 * 86_400_000,
      })
    })
  }

  it('takes seconds for milliseconds, a null user, no activity, and fields and words that it does not know', async () => {
    await using app = await open()
    const body = ofSession(
      'session.removed',
      {
        user: null,
        latest_activity: null,
        status: 'brand-new',
        surprise: [1],
        actor: { sub: 'user_support', iss: 'x' },
      },
      { timestamp: TOKEN_TIME / 1000, event_attributes: null, more: {} },
    )
    assert.equal(await app.codeOf(signed(body, { secret })), '204')
    const [entry] = await app.entries()
    assert.equal(entry?.occurred_at, TOKEN_TIME)
    assert.equal(entry?.clerk_status, 'brand-new')
    assert.equal(entry?.actor_id, 'user_support')
    assert.equal(entry?.ip, null)
  })

  it('records a deleted and a banned user, and acknowledges the rest', async () => {
    await using app = await open()
    const ofUser = (type: string, data: object) =>
      JSON.stringify({ object: 'event', type, timestamp: TOKEN_TIME, data })
    for (const body of [
      ofUser('user.deleted', { id: 'user_1', object: 'user', deleted: true }),
      ofUser('user.updated', { id: 'user_1', banned: true }),
      ofUser('user.updated', { id: 'user_1', banned: false }),
      ofUser('user.created', { id: 'user_1' }),
      ofUser('organization.created', { id: 'org_1' }),
    ]) {
      assert.equal(await app.codeOf(signed(body, { secret })), '204')
    }
    assert.deepEqual(
      (await app.entries()).map(({ kind, user_id, session_id }) => [kind, user_id, session_id]),
      [
        ['user.deleted', 'user_1', null],
        ['user.banned', 'user_1', null],
      ],
    )
    const metrics = await (
      await app.app.request('/metrics', {}, { incoming: { socket: { remoteAddress: '::1' } } })
    ).text()
    assert.match(metrics, /webhooks_total\{type="other"\} 3/)
  })

  it('answers 204 to a repeat of a svix-id, also one signed anew, and writes nothing', async () => {
    await using app = await open()
    const body = ofSession('session.removed')
    for (const at of [new Date(), new Date(Date.now() - 120_000)]) {
      assert.equal(await app.codeOf(signed(body, { secret, id: 'msg_1', at })), '204')
    }
    assert.equal((await app.entries()).length, 1)
  })

  it('takes either of two secrets while they are rotated', async () => {
    const next = newSecret()
    await using app = await open({ webhookSecrets: [secret, next] })
    for (const one of [secret, next]) {
      assert.equal(await app.codeOf(signed(ofSession('session.created'), { secret: one })), '204')
    }
    const other = signed(ofSession('session.created'), { secret: newSecret() })
    assert.equal(await app.codeOf(other), '400 webhook-signature-invalid')
  })

  it('writes nothing that Clerk did not sign, or long ago, or that is not a webhook', async () => {
    await using app = await open()
    const good = signed(ofSession('session.removed'), { secret })
    const without = (name: string) => ({
      ...good,
      headers: Object.fromEntries(Object.entries(good.headers).filter(([key]) => key !== name)),
    })
    const table: [RequestInit, string][] = [
      [{ ...good, body: good.body.replace('sess_1', 'sess_2') }, 'webhook-signature-invalid'],
      [without('svix-signature'), 'webhook-signature-invalid'],
      [without('svix-id'), 'webhook-signature-invalid'],
      [without('svix-timestamp'), 'webhook-signature-invalid'],
      [{ ...good, headers: { ...good.headers, 'svix-timestamp': 'soon' } }, 'webhook-signature-invalid'],
      [{ ...good, headers: { ...good.headers, 'svix-signature': 'v1' } }, 'webhook-signature-invalid'],
      [signed(good.body, { secret, at: new Date(Date.now() - 301_000) }), 'webhook-timestamp-stale'],
      [signed(good.body, { secret, at: new Date(Date.now() + 330_000) }), 'webhook-timestamp-stale'],
      [signed('', { secret }), 'webhook-body-invalid'],
      [signed('not JSON', { secret }), 'webhook-body-invalid'],
      [signed('[]', { secret }), 'webhook-body-invalid'],
      [signed('7', { secret }), 'webhook-body-invalid'],
      [signed(ofSession('session.removed', { id: '../etc' }), { secret }), 'webhook-body-invalid'],
      [signed(ofSession('session.removed', { id: null }), { secret }), 'webhook-body-invalid'],
      [
        signed(ofSession('session.removed', { user_id: 'u'.repeat(129) }), { secret }),
        'webhook-body-invalid',
      ],
      [signed(ofSession('session.removed', { expire_at: 'soon' }), { secret }), 'webhook-body-invalid'],
      [signed(ofSession('session.removed', { expire_at: -1 }), { secret }), 'webhook-body-invalid'],
      [signed(ofSession('session.removed', { expire_at: 2 ** 53 }), { secret }), 'webhook-body-invalid'],
      [signed(ofSession('session.removed', {}, { timestamp: 1.5 }), { secret }), 'webhook-body-invalid'],
      [signed(ofSession('session.removed', {}, { data: [] }), { secret }), 'webhook-body-invalid'],
    ]
    for (const [at, [init, code]] of table.entries()) {
      assert.equal(await app.codeOf(init), `400 ${code}`, `row ${at}`)
    }
    assert.deepEqual(await app.entries(), [])
  })

  it('names the field that is wrong, and repeats nothing of it', async () => {
    await using app = await open()
    const answer = await app.post(signed(ofSession('session.removed', { user_id: 'a secret!' }), { secret }))
    const { detail } = (await answer.json()) as { detail: string }
    assert.equal(detail, 'data.user_id: is not an id. Is this a webhook of Clerk?')
  })

  it('refuses what is over 256 kB, also when nobody says how long it is', async () => {
    await using app = await open()
    const large = signed(ofSession('session.removed', { filler: 'x'.repeat(262_144) }), { secret })
    assert.equal(await app.codeOf(large), '413 body-too-large')
    const stream = new Blob([large.body]).stream()
    assert.equal(
      await app.codeOf({ ...large, body: stream, duplex: 'half' } as RequestInit),
      '413 body-too-large',
    )
    assert.deepEqual(await app.entries(), [])
  })

  it('accepts nothing without a secret', async () => {
    await using app = await openTestApp()
    const answer = await app.app.request(PATH, signed(ofSession('session.removed'), { secret }))
    assert.equal(answer.status, 503)
    assert.equal(((await answer.json()) as { code: string }).code, 'webhooks-not-configured')
  })

  it('answers 503 when it could not be recorded, so that it comes again', async () => {
    await using app = await open({
      confirmWithinMs: 50,
      wrapStore: (store) => ({
        ...store,
        append: () => Promise.reject(new Error('the disk is full')),
        close: () => store.close(),
      }),
    })
    assert.equal(
      await app.codeOf(signed(ofSession('session.removed'), { secret })),
      '503 webhook-not-recorded',
    )
  })

  it('leaves nothing of the user’s profile in any file', async () => {
    await using app = await open()
    assert.equal(await app.codeOf(signed(ofSession('session.created'), { secret })), '204')
    for (const file of readdirSync(app.folder)) {
      const bytes = readFileSync(join(app.folder, file)).toString('latin1')
      for (const value of Object.values(PROFILE)) assert.ok(!bytes.includes(value), `${file}: ${value}`)
    }
  })

  it('keeps no address and no place with IP_POLICY=drop', async () => {
    await using app = await open({
      settings: { addresses: { trustedProxies: [], policy: 'drop' } },
    })
    await app.post(signed(ofSession('session.created'), { secret }))
    const [entry] = await app.entries()
    assert.deepEqual([entry?.ip, entry?.city, entry?.country], [null, null, null])
  })
})
