import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { openTestApp, type TestApp } from '../../test/app.ts'
import type { Entry } from '../../trail/entry.ts'
import { logout } from '../../trail/stores/conformance.ts'
import { EntryPage } from '../contract.ts'

const KEY = 'k'.repeat(32)
const asReader = { headers: { Authorization: `Bearer ${KEY}` } }

const open = () => openTestApp({ readerKeys: [{ name: 'siem', secret: KEY }] })

async function append({ trail }: TestApp, from: number, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, at) => trail.append(logout(from + at))))
}

async function page({ app }: TestApp, query: string) {
  const answer = await app.request(`/v1/entries${query}`, asReader)
  assert.equal(answer.status, 200, await answer.clone().text())
  const body: unknown = await answer.json()
  const { items, next_after } = EntryPage.strict().parse(body)
  return { items: items as Entry[], next_after, position: answer.headers.get('trail-position') }
}

async function refusal({ app }: TestApp, query: string) {
  const answer = await app.request(`/v1/entries${query}`, asReader)
  const { code, detail } = (await answer.json()) as { code: string; detail: string }
  return { status: answer.status, code, detail, position: answer.headers.get('trail-position') }
}

describe('GET /v1/entries', () => {
  it('gives every entry as it is in the trail, from the first, and where to go on', async () => {
    await using app = await open()
    await append(app, 0, 3)

    const { items, next_after, position } = await page(app, '')

    assert.deepEqual(items, await app.entries())
    assert.equal(items[0]?.session_id, 'sess_0')
    assert.deepEqual([next_after, position], [2, '0/2'])
  })

  it('is not kept by caches', async () => {
    await using app = await open()
    const answer = await app.app.request('/v1/entries', asReader)
    assert.equal(answer.headers.get('cache-control'), 'no-store')
  })

  it('says where to go on when there is nothing new, and when there is nothing at all', async () => {
    await using app = await open()
    assert.deepEqual(await page(app, ''), { items: [], next_after: -1, position: '0/-1' })
    await append(app, 0, 2)
    assert.deepEqual(await page(app, '?after=1'), { items: [], next_after: 1, position: '0/1' })
  })

  it('gives 50 at a time, or as many as are asked for, up to 200', async () => {
    await using app = await open()
    await append(app, 0, 250)
    assert.equal((await page(app, '')).items.length, 50)
    assert.equal((await page(app, '?limit=1')).items.length, 1)
    assert.deepEqual((await page(app, '?limit=200&after=9')).next_after, 209)
    assert.equal((await page(app, '?limit=200&after=199')).items.length, 50)
    for (const limit of ['0', '201', '-1', '1.5', '']) {
      const { status, code, detail } = await refusal(app, `?limit=${limit}`)
      assert.deepEqual([status, code], [400, 'invalid-request'])
      assert.match(detail, /^limit (is empty; it )?must be a whole number from 1 to 200\.$/)
    }
  })

  it('loses and repeats nothing, whatever the pages and whatever is appended between them', async () => {
    const step = fc.record({ appended: fc.nat(60), limit: fc.integer({ min: 1, max: 200 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        await using app = await open()
        const seen: Entry[] = []
        let after = -1
        let sent = 0
        const turn = async (limit: number) => {
          const { items, next_after } = await page(app, `?after=${after}&limit=${limit}`)
          seen.push(...items)
          after = next_after
          return items.length
        }
        for (const { appended, limit } of steps) {
          // The page is read while the appends are under way.
          await Promise.all([append(app, sent, appended), turn(limit)])
          sent += appended
        }
        while ((await turn(7)) > 0) continue

        assert.equal(seen.length, sent)
        assert.deepEqual(seen, await app.entries())
      }),
      { numRuns: 15 },
    )
  })

  it('answers 409 beyond the end, with the end and what a restored backup means', async () => {
    await using app = await open()
    await append(app, 0, 2)
    for (const after of [2, Number.MAX_SAFE_INTEGER]) {
      const { status, code, detail, position } = await refusal(app, `?after=${after}`)
      assert.deepEqual([status, code, position], [409, 'position-ahead', '0/1'])
      assert.match(detail, /A restored backup has a higher epoch.*read from the first entry again/)
    }
  })

  it('answers 400 to what is not a parameter of it, or not a value of that', async () => {
    await using app = await open()
    const unknown = await refusal(app, '?cursor=1')
    assert.deepEqual([unknown.status, unknown.code], [400, 'unknown-filter'])
    assert.equal(unknown.detail, 'There is no “cursor” here; there are after, limit.')
    for (const query of ['?after=-2', '?after=', '?after=x', '?after=9007199254740993']) {
      const { status, code, detail } = await refusal(app, query)
      assert.deepEqual([status, code], [400, 'invalid-request'], query)
      assert.match(detail, /must be a whole number from -1 to 9007199254740991\.$/)
    }
    assert.equal((await refusal(app, '?after=0&after=0')).detail, 'after is given twice; give it once.')
  })

  it('answers 401 without a reader key', async () => {
    await using app = await open()
    for (const path of ['/v1/entries', '/v1/entries/stream', '/v1/entries?after=x']) {
      const answer = await app.app.request(path)
      assert.equal(answer.status, 401)
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer')
    }
    assert.equal(app.entryStreams.size, 0)
  })
})

describe('GET /v1/entries/stream', () => {
  it('says how it is to be read, and where the trail ends', async () => {
    await using app = await open()
    await append(app, 0, 3)
    const answer = await app.app.request('/v1/entries/stream', asReader)
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('content-type'), 'text/event-stream')
    assert.equal(answer.headers.get('cache-control'), 'no-store')
    assert.equal(answer.headers.get('x-accel-buffering'), 'no')
    assert.equal(answer.headers.get('trail-position'), '0/2')
    await answer.body?.cancel()
    assert.equal(app.entryStreams.size, 0)
  })

  it('opens nothing for HEAD', async () => {
    await using app = await open()
    const answer = await app.app.request('/v1/entries/stream', { method: 'HEAD', ...asReader })
    assert.equal(answer.headers.get('content-type'), 'text/event-stream')
    assert.equal(app.entryStreams.size, 0)
  })

  it('answers 409 beyond the end, and 400 to what is no index, wherever it is said', async () => {
    await using app = await open()
    await append(app, 0, 2)
    const ask = async (query: string, headers: Record<string, string> = {}) => {
      const answer = await app.app.request(`/v1/entries/stream${query}`, {
        headers: { ...asReader.headers, ...headers },
      })
      const { code, detail } = (await answer.json()) as { code: string; detail: string }
      return `${answer.status} ${code} ${detail}`
    }
    assert.match(await ask('?after=2'), /^409 position-ahead/)
    assert.match(await ask('', { 'Last-Event-ID': '2' }), /^409 position-ahead/)
    // Given out before a backup was restored: there may be another entry at that index now.
    assert.match(await ask('', { 'Last-Event-ID': '1/0' }), /^409 position-ahead .*the epoch rose/)
    const refused =
      /^400 invalid-request Last-Event-ID (is empty; it )?must be the id of an event \(<epoch>\/<index>\)/
    for (const id of ['', 'x', '-2', '01', '0/', '/1', '0/1/2', '-1/0', '0/-2'])
      assert.match(await ask('', { 'Last-Event-ID': id }), refused)
    assert.match(await ask('?limit=1'), /^400 unknown-filter There is no “limit” here; there are after\.$/)
    assert.equal(app.entryStreams.size, 0)
  })

  it('answers 429 when as many follow as may, until one leaves', async () => {
    await using app = await openTestApp({
      readerKeys: [{ name: 'siem', secret: KEY }],
      streamLimit: 2,
    })
    const ask = async () => app.app.request('/v1/entries/stream', asReader)
    const first = await ask()
    await ask()
    const refused = await ask()
    assert.equal(refused.status, 429)
    assert.equal(refused.headers.get('retry-after'), '30')
    assert.equal(((await refused.json()) as { code: string }).code, 'rate-limited')
    await first.body?.cancel()
    assert.equal((await ask()).status, 200)
  })
})
