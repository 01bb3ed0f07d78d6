import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { history } from '../../examples/demo/history.ts'
import { openTestApp, type TestApp } from '../../test/app.ts'
import { TOKEN_TIME } from '../../test/clerk-instance.ts'
import { TrailError } from '../../trail/error.ts'
import { SessionPage } from '../contract.ts'

const KEY = 'k'.repeat(32)
const asReader = { headers: { Authorization: `Bearer ${KEY}` } }
const reports = history({ until: TOKEN_TIME, days: 5, sessionsADay: 30 })

let app: TestApp
before(async () => {
  app = await openTestApp({ readerKeys: [{ name: 'support', secret: KEY }] })
  for (const report of reports) await app.trail.append(report)
})
after(() => app[Symbol.asyncDispose]())

const get = (query: string) => app.app.request(`/v1/sessions${query}`, asReader)

async function pageOf(query: string): Promise<SessionPage> {
  const answer = await get(query)
  assert.equal(answer.status, 200, await answer.clone().text())
  return SessionPage.parse(await answer.json())
}

async function refusalOf(query: string): Promise<{ status: number; code: string; detail: string }> {
  const answer = await get(query)
  assert.equal(answer.headers.get('content-type'), 'application/problem+json')
  const { status, code, detail } = (await answer.json()) as { status: number; code: string; detail: string }
  assert.equal(answer.status, status)
  return { status, code, detail }
}

describe('GET /v1/sessions', () => {
  it('gives 50 records, the newest first, and a cursor to the next', async () => {
    const first = await pageOf('')
    assert.equal(first.items.length, 50)
    const second = await pageOf(`?cursor=${first.next_cursor}`)
    const starts = [...first.items, ...second.items].map(({ started_at }) => started_at ?? '')
    assert.deepEqual(starts, starts.toSorted().toReversed())
    const answer = await get('')
    assert.equal(answer.headers.get('trail-position'), `0/${reports.length - 1}`)
    assert.equal(answer.headers.get('cache-control'), 'no-store')
  })

  it('ends with a null cursor, also when the last page is full', async () => {
    const all = await pageOf('?limit=200&state=ended')
    assert.equal(all.next_cursor, null)
    const exact = await pageOf(`?limit=${all.items.length}&state=ended`)
    assert.equal(exact.next_cursor, null)
    assert.deepEqual(exact.items, all.items)
  })

  it('answers with nothing where nothing fits', async () => {
    assert.deepEqual(await pageOf('?user_id=user_nobody'), { items: [], next_cursor: null })
    assert.deepEqual(await pageOf('?state=open&reason=expired'), { items: [], next_cursor: null })
  })

  it('takes a day for its midnight in UTC, and a time with its zone', async () => {
    const day = new Date(TOKEN_TIME - 2 * 86_400_000).toISOString().slice(0, 10)
    const ofDay = await pageOf(`?from=${day}&limit=200`)
    const ofTime = await pageOf(`?from=${encodeURIComponent(`${day}T05:45:00+05:45`)}&limit=200`)
    assert.ok(ofDay.items.length > 0)
    assert.deepEqual(ofTime.items, ofDay.items)
    for (const { ended_at, requested_at, started_at } of ofDay.items) {
      assert.ok((ended_at ?? requested_at ?? started_at ?? '') >= `${day}T00:00:00.000Z`)
    }
  })

  it('names what is wrong, and what there is instead', async () => {
    const wrong: [string, string, RegExp][] = [
      ['?users=1', 'unknown-filter', /There is no “users” here; there are state, user_id, .*cursor\./],
      ['?State=open', 'unknown-filter', /no “State”/],
      ['?state=closed', 'invalid-request', /^state must be one of open, requested, ended\./],
      ['?state=', 'invalid-request', /^state is empty; it must be one of/],
      ['?state=open&state=ended', 'invalid-request', /^state is given twice/],
      ['?user_id=a%20b', 'invalid-request', /^user_id must be an id of Clerk/],
      [`?q=${'x'.repeat(129)}`, 'invalid-request', /^q must be the whole id/],
      ['?from=yesterday', 'invalid-request', /^from must be a time such as/],
      ['?from=2026-11-01T00:00:00', 'invalid-request', /^from must be a time/],
      ['?from=2026-02-30', 'invalid-request', /^from must be a time/],
      ['?to=2026-11-01T24:61:00Z', 'invalid-request', /^to must be a time/],
      ['?from=2026-11-02&to=2026-11-02', 'invalid-request', /^from must be before to/],
      ['?limit=0', 'invalid-request', /^limit must be a whole number from 1 to 200\./],
      ['?limit=201', 'invalid-request', /^limit must/],
      ['?limit=1e2', 'invalid-request', /^limit must/],
      ['?order=oldest', 'invalid-request', /^order must be one of newest, changes\./],
      ['?cursor=abc', 'invalid-cursor', /begin without it/],
    ]
    for (const [query, code, detail] of wrong) {
      const refusal = await refusalOf(query)
      assert.deepEqual([refusal.status, refusal.code], [400, code], query)
      assert.match(refusal.detail, detail)
    }
  })

  it('takes a cursor only with the order and the filters that it was given for', async () => {
    const { next_cursor: cursor } = await pageOf('?state=ended&limit=3')
    assert.ok(cursor)
    assert.equal((await pageOf(`?limit=9&cursor=${cursor}&state=ended`)).items.length, 9)
    const others = [
      `?cursor=${cursor}`,
      `?state=open&cursor=${cursor}`,
      `?state=ended&q=user_1&cursor=${cursor}`,
      `?state=ended&order=changes&cursor=${cursor}`,
      `?state=ended&cursor=${cursor}A`,
      `?state=ended&cursor=${cursor.slice(0, -1)}`,
      `?state=ended&cursor=${encodeURIComponent(`${cursor}=`)}`,
    ]
    for (const query of others) assert.equal((await refusalOf(query)).code, 'invalid-cursor', query)
  })

  it('never gives 500 for a cursor that somebody made up', async () => {
    const made = [
      '[1,"newest",0]',
      '[1,"newest",0,"x"]',
      '[[]]',
      '[1,2',
      ']',
      '\u0000',
      '[1,"newest",0,1]0123456789abcdef',
    ]
    for (const text of made) {
      const cursor = Buffer.from(text).toString('base64url')
      assert.equal((await refusalOf(`?cursor=${cursor}`)).code, 'invalid-cursor', text)
    }
  })

  it('is followed in the order of changes: the cursor is never null, and is the one that was sent when there is nothing new', async () => {
    const known = new Map<string, string>()
    let cursor = ''
    for (;;) {
      const page = await pageOf(`?order=changes&limit=20${cursor}`)
      assert.ok(page.next_cursor)
      if (cursor === `&cursor=${page.next_cursor}`) break
      cursor = `&cursor=${page.next_cursor}`
      for (const item of page.items) known.set(item.session_id, item.state)
    }
    assert.equal(known.size, new Set(reports.map(({ session_id }) => session_id)).size)
    const [open] = [...known].find(([, state]) => state === 'open') ?? []
    assert.ok(open)

    await app.logout(app.clerk.token({ sid: open }))

    const { items } = await pageOf(`?order=changes${cursor}`)
    assert.deepEqual(
      items.map(({ session_id, state }) => [session_id, state]),
      [[open, 'requested']],
    )
  })

  it('begins with what changes from now on, when that is asked for', async () => {
    const begin = await pageOf('?order=changes&cursor=now')
    assert.deepEqual(begin.items, [])
    await app.logout(app.clerk.token({ sid: 'sess_now' }))
    const { items } = await pageOf(`?order=changes&cursor=${begin.next_cursor}`)
    assert.deepEqual(
      items.map(({ session_id }) => session_id),
      ['sess_now'],
    )
    assert.equal((await refusalOf('?cursor=now')).code, 'invalid-cursor')
  })

  it('fills a page of changes with what fits, however far apart it lies', async () => {
    const [{ user_id } = {}] = (await pageOf('?limit=1&state=ended')).items
    const all = (await pageOf(`?user_id=${user_id}&limit=200`)).items
    const changes = (await pageOf(`?order=changes&user_id=${user_id}&limit=${all.length}`)).items
    assert.ok(all.length > 1)
    assert.deepEqual(
      new Set(changes.map(({ session_id }) => session_id)),
      new Set(all.map(({ session_id }) => session_id)),
    )
  })

  it('answers 503 while nothing can be read, says that once, and is answered again', async () => {
    let error: Error | null = new TrailError('trail-unavailable', 'The reading thread ended.')
    await using broken = await openTestApp({
      readerKeys: [{ name: 'support', secret: KEY }],
      wrapReads: (reads) => ({
        ...reads,
        list: (request) => (error ? Promise.reject(error) : reads.list(request)),
      }),
    })
    const answer = await broken.app.request('/v1/sessions', asReader)
    assert.equal(answer.status, 503)
    assert.equal(answer.headers.get('retry-after'), '1')
    assert.equal(((await answer.json()) as { code: string }).code, 'not-ready')
    error = null
    assert.equal((await broken.app.request('/v1/sessions', asReader)).status, 200)
    assert.deepEqual(broken.unreadable, ['trail-unavailable', 'fine'])
    assert.deepEqual(broken.errors, [])
  })

  it('answers before there is any entry', async () => {
    await using empty = await openTestApp({ readerKeys: [{ name: 'support', secret: KEY }] })
    const answer = await empty.app.request('/v1/sessions', asReader)
    assert.deepEqual(await answer.json(), { items: [], next_cursor: null })
    assert.equal(answer.headers.get('trail-position'), '0/-1')
  })
})
