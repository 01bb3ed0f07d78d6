import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openTestApp } from '../../test/app.ts'
import { TOKEN_TIME } from '../../test/clerk-instance.ts'
import { newSecret, ofSession, signed } from '../../test/webhooks.ts'
import { SessionDetail } from '../contract.ts'

const secret = newSecret()
const KEY = 'k'.repeat(32)
const asReader = { headers: { Authorization: `Bearer ${KEY}` } }

const open = () => openTestApp({ webhookSecrets: [secret], readerKeys: [{ name: 'support', secret: KEY }] })

describe('GET /v1/sessions/{session_id}', () => {
  it('merges what the button asked for with what Clerk says, with the entries that say so', async () => {
    await using app = await open()
    await app.logout(app.clerk.token({ sid: 'sess_1', sub: 'user_1' }), {}, '?intent=idle')
    for (const type of ['session.created', 'session.removed']) {
      await app.app.request('/v1/webhooks/clerk', signed(ofSession(type), { secret }))
    }

    const answer = await app.app.request('/v1/sessions/sess_1', asReader)

    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('cache-control'), 'no-store')
    const body: unknown = await answer.json()
    const { entries, ...record } = SessionDetail.strict().parse(body)
    assert.deepEqual(record, {
      session_id: 'sess_1',
      user_id: 'user_1',
      org_id: 'org_1',
      client_id: 'client_1',
      actor_id: null,
      state: 'ended',
      started_at: new Date(TOKEN_TIME - 86_400_000).toISOString(),
      requested_at: new Date(TOKEN_TIME).toISOString(),
      ended_at: new Date(TOKEN_TIME + 1000).toISOString(),
      ended_at_earliest: new Date(TOKEN_TIME + 1000).toISOString(),
      ended_at_latest: new Date(TOKEN_TIME + 1000).toISOString(),
      duration_ms: 86_401_000,
      reason: 'signed-out',
      initiator: 'policy',
      confidence: 'confirmed',
      intent: 'idle',
      unconfirmed: false,
      sentence: 'Signed out because the user was idle; confirmed by Clerk.',
    })
    assert.deepEqual(
      entries.map(({ index, kind }) => `${index} ${kind}`),
      ['0 logout.requested', '1 session.created', '2 session.removed'],
    )
  })

  it('says up to which entry the records know the trail', async () => {
    await using app = await open()
    await app.logout(app.clerk.token({ sid: 'sess_1' }))
    await app.app.request('/v1/sessions/sess_1', asReader)
    const answer = await app.app.request('/v1/sessions/sess_1', asReader)
    assert.equal(answer.headers.get('trail-position'), '0/0')
  })

  it('shows the end of the account too, and who was asked by nobody', async () => {
    await using app = await open()
    await app.app.request('/v1/webhooks/clerk', signed(ofSession('session.created'), { secret }))
    const deleted = JSON.stringify({
      type: 'user.deleted',
      timestamp: TOKEN_TIME + 5000,
      data: { id: 'user_1' },
    })
    await app.app.request('/v1/webhooks/clerk', signed(deleted, { secret }))
    const answer = await app.app.request('/v1/sessions/sess_1', asReader)
    const { reason, confidence, entries } = SessionDetail.parse(await answer.json())
    assert.deepEqual([reason, confidence], ['account-deleted', 'inferred'])
    assert.deepEqual(
      entries.map(({ kind }) => kind),
      ['session.created', 'user.deleted'],
    )
  })

  it('answers 404 when nothing is known', async () => {
    await using app = await open()
    assert.equal((await app.app.request('/v1/sessions/sess_none', asReader)).status, 404)
    assert.equal((await app.app.request(`/v1/sessions/${'x'.repeat(5000)}`, asReader)).status, 404)
  })
})
