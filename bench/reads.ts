/** What reading costs where there are many sessions: in the database, and through the thread that reads. */
import { statSync } from 'node:fs'
import { sql } from 'kysely'
import type { Database } from '../api/database.ts'
import { startReading, type ReadingThread } from '../api/reading-thread.ts'
import { durationsIn, endsOverTime, overviewOf } from '../session-ends/analytics.ts'
import { bucketStarts, startOfDay } from '../session-ends/calendar.ts'
import { ENDED, type Dimension } from '../session-ends/outcome.ts'
import type { Rows, ViewsDatabase } from '../session-ends/rows.ts'
import { listSessions } from '../session-ends/session-list.ts'
import type { SessionFilter } from '../session-ends/sessions-query.ts'
import { ViewsReader } from '../session-ends/views-reader.ts'
import { sqliteViews } from '../session-ends/views-sqlite.ts'
import type { OrgId, UserId } from '../trail/entry.ts'
import { chanceFrom } from '../test/disk-image.ts'
import { largeViews, ORGS, SESSIONS_OF_A_USER, YEAR_MS } from './large-views.ts'
import { progress } from './progress.ts'
import { aligned } from './report.ts'
import { quantile } from './statistics.ts'

const PAGE = 50
const DAY_MS = 86_400_000

interface Asked {
  filter: SessionFilter
  beyond: number | null
}

type Ask = (random: () => number, sessions: number) => Asked

const now = Date.now()
const somewhere = (random: () => number, sessions: number) => Math.floor(random() * sessions)
const user = (random: () => number, sessions: number) =>
  `user_${somewhere(random, sessions / SESSIONS_OF_A_USER)
    .toString(16)
    .padStart(27, '0')}` as UserId
const org = (random: () => number) => `org_${Math.floor(random() * ORGS)}` as OrgId
const days = (random: () => number, count: number) => {
  const from = now - Math.floor(random() * (YEAR_MS - count * DAY_MS)) - count * DAY_MS
  return { from, to: from + count * DAY_MS }
}

const reads: { title: string; ask: Ask; times: number }[] = [
  { title: 'the newest', ask: () => ({ filter: {}, beyond: null }), times: 1000 },
  { title: 'a random cursor', ask: (r, n) => ({ filter: {}, beyond: somewhere(r, n) }), times: 1000 },
  { title: 'one user', ask: (r, n) => ({ filter: { user_id: user(r, n) }, beyond: null }), times: 2000 },
  {
    title: 'any id (q), of a user',
    ask: (r, n) => ({ filter: { q: user(r, n) }, beyond: null }),
    times: 1000,
  },
  {
    title: 'one organisation, random cursor',
    ask: (r, n) => ({ filter: { org_id: org(r) }, beyond: somewhere(r, n) }),
    times: 1000,
  },
  {
    title: 'one organisation, 30 days',
    ask: (r) => ({ filter: { org_id: org(r), ...days(r, 30) }, beyond: null }),
    times: 200,
  },
  {
    title: 'revoked, random cursor',
    ask: (r, n) => ({ filter: { reason: 'revoked' }, beyond: somewhere(r, n) }),
    times: 1000,
  },
  {
    title: 'ended, random cursor',
    ask: (r, n) => ({ filter: { state: 'ended' }, beyond: somewhere(r, n) }),
    times: 500,
  },
  { title: 'one day', ask: (r) => ({ filter: days(r, 1), beyond: null }), times: 200 },
  {
    title: '90 days, revoked',
    ask: (r) => ({ filter: { ...days(r, 90), reason: 'revoked' }, beyond: null }),
    times: 100,
  },
  {
    title: 'since half a year',
    ask: () => ({ filter: { from: now - YEAR_MS / 2 }, beyond: null }),
    times: 50,
  },
  {
    title: 'nothing fits: a user that is not there',
    ask: () => ({ filter: { user_id: 'user_none' as UserId }, beyond: null }),
    times: 1000,
  },
  {
    title: 'nothing fits: replaced',
    ask: () => ({ filter: { reason: 'replaced' }, beyond: null }),
    times: 1000,
  },
  {
    title: 'nothing fits: an organisation, requested',
    ask: (r) => ({ filter: { org_id: org(r), state: 'requested' }, beyond: null }),
    times: 200,
  },
  {
    title: 'nothing fits: a day of ten years ago',
    ask: () => ({ filter: { from: 0, to: now - 10 * YEAR_MS }, beyond: null }),
    times: 200,
  },
]

const LAST_DAYS = 90
/** A midnight, so that a day of UTC is one. */
const to = Math.floor(now / DAY_MS) * DAY_MS
const span = { from: to - LAST_DAYS * DAY_MS, to }

function endsOf(rows: Rows, tz: string, of: { by: Dimension[]; org_id?: OrgId }): Promise<unknown> {
  const local = { from: startOfDay(tz, span.from), to: startOfDay(tz, span.to) }
  const starts = bucketStarts({ ...local, tz, bucket: 'day' }, 1000) ?? []
  return endsOverTime(rows, { ...local, starts, ...of })
}

interface Counted {
  title: string
  count: (rows: Rows) => Promise<unknown>
  times: number
}

/** What all are compared with: the plain query, without rollups. */
function live(withoutIndex: string): Counted {
  return {
    title: 'live: GROUP BY over sessions',
    count: (rows) =>
      rows.all(
        sql`SELECT at / ${sql.lit(DAY_MS)} AS day, outcome, count(*) FROM ${sql.raw(withoutIndex)}
            WHERE at >= ${span.from} AND at < ${span.to} AND outcome >= ${ENDED} GROUP BY 1, 2`,
      ),
    times: 5,
  }
}

const counts: Counted[] = [
  {
    title: 'live, from the index of days',
    count: (rows) =>
      rows.all(
        sql`SELECT day, outcome, count(*) FROM sessions
            WHERE day >= ${span.from / DAY_MS} AND day < ${span.to / DAY_MS} AND outcome >= ${ENDED} GROUP BY 1, 2`,
      ),
    times: 10,
  },
  { title: 'by reason, UTC', count: (rows) => endsOf(rows, 'UTC', { by: ['reason'] }), times: 300 },
  {
    title: 'by reason and device, UTC',
    count: (rows) => endsOf(rows, 'UTC', { by: ['reason', 'device'] }),
    times: 300,
  },
  {
    title: 'by reason, Europe/Lisbon',
    count: (rows) => endsOf(rows, 'Europe/Lisbon', { by: ['reason'] }),
    times: 100,
  },
  {
    title: 'by reason, America/New_York',
    count: (rows) => endsOf(rows, 'America/New_York', { by: ['reason'] }),
    times: 100,
  },
  {
    title: 'by reason, Pacific/Chatham',
    count: (rows) => endsOf(rows, 'Pacific/Chatham', { by: ['reason'] }),
    times: 100,
  },
  {
    title: 'one organisation, by reason',
    count: (rows) => endsOf(rows, 'UTC', { by: ['reason'], org_id: 'org_7' as OrgId }),
    times: 300,
  },
  { title: 'durations', count: (rows) => durationsIn(rows, span), times: 100 },
  { title: 'overview', count: (rows) => overviewOf(rows, { ...span, now }), times: 100 },
]

async function countsTable(views: ViewsReader, plain: Counted): Promise<string> {
  let plainMs = Number.NaN
  const lines: string[][] = []
  for (const { title, count, times } of [plain, ...counts]) {
    progress(`counts · ${title}`)
    const tookMs: number[] = []
    for (let time = 0; time < times; time += 1) {
      const from = performance.now()
      await views.atOneMoment(count)
      tookMs.push(performance.now() - from)
    }
    const [p50, p99] = [quantile(tookMs, 0.5), quantile(tookMs, 0.99)]
    if (Number.isNaN(plainMs)) plainMs = p50
    lines.push([title, p50.toFixed(2), p99.toFixed(2), `1/${(plainMs / p50).toFixed(0)}`])
  }
  return `counts of ${LAST_DAYS} days, in the database\n\n${aligned([['', 'p50 ms', 'p99 ms', '÷ live'], ...lines])}`
}

export async function readsTable(folder: string, sessions: number): Promise<string> {
  const { trailPath, viewsPath } = await largeViews(folder, sessions)
  const tables = await readsTables({
    database: { engine: 'sqlite', path: trailPath },
    views: sqliteViews(viewsPath),
    sessions,
    withoutIndex: 'sessions NOT INDEXED',
  })
  return `views.db: ${(statSync(viewsPath).size / sessions).toFixed(0)} bytes a session\n\n${tables}`
}

export interface ReadsOptions {
  /** For the thread that reads. */
  database: Database
  /** The same, in this thread. */
  views: ViewsDatabase
  sessions: number
  /** The table of sessions, in the words that keep its indexes out of a query. */
  withoutIndex: string
}

export async function readsTables({
  database,
  views: kept,
  sessions,
  withoutIndex,
}: ReadsOptions): Promise<string> {
  const views = new ViewsReader(kept)
  if (!(await views.position())) throw new Error('There are no records.')
  const thread = startReading({ database })
  const rows: string[][] = []
  for (const read of reads) {
    progress(`reads · ${read.title}`)
    rows.push(await pagesOf(read, { views, thread, sessions }))
  }
  const counted = await countsTable(views, live(withoutIndex))
  progress('')
  await thread.close()
  await views.close()
  const head = ['', 'records', 'p50 ms', 'p99 ms', 'thread p50 ms', 'p99 ms']
  return `a page of ${PAGE} at ${sessions.toLocaleString('en')} sessions\n\n${aligned([head, ...rows])}\n\n${counted}`
}

interface From {
  views: ViewsReader
  thread: ReadingThread
  sessions: number
}

async function pagesOf(
  { title, ask, times }: (typeof reads)[number],
  { views, thread, sessions }: From,
): Promise<string[]> {
  const random = chanceFrom(1)
  const inDatabase: number[] = []
  const throughThread: number[] = []
  let found = 0
  for (let time = 0; time < times; time += 1) {
    const request = { ...ask(random, sessions), order: 'newest', limit: PAGE + 1, now } as const
    const from = performance.now()
    found += (await views.atOneMoment((rows) => listSessions(rows, request)))?.length ?? 0
    const between = performance.now()
    await thread.list(request)
    inDatabase.push(between - from)
    throughThread.push(performance.now() - between)
  }
  const figures = [inDatabase, throughThread].flatMap((values) => [
    quantile(values, 0.5),
    quantile(values, 0.99),
  ])
  return [title, (found / times).toFixed(0), ...figures.map((ms) => ms.toFixed(2))]
}
