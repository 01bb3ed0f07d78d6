import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { history } from '../../examples/demo/history.ts'
import { openTestApp, type TestApp } from '../../test/app.ts'
import { csvRows } from '../../test/csv.ts'
import { TOKEN_TIME } from '../../test/clerk-instance.ts'
import { toldByWebhook, type SessionId, type UserId } from '../../trail/entry.ts'
import { TrailError } from '../../trail/error.ts'
import type { TrailStore } from '../../trail/store.ts'
import { SessionRecord } from '../contract.ts'
import { recordKeys } from '../session-json.ts'

const KEY = 'k'.repeat(32)
const asReader = { headers: { Authorization: `Bearer ${KEY}`, 'User-Agent': 'curl/8' } }
const readerKeys = [{ name: 'audit', secret: KEY }]
/** More than one part of the file. */
const reports = history({ until: TOKEN_TIME, days: 30, sessionsADay: 60 })
const sessions = new Set(reports.map(({ session_id }) => session_id)).size

let app: TestApp
before(async () => {
  app = await openTestApp({ readerKeys })
  await Promise.all(reports.map((report) => app.trail.append(report)))
})
after(() => app[Symbol.asyncDispose]())

const get = (query: string) => app.app.request(`/v1/exports/sessions${query}`, asReader)
const exports = async ({ entries }: TestApp) =>
  (await entries()).filter(({ kind }) => kind === 'trail.exported')

describe('GET /v1/exports/sessions', () => {
  it('gives every record as NDJSON, the oldest first, and then says that it is whole', async () => {
    const answer = await get('?format=ndjson')
    assert.equal(answer.headers.get('content-type'), 'application/x-ndjson')
    assert.match(
      answer.headers.get('content-disposition') ?? '',
      /^attachment; filename="sessions-\d{4}-.*Z\.ndjson"$/,
    )
    const lines = (await answer.text()).trimEnd().split('\n')
    const { trailer } = JSON.parse(lines.pop() ?? '') as { trailer: Record<string, unknown> }
    const records = lines.map((line) => SessionRecord.strict().parse(JSON.parse(line)))
    assert.equal(records.length, sessions)
    assert.equal(new Set(records.map(({ session_id }) => session_id)).size, sessions)
    const position = answer.headers.get('trail-position')
    assert.equal(trailer['count'], sessions)
    assert.equal(trailer['first'], records[0]?.session_id)
    assert.equal(trailer['last'], records.at(-1)?.session_id)
    assert.equal(trailer['start_position'], position)
  })

  it('gives the same as CSV, whose last row says that it is whole', async () => {
    const lines = (await (await get('?format=ndjson&state=ended')).text()).trimEnd().split('\n').slice(0, -1)
    const text = await (await get('?format=csv&state=ended')).text()
    assert.ok(text.endsWith('\r\n'))
    const [head, ...rows] = csvRows(text)
    assert.deepEqual(head, Object.keys(SessionRecord.shape))
    assert.deepEqual(head, [...recordKeys])
    const last = rows.pop()
    assert.match(
      last?.[0] ?? '',
      new RegExp(
        `^# complete: ${rows.length} records, first sess_.*, last sess_.*, start 0/\\d+, end 0/\\d+$`,
      ),
    )
    assert.equal(last?.length, recordKeys.length)
    const told = lines.map((line) =>
      Object.values(JSON.parse(line) as Record<string, string | number | boolean | null>).map((value) =>
        value === null ? '' : String(value),
      ),
    )
    assert.deepEqual(rows, told)
  })

  it('never gives a spreadsheet a formula', async () => {
    await using risky = await openTestApp({ readerKeys })
    for (const [at, id] of ['-1+1', '=1+1', '+1', '@SUM', '\t=1', 'a"b', 'a,b', 'a\r\nb'].entries()) {
      await risky.trail.append(
        toldByWebhook(`msg_${at}`, {
          kind: 'session.created',
          occurred_at: TOKEN_TIME,
          session_id: `sess_${at}` as SessionId,
          client_id: id,
          user_id: '-user' as UserId,
        }),
      )
    }
    const answer = await risky.app.request('/v1/exports/sessions?format=csv', asReader)
    const [head = [], ...rows] = csvRows(await answer.text())
    const column = (name: string) => rows.slice(0, -1).map((row) => row[head.indexOf(name)])
    assert.deepEqual(column('client_id'), ["'-1+1", "'=1+1", "'+1", "'@SUM", "'\t=1", 'a"b', 'a,b', 'a\r\nb'])
    assert.deepEqual(new Set(column('user_id')), new Set(["'-user"]))
  })

  it('is an entry of the trail before its first byte, each time: who, from where', async () => {
    const before = (await exports(app)).length
    await (await get('?format=csv&reason=replaced')).text()
    await (await get('?format=csv&reason=replaced')).text()
    const exported = (await exports(app)).slice(before)
    assert.deepEqual(
      exported.map(({ kind, source, actor_id, user_agent, session_id }) => [
        kind,
        source,
        actor_id,
        user_agent,
        session_id,
      ]),
      Array.from({ length: 2 }, () => ['trail.exported', 'trail', 'key:audit', 'curl/8', null]),
    )
    assert.match(exported[0]?.request_id ?? '', /^[0-9a-f]{32}$/)
    assert.notEqual(exported[0]?.request_id, exported[1]?.request_id)
  })

  it('hands out nothing when that cannot be recorded', async () => {
    await using broken = await openTestApp({
      readerKeys,
      wrapStore: (store) => brokenStore(store),
    })
    const answer = await broken.app.request('/v1/exports/sessions?format=csv', asReader)
    assert.equal(answer.status, 503)
    assert.equal(((await answer.json()) as { code: string }).code, 'not-ready')
  })

  it('hands out nothing while the records are being made from an older trail', async () => {
    await using behind = await openTestApp({ readerKeys, recordsAreWhole: () => false })
    const answer = await behind.app.request('/v1/exports/sessions?format=csv', asReader)
    assert.equal(answer.status, 503)
    assert.equal(answer.headers.get('retry-after'), '10')
    assert.match(((await answer.json()) as { detail: string }).detail, /would not be whole/)
    assert.deepEqual(await exports(behind), [])
  })

  it('hands out and records nothing when only the headers are asked for', async () => {
    const before = (await exports(app)).length
    const answer = await app.app.request('/v1/exports/sessions?format=csv', { ...asReader, method: 'HEAD' })
    assert.equal(answer.status, 200)
    assert.equal(await answer.text(), '')
    assert.equal((await exports(app)).length, before)
  })

  it('ends its work when the download is aborted', async () => {
    let parts = 0
    await using counted = await openTestApp({
      readerKeys,
      wrapReads: (reads) => ({
        ...reads,
        exportPart: (request) => {
          parts += 1
          return reads.exportPart(request)
        },
      }),
    })
    await Promise.all(reports.map((report) => counted.trail.append(report)))
    const answer = await counted.app.request('/v1/exports/sessions?format=ndjson', asReader)
    const reader = answer.body?.getReader()
    assert.ok(reader)
    await reader.read()
    await reader.cancel()
    const soFar = parts
    assert.ok(soFar < sessions / 100)
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(parts, soFar)
  })

  it('leaves out what is first heard of after it began', async () => {
    await using growing = await openTestApp({ readerKeys })
    await Promise.all(reports.map((report) => growing.trail.append(report)))
    const answer = await growing.app.request('/v1/exports/sessions?format=ndjson', asReader)
    const reader = answer.body?.getReader()
    assert.ok(reader)
    const first = await reader.read()
    await growing.logout(growing.clerk.token({ sid: 'sess_later' }))
    let text = Buffer.from(first.value ?? []).toString()
    for (let part = await reader.read(); !part.done; part = await reader.read())
      text += Buffer.from(part.value).toString()
    assert.ok(!text.includes('sess_later'))
    const trailer = JSON.parse(text.trimEnd().split('\n').at(-1) ?? '') as { trailer: { count: number } }
    assert.equal(trailer.trailer.count, sessions)
  })

  it('gives a whole file of nothing where nothing fits', async () => {
    const csv = csvRows(await (await get('?format=csv&user_id=user_nobody')).text())
    assert.equal(csv.length, 2)
    assert.match(csv[1]?.[0] ?? '', /^# complete: 0 records, first none, last none/)
  })

  it('names what is wrong', async () => {
    for (const [query, code, detail] of [
      ['', 'invalid-request', /^format must be one of csv, ndjson\./],
      ['?format=xlsx', 'invalid-request', /^format must/],
      ['?format=csv&limit=5', 'unknown-filter', /no “limit”/],
      ['?format=csv&cursor=x', 'unknown-filter', /no “cursor”/],
      ['?format=csv&state=gone', 'invalid-request', /^state must/],
    ] as const) {
      const answer = await get(query)
      assert.equal(answer.status, 400)
      const problem = (await answer.json()) as { code: string; detail: string }
      assert.equal(problem.code, code)
      assert.match(problem.detail, detail)
    }
  })
})

/** A store whose disk is gone. */
function brokenStore(store: TrailStore): TrailStore {
  return {
    append: () => Promise.reject(new TrailError('trail-unwritable', 'The disk is gone.')),
    read: (after, limit) => store.read(after, limit),
    head: () => store.head(),
    check: () => store.check(),
    close: () => store.close(),
  }
}
