import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { openTestApp, type TestAppOptions } from '../../test/app.ts'
import { TOKEN_TIME } from '../../test/clerk-instance.ts'
import type { Entry } from '../../trail/entry.ts'
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
  const metrics = async () =>
    (await opened.app.request('/metrics', {}, { incoming: { socket: { remoteAddress: '::1' } } })).text()
  return { ...opened, post, codeOf, metrics }
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
    assert.match(await app.metrics(), /webhooks_total\{type="other"\} 3/)
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
      [
        signed(ofSession('session.removed', {}, { timestamp: 8.64e15 + 1 }), { secret }),
        'webhook-body-invalid',
      ],
      [
        signed(ofSession('session.removed', {}, { timestamp: 2 ** 53 - 1 }), { secret }),
        'webhook-body-invalid',
      ],
      [signed(ofSession('session.removed', {}, { timestamp: 1.5 }), { secret }), 'webhook-body-invalid'],
      [signed(ofSession('session.removed', {}, { data: [] }), { secret }), 'webhook-body-invalid'],
    ]
    for (const [at, [init, code]] of table.entries()) {
      assert.equal(await app.codeOf(init), `400 ${code}`, `row ${at}`)
    }
    assert.deepEqual(await app.entries(), [])
  })

  it('leaves out and counts what it can do without when that is not what it should be', async () => {
    await using app = await open()
    const table: [Record<string, unknown>, Record<string, unknown>, keyof Entry, string][] = [
      [{ client_id: '' }, {}, 'client_id', 'data.client_id'],
      [{ actor: { sub: 'support@example.com' } }, {}, 'actor_id', 'data.actor.sub'],
      [{ actor: 'x' }, {}, 'actor_id', 'data.actor'],
      [{ status: 7 }, {}, 'clerk_status', 'data.status'],
      [{ last_active_organization_id: 'an org' }, {}, 'org_id', 'data.last_active_organization_id'],
      [{ last_active_at: 'now' }, {}, 'session_last_active_at', 'data.last_active_at'],
      [{ created_at: -1 }, {}, 'session_created_at', 'data.created_at'],
      [{ expire_at: 1.5 }, {}, 'session_expire_at', 'data.expire_at'],
      [{ abandon_at: 2 ** 53 - 1 }, {}, 'session_abandon_at', 'data.abandon_at'],
      [{ latest_activity: [] }, {}, 'device_type', 'data.latest_activity'],
      [{ latest_activity: { city: 5 } }, {}, 'city', 'data.latest_activity.city'],
      [{ latest_activity: { country: {} } }, {}, 'country', 'data.latest_activity.country'],
      [{ latest_activity: { device_type: 1 } }, {}, 'device_type', 'data.latest_activity.device_type'],
      [{}, { event_attributes: 'x' }, 'ip', 'event_attributes'],
      [{}, { event_attributes: { http_request: 1 } }, 'ip', 'event_attributes.http_request'],
      [
        {},
        { event_attributes: { http_request: { client_ip: 5 } } },
        'ip',
        'event_attributes.http_request.client_ip',
      ],
      [
        {},
        { event_attributes: { http_request: { user_agent: 5 } } },
        'user_agent',
        'event_attributes.http_request.user_agent',
      ],
    ]
    for (const [at, [data, more, column, field]] of table.entries()) {
      assert.equal(await app.codeOf(signed(ofSession('session.removed', data, more), { secret })), '204')
      assert.equal((await app.entries())[at]?.[column], null, field)
      assert.match(await app.metrics(), new RegExp(`dropped_webhook_fields_total\\{field="${field}"\\} 1\n`))
    }
    const wrongBan = {
      type: 'user.updated',
      timestamp: TOKEN_TIME,
      data: { id: 'user_1', banned: 'yes', status: 1 },
    }
    assert.equal(await app.codeOf(signed(JSON.stringify(wrongBan), { secret })), '204')
    assert.equal((await app.entries()).length, table.length)
    const counted = [...(await app.metrics()).matchAll(/dropped_webhook_fields_total\{field="(.+)"\} (\d+)/g)]
    assert.deepEqual(
      counted.map(([, field, times]) => `${field} ${times}`).toSorted(),
      [...table.map(([, , , field]) => field), 'data.banned'].map((field) => `${field} 1`).toSorted(),
    )
  })

  it('acknowledges a deleted user without an id, and records nobody', async () => {
    await using app = await open()
    const body = JSON.stringify({ type: 'user.deleted', timestamp: TOKEN_TIME, data: { deleted: true } })
    assert.equal(await app.codeOf(signed(body, { secret })), '204')
    assert.deepEqual(await app.entries(), [])
    assert.match(await app.metrics(), /dropped_webhook_fields_total\{field="data.id"\} 1\n/)
    assert.match(await app.metrics(), /webhooks_total\{type="other"\} 1\n/)
  })

  it('takes the last moment of the calendar, and refuses by name what lies behind it', async () => {
    await using app = await open()
    const ofTime = (timestamp: number) => signed(ofSession('session.removed', {}, { timestamp }), { secret })
    assert.equal(await app.codeOf(ofTime(8.64e15)), '204')
    const { detail } = (await (await app.post(ofTime(8.64e15 + 1))).json()) as { detail: string }
    assert.equal(detail, 'timestamp: is later than any date. Is this a webhook of Clerk?')
  })

  it('expects that uploads are broken off, and has nothing to tell the operator', async () => {
    await using app = await open()
    const broken = new ReadableStream({
      pull: (controller) => controller.error(new Error('aborted')),
    })
    const init = { method: 'POST', body: broken, duplex: 'half' } as RequestInit
    assert.equal(await app.codeOf(init), '400 invalid-request')
    assert.deepEqual(app.errors, [])
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
