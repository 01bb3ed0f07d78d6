/** How fast the session records are made from a trail: of a file, and of PostgreSQL. */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { history } from '../examples/demo/history.ts'
import { followAll } from '../session-ends/follow.ts'
import { openViews } from '../session-ends/views-files.ts'
import { openPostgresViews } from '../session-ends/views-place-postgres.ts'
import { viewsPathOf } from '../session-ends/views-schema.ts'
import type { Views } from '../session-ends/views.ts'
import type { Report } from '../trail/entry.ts'
import type { TrailReader, TrailStore } from '../trail/store.ts'
import { acquire, assertHeld } from '../trail/stores/postgres-lease.ts'
import { PostgresLink } from '../trail/stores/postgres-link.ts'
import { openPostgresReader } from '../trail/stores/postgres-reader.ts'
import { openPostgresStore } from '../trail/stores/postgres.ts'
import { openSqliteReader } from '../trail/stores/sqlite-reader.ts'
import { openSqliteStore } from '../trail/stores/sqlite.ts'
import type { BenchOptions } from './options.ts'
import { single } from './postgres-round.ts'
import type { BenchServer } from './postgres-server.ts'
import { progress } from './progress.ts'
import { aligned } from './report.ts'
import { median, spreadOf } from './statistics.ts'
import { ISSUER } from './tokens.ts'

interface Followed {
  perSecond: number
  cpuMicros: number
  serverCpuMicros: number
  /** Of the session records, with what was written again since. */
  bytes: number
}

const AT_ONCE = 500

/** Of a year, so that days and organisations are many. */
const invented = { days: 365, sessionsADay: 250 }

/** Each takes a quarter of a minute. */
const ROUNDS_AT_MOST = 3

export async function followTable(options: BenchOptions, server: BenchServer): Promise<string> {
  const rounds = Math.min(options.rounds, ROUNDS_AT_MOST)
  const reports = history({ until: Date.now(), ...invented })
  const ways = [
    { title: 'SQLite', run: () => inFile(reports, server) },
    { title: 'PostgreSQL', run: () => inPostgres(reports, server) },
  ]
  const results = ways.map((): Followed[] => [])
  for (let round = 0; round < rounds; round += 1) {
    for (const [at, { title, run }] of ways.entries()) {
      progress(`session records from nothing · round ${round + 1} of ${rounds} · ${title}`)
      results[at]?.push(await run())
    }
  }
  progress('')
  const sessions = new Set(reports.map(({ session_id }) => session_id)).size
  const rows = ways.map(({ title }, at) => {
    const own = results[at] ?? []
    const { median: middle, least, most } = spreadOf(own.map(({ perSecond }) => perSecond))
    const of = (pick: (one: Followed) => number) => median(own.map(pick)).toFixed(0)
    return [
      title,
      `${middle.toFixed(0)} (${least.toFixed(0)}–${most.toFixed(0)})`,
      of(({ cpuMicros }) => cpuMicros),
      of(({ serverCpuMicros }) => serverCpuMicros),
      of(({ bytes }) => bytes / sessions),
    ]
  })
  const head = ['', 'entries/s', 'CPU µs an entry', 'server CPU µs', 'bytes a session']
  return `session records of ${reports.length.toLocaleString('en')} entries and ${sessions.toLocaleString('en')} sessions, from nothing\n\n${aligned([head, ...rows])}`
}

async function inFile(reports: readonly Report[], server: BenchServer): Promise<Followed> {
  const folder = mkdtempSync(join(tmpdir(), 'logout-trail-bench-'))
  const path = join(folder, 'trail.db')
  try {
    await fill(await openSqliteStore({ path, issuer: ISSUER }), reports)
    const trail = openSqliteReader(path)
    const views = await openViews(viewsPathOf(path), trail)
    const followed = await timed({ views, trail }, server)
    return { ...followed, bytes: statSync(viewsPathOf(path)).size }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function inPostgres(reports: readonly Report[], server: BenchServer): Promise<Followed> {
  const url = await server.newDatabase()
  try {
    await fill(await openPostgresStore({ url, issuer: ISSUER }), reports)
    const trail = await openPostgresReader(url)
    const views = await openPostgresViews(await leasedLink(url), trail)
    const followed = await timed({ views, trail }, server)
    return { ...followed, bytes: Number(await single(url, BYTES)) }
  } finally {
    await server.drop(url)
  }
}

async function fill(store: TrailStore, reports: readonly Report[]): Promise<void> {
  for (let at = 0; at < reports.length; at += AT_ONCE) {
    const batch = reports.slice(at, at + AT_ONCE)
    await store.append(batch, batch.at(-1)?.occurred_at ?? 0)
  }
  await store.close()
}

const BYTES = `
  SELECT sum(pg_total_relation_size(oid)) FROM pg_class
  WHERE relkind = 'r' AND relnamespace = 'logout_trail_views'::regnamespace`

/** Longer than a lease lasts; nobody else wants it here. */
async function leasedLink(url: string) {
  const link = new PostgresLink({
    url,
    use: 'write',
    onConnect: async () => undefined,
  })
  const held = await link.run((client) => acquire(client, 'session records', 'the bench'))
  if (!held) throw new Error('The lease of a new database is not free.')
  return {
    run: link.run.bind(link),
    assertHeld: (client: Parameters<typeof assertHeld>[0]) => assertHeld(client, held),
    close: link.close.bind(link),
  }
}

async function timed(
  { views, trail }: { views: Views; trail: TrailReader },
  server: BenchServer,
): Promise<Omit<Followed, 'bytes'>> {
  const before = { at: performance.now(), own: process.cpuUsage(), server: server.cpuMs() }
  const entries = await followAll(views, trail)
  const seconds = (performance.now() - before.at) / 1000
  const { user, system } = process.cpuUsage(before.own)
  const serverMs = server.cpuMs() - before.server
  await views.close()
  trail.close()
  return {
    perSecond: entries / seconds,
    cpuMicros: (user + system) / entries,
    serverCpuMicros: (serverMs * 1000) / entries,
  }
}
