/**
 * `npm run bench:postgres-append`: how one gapless index is best given out to several processes (docs/decisions/0017). A
 * PostgreSQL of its own with `fsync=on`; ways and numbers of processes interleaved; after each run the rows are counted and
 * the index is looked through for gaps.
 *
 * `-- --rounds 5 --seconds 3 --size 64` · `-- --held`: beside a transaction that stays open, as a backup has one ·
 * `-- --partitions 100 --ways "row lock,advisory lock"`: into the last of so many, of those that look there.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { inDatabase, startPostgres, withDatabase } from '../test/postgres.ts'
import { migratePostgres } from '../trail/stores/postgres-schema.ts'
import type { LoadDone, LoadOptions } from './postgres-append-load.ts'
import { ways, type Way, type WayName } from './postgres-ways.ts'
import { median, quantile, spreadOf } from './statistics.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    size: { type: 'string', default: '64' },
    ways: { type: 'string', default: Object.keys(ways).join() },
    partitions: { type: 'string', default: '1' },
    held: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)
const size = Number(values.size)
const partitions = Number(values.partitions)
const asked = values.ways.split(',')
const names = (Object.keys(ways) as WayName[]).filter((name) => asked.includes(name))

interface Run {
  perSecond: number
  batchMs: number[]
}

async function startLoad(options: LoadOptions) {
  const child = fork(join(import.meta.dirname, 'postgres-append-load.ts'), [JSON.stringify(options)])
  await once(child, 'message')
  return {
    go: () => child.send('go'),
    end: async () => {
      const said = once(child, 'message')
      child.send('end')
      return (await said)[0] as LoadDone
    },
  }
}

const server = await startPostgres({ fsync: 'on' })
let databases = 0

/** In a database of its own; `held`: with a transaction that was open before, and stays so. */
async function run(way: WayName, processes: number): Promise<Run> {
  databases += 1
  const name = `bench_${databases}`
  await inDatabase(server.url, (client) => client.query(`CREATE DATABASE ${name}`))
  const url = withDatabase(server.url, name)
  await migratePostgres({ url, issuer: 'https://clerk.example.com' })
  await inDatabase(url, async (client) => {
    for (let n = 1; n <= partitions; n += 1) {
      await client.query('SELECT logout_trail.add_partitions($1::bigint * 10000000, 10000000)', [n])
    }
    await client.query(ways[way].sql)
    if (partitions > 1) await client.query(FIRST_OF_THE_LAST, [(partitions - 1) * 10_000_000])
  })
  const measured = await inDatabase(url, async (client) => {
    if (values.held)
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM logout_trail.trail')
    return measure(url, way, processes)
  })
  await inDatabase(server.url, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`))
  return measured
}

/** So that the next index is in the last partition. */
const FIRST_OF_THE_LAST = `INSERT INTO logout_trail.entries ("index", kind, source, occurred_at, recorded_at)
  VALUES ($1, 'first of the last', 'bench', 0, 0)`

async function measure(url: string, way: WayName, processes: number): Promise<Run> {
  const loads = await Promise.all(
    Array.from({ length: processes }, (_, n) => startLoad({ url, way, size, who: String(n) })),
  )
  const startedAt = performance.now()
  for (const { go } of loads) go()
  await sleep(seconds * 1000)
  const done = await Promise.all(loads.map(({ end }) => end()))
  const took = (performance.now() - startedAt) / 1000
  const durable = done.reduce((sum, each) => sum + each.durable, 0)
  await lookThrough(url, ways[way], durable)
  return { perSecond: durable / took, batchMs: done.flatMap((each) => each.batchMs) }
}

async function lookThrough(url: string, { mayLeaveGaps }: Way, durable: number): Promise<void> {
  const { rows } = await inDatabase(url, (client) =>
    client.query<Record<'rows' | 'sessions' | 'keys' | 'span', string>>(
      `SELECT count(*) AS rows, count(DISTINCT session_id) AS sessions, max("index") - min("index") + 1 AS span,
              (SELECT count(*) FROM logout_trail.dedupe) AS keys FROM logout_trail.entries WHERE source <> 'bench'`,
    ),
  )
  const found = Object.values(rows[0] ?? {}).map(Number)
  if (found.some((count) => count !== durable)) {
    throw new Error(
      `${durable} were durable${mayLeaveGaps ? ', gaps allowed' : ''}: ${JSON.stringify(rows[0])}`,
    )
  }
}

const results = new Map<string, Run[]>()
for (let round = 0; round < rounds; round += 1) {
  for (const processes of [1, 2, 4]) {
    for (let at = 0; at < names.length; at += 1) {
      // Each way is first, second, … equally often.
      const way = names[(at + round) % names.length] ?? 'row lock'
      const id = `${way.padEnd(24)}${String(processes).padStart(5)}`
      const one = await run(way, processes)
      results.set(id, [...(results.get(id) ?? []), one])
      if (process.stderr.isTTY) process.stderr.write(`\rround ${round + 1}: ${id}  `)
    }
  }
}
await server.end()
if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')

console.log(
  `${rounds} rounds of ${seconds} s, batches of ${size}, fsync on${values.held ? ', beside an open transaction' : ''}, partitions: ${partitions}\n`,
)
console.log(
  'way                 processes   logouts/s  (least–most)      batch p50 ms   p99 ms   last fifth p50',
)
for (const [id, runs] of [...results].toSorted(([a], [b]) => a.localeCompare(b))) {
  const { median: middle, least, most } = spreadOf(runs.map(({ perSecond }) => perSecond))
  const latency = (part: number) => median(runs.map(({ batchMs }) => quantile(batchMs, part)))
  const late = median(runs.map(({ batchMs }) => quantile(batchMs.slice(-batchMs.length / 5), 0.5)))
  const figures = [latency(0.5), latency(0.99), late].map((ms) => ms.toFixed(2).padStart(10))
  console.log(
    `${id}  ${Math.round(middle).toString().padStart(8)}  (${Math.round(least)}–${Math.round(most)})`.padEnd(
      62,
    ) + figures.join(''),
  )
}
