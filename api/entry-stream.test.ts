/** The live tail as its clients have it: over HTTP, from a service that listens. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import * as fc from 'fast-check'
import { openTestApp, type TestAppOptions } from '../test/app.ts'
import { until } from '../test/clerk-service.ts'
import { follow, type Follower } from '../test/following.ts'
import type { Entry } from '../trail/entry.ts'
import { logout } from '../trail/stores/conformance.ts'
import { openSqliteReader } from '../trail/stores/sqlite-reader.ts'
import { EntryStreams, type EntrySource } from './entry-stream.ts'
import { listen } from './serve.ts'

const KEY = 'k'.repeat(32)
const asReader = { Authorization: `Bearer ${KEY}` }

/** The app on a port, with its own reader of the trail. */
async function open(options: TestAppOptions = {}) {
  const app = await openTestApp({ readerKeys: [{ name: 'siem', secret: KEY }], ...options })
  const listening = await listen(app.app, { host: '127.0.0.1', port: 0 })
  const trail = openSqliteReader(`${app.folder}/trail.db`)
  const url = `${listening.url}/v1/entries/stream`
  let sent = 0
  return {
    app,
    url,
    follow: (query = '', headers = {}) => follow(url + query, { ...asReader, ...headers }),
    /** Appends logouts of new sessions; the trail has them when it fulfils. */
    append: async (count: number) => {
      const reports = Array.from({ length: count }, () => logout(sent++))
      await Promise.all(reports.map((report) => app.trail.append(report)))
    },
    all: () => trail.read(-1, 1_000_000),
    [Symbol.asyncDispose]: async () => {
      await app.entryStreams.close()
      await listening.close()
      trail.close()
      await app[Symbol.asyncDispose]()
    },
  }
}

const indexesOf = (entries: Entry[]) => entries.map(({ index }) => index)

const upTo = (count: number, from = 0) => Array.from({ length: count - from }, (_, at) => from + at)

describe('a stream of entries', () => {
  it('says where it begins, then gives each new entry as it is in the trail', async () => {
    await using service = await open()
    await service.append(2)
    using client = await service.follow()
    await service.append(1)
    await client.has(1)

    assert.equal(client.headers['content-type'], 'text/event-stream')
    assert.deepEqual(client.events, [
      { id: '0/1', event: 'position', data: '0/1' },
      { id: '0/2', event: 'entry', data: JSON.stringify((await service.all())[2]) },
    ])
  })

  it('begins before the first entry when the trail is empty', async () => {
    await using service = await open()
    using client = await service.follow()
    await client.until(() => client.events.length > 0)
    assert.deepEqual(client.events, [{ id: '0/-1', event: 'position', data: '0/-1' }])
    await service.append(1)
    await client.has(1)
    assert.equal(client.lastId(), '0/0')
  })

  it('begins after the index that is asked for; Last-Event-ID wins', async () => {
    await using service = await open()
    await service.append(5)
    using fromFirst = await service.follow('?after=-1')
    using fromThird = await service.follow('?after=2')
    using again = await service.follow('?after=-1', { 'Last-Event-ID': '0/3' })
    using withIndex = await service.follow('', { 'Last-Event-ID': '3' })
    await Promise.all([fromFirst.has(5), fromThird.has(2), again.has(1), withIndex.has(1)])
    assert.deepEqual(fromFirst.entries(), await service.all())
    assert.deepEqual(indexesOf(fromThird.entries()), [3, 4])
    assert.deepEqual(indexesOf(again.entries()), [4])
    assert.deepEqual(indexesOf(withIndex.entries()), [4])
  })

  it('loses and repeats nothing, however often it breaks off and wherever', async () => {
    const step = fc.record({ appended: fc.nat(300), wait: fc.integer({ min: 0, max: 30 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
        await using service = await open()
        const seen: Entry[] = []
        let lastId = '-1'
        const take = (client: Follower) => {
          seen.push(...client.entries())
          lastId = client.lastId() ?? lastId
        }
        for (const { appended, wait } of steps) {
          using client = await service.follow('', { 'Last-Event-ID': lastId })
          await Promise.all([service.append(appended), sleep(wait)])
          take(client)
        }
        const all = await service.all()
        using client = await service.follow('', { 'Last-Event-ID': lastId })
        await client.has(all.length - seen.length)
        take(client)
        assert.deepEqual(seen, all)
      }),
      { numRuns: 10 },
    )
  })

  it('loses nothing that comes before the first entry, when it breaks off there', async () => {
    await using service = await open()
    await service.append(3)
    using first = await service.follow()
    await first.until(() => first.events.length > 0)
    first[Symbol.dispose]()
    await service.append(2)
    using second = await service.follow('', { 'Last-Event-ID': first.lastId() ?? '' })
    await second.has(2)
    assert.deepEqual(indexesOf(second.entries()), [3, 4])
  })

  it('catches up from 10,000 entries behind while more come, and goes on with those', async () => {
    await using service = await open()
    await service.append(10_000)
    using live = await service.follow()
    using client = await service.follow('?after=-1')
    for (let round = 0; round < 10; round += 1) {
      await service.append(100)
      await sleep(20)
    }
    await client.has(11_000)
    await service.append(1)
    await Promise.all([client.has(11_001), live.has(1001)])
    assert.deepEqual(indexesOf(client.entries()), upTo(11_001))
    assert.deepEqual(indexesOf(live.entries()), upTo(11_001, 10_000))
  })

  it('ends when a restored trail was accepted, and whoever comes again with the old epoch is told', async () => {
    let epoch = 0
    await using service = await open({
      wrapEntries: (source) => ({
        head: async () => ({ ...(await source.head()), epoch }),
        entryEvents: async (after, limit) => ({ ...(await source.entryEvents(after, limit)), epoch }),
      }),
    })
    await service.append(2)
    using client = await service.follow()
    await client.until(() => client.events.length > 0)
    using other = await service.follow()
    await other.until(() => other.events.length > 0)

    epoch = 1
    await service.append(1)
    assert.equal(await client.ended, 'end')
    assert.deepEqual(client.entries(), [])
    using again = await service.follow('', { 'Last-Event-ID': client.lastId() ?? '' })
    assert.equal(again.status, 409)

    using next = await service.follow()
    await next.until(() => next.events.length > 0)
    epoch = 2
    using last = await service.follow()
    assert.equal(await next.ended, 'end')
    await service.append(1)
    await last.has(1)
  })

  it('reads one page in a turn of the event loop, however many are behind', async () => {
    let turns = 0
    const readIn = new Map<number, number>()
    await using service = await open({
      wrapEntries: (source) => ({
        head: source.head,
        entryEvents: async (after, limit) => {
          readIn.set(turns, (readIn.get(turns) ?? 0) + 1)
          return source.entryEvents(after, limit)
        },
      }),
    })
    await service.append(5000)
    const counting = new AbortController()
    const counted = (async () => {
      for (; !counting.signal.aborted; turns += 1) await nextTurn()
    })()
    const clients = await Promise.all(Array.from({ length: 10 }, () => service.follow('?after=-1')))
    await Promise.all(clients.map((client) => client.has(5000)))
    counting.abort()
    await counted

    // One for who is behind, one for news.
    const most = Math.max(...readIn.values())
    assert.ok(most <= 2, `${most} pages`)
    for (const client of clients) client[Symbol.dispose]()
  })

  it('gives 100 clients every entry in its order, and reads it once for all of them', async () => {
    const source = { heads: 0, pages: 0, entries: 0 }
    await using service = await open({ wrapEntries: counting(source) })
    const clients = await Promise.all(Array.from({ length: 100 }, () => service.follow()))
    await Promise.all(clients.map((client) => client.until(() => client.events.length > 0)))
    for (let round = 0; round < 10; round += 1) {
      await service.append(30)
      await sleep(10)
    }
    await Promise.all(clients.map((client) => client.has(300)))

    for (const client of clients) assert.deepEqual(indexesOf(client.entries()), upTo(300))
    assert.equal(source.entries, 300)
    assert.ok(source.pages <= 20, `${source.pages} readings`)
    for (const client of clients) client[Symbol.dispose]()
    await until(() => service.app.entryStreams.size === 0)
  })

  it('sends a comment now and then', async () => {
    await using service = await open({ heartbeatMs: 5 })
    using client = await service.follow()
    await client.until(() => client.comments.length >= 3)
    assert.deepEqual([...new Set(client.comments)], ['heartbeat'])
  })

  it('cuts off who never reads, with bounded memory, while the others go on', async () => {
    await using service = await open({ heartbeatMs: 400 })
    using reading = await service.follow()
    const stuck = await Promise.all(Array.from({ length: 5 }, () => stuckClient(service.url)))
    await until(() => service.app.entryStreams.size === 6)
    let most = 0
    const look = setInterval(() => (most = Math.max(most, ...service.app.entryStreams.unreadBytes)), 5)
    for (let round = 0; round < 40; round += 1) {
      await service.append(500)
      await reading.has(500 * (round + 1))
    }
    await until(() => service.app.entryStreams.size === 1)
    clearInterval(look)
    await service.append(1)
    await reading.has(20_001)

    assert.deepEqual(indexesOf(reading.entries()), upTo(20_001))
    assert.ok(most > 1e6 && most < 1.5e6, `${most} bytes`)
    for (const socket of stuck) socket.destroy()
  })

  it('gives who reads slowly everything at its own pace', async () => {
    await using service = await open()
    using client = await service.follow()
    await client.until(() => client.events.length > 0)
    client.pause()
    for (let round = 0; round < 20; round += 1) await service.append(1000)
    await until(() => Math.max(...service.app.entryStreams.unreadBytes) > 1024 * 1024)
    client.resume()
    await client.has(20_000)
    assert.deepEqual(indexesOf(client.entries()), upTo(20_000))
  })

  it('ends when the right to read ends', async () => {
    await using service = await open({ now: Date.now })
    const { entryStreams } = service.app
    let cuts = 0
    const opened = await entryStreams.open({
      after: null,
      epoch: null,
      until: Date.now() + 50,
      cut: () => cuts++,
    })
    assert.ok(opened.outcome === 'open')
    const reader = opened.body.getReader()
    assert.match(new TextDecoder().decode((await reader.read()).value), /event: position/)
    assert.equal((await reader.read()).done, true)
    assert.deepEqual([entryStreams.size, cuts], [0, 0])
  })

  it('cuts off who does not read when the right to read ends', async () => {
    await using service = await open({ now: Date.now })
    const { promise, resolve } = Promise.withResolvers<void>()
    await service.app.entryStreams.open({ after: null, epoch: null, until: Date.now() - 1, cut: resolve })
    await promise
    await until(() => service.app.entryStreams.size === 0)
  })

  it('ends when the service stops, and no other begins', async () => {
    await using service = await open()
    using client = await service.follow()
    await client.until(() => client.events.length > 0)
    await service.app.entryStreams.close()
    assert.equal(await client.ended, 'end')
    using late = await service.follow()
    assert.equal(late.status, 503)
    assert.equal(late.headers['retry-after'], '2')
  })

  it('ends when the trail cannot be read, and says so once', async () => {
    let broken = false
    await using service = await open({
      wrapEntries: (source) => ({
        ...source,
        entryEvents: async (after, limit) => {
          if (broken) throw new Error('the disk is gone')
          return source.entryEvents(after, limit)
        },
      }),
    })
    const clients = await Promise.all(Array.from({ length: 5 }, () => service.follow()))
    await Promise.all(clients.map((client) => client.until(() => client.events.length > 0)))
    broken = true
    await service.append(1)
    for (const client of clients) assert.equal(await client.ended, 'end')
    assert.deepEqual(
      service.app.errors.map(({ message }) => message),
      ['the disk is gone'],
    )
    broken = false
    using again = await service.follow('', { 'Last-Event-ID': '-1' })
    await again.has(1)
  })

  it('leaves nothing behind when a client is gone before its answer', async () => {
    const source = { heads: 0, pages: 0, entries: 0 }
    await using service = await open({ wrapEntries: counting(source) })
    for (let round = 0; round < 20; round += 1) (await stuckClient(service.url)).resetAndDestroy()
    for (let round = 0; round < 20; round += 1) (await stuckClient(service.url)).end().destroy()
    using client = await service.follow()
    await until(() => service.app.entryStreams.size === 1)
    assert.ok(source.heads > 1, 'some were asked for')
    assert.equal(client.status, 200)
  })

  it('leaves nothing behind when clients go away', async () => {
    const source = { heads: 0, pages: 0, entries: 0 }
    await using service = await open({ wrapEntries: counting(source), heartbeatMs: 5 })
    await service.append(500)
    for (let round = 0; round < 20; round += 1) {
      using live = await service.follow()
      using behind = await service.follow('?after=-1')
      await Promise.all([live.until(() => live.events.length > 0), behind.has(1)])
    }
    await until(() => service.app.entryStreams.size === 0)
    const { pages } = source
    await service.append(10)
    await sleep(120)
    assert.equal(source.pages, pages)
    assert.deepEqual(service.app.entryStreams.unreadBytes, [])
  })
})

describe('nobody who follows', () => {
  it('costs the hot path one call for each batch, reads nothing and waits for nothing', () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()
    const untouched = new Proxy({} as EntrySource, { get: () => assert.fail('the trail is read') })
    const streams = new EntryStreams({
      source: untouched,
      onError: () => assert.fail('an error'),
      now: Date.now,
    })
    const startedAt = performance.now()
    for (let batch = 0; batch < 1_000_000; batch += 1) streams.wake()
    // ms for a million calls are ns for one.
    const ns = performance.now() - startedAt
    assert.ok(ns < 1000, `${ns} ns a call`)
    assert.equal(timers(), before)
  })
})

/** Counts what is read of the trail. */
function counting(count: { heads: number; pages: number; entries: number }) {
  return (source: EntrySource): EntrySource => ({
    head: async () => {
      count.heads += 1
      return source.head()
    },
    entryEvents: async (after, limit) => {
      const events = await source.entryEvents(after, limit)
      count.pages += 1
      count.entries += events.starts.length
      return events
    },
  })
}

/** Asks, and reads nothing of the answer. */
async function stuckClient(url: string): Promise<Socket> {
  const { hostname, port, pathname } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.pause()
  socket.write(`GET ${pathname} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${KEY}\r\n\r\n`)
  return socket
}
