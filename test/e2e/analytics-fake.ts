/**
 * A stand-in for the three analytics routes, which this service does not have yet: it counts the records that the
 * service lists. When they are there, this file and its one call in dashboard-world.ts go.
 */
import type { BrowserContext } from 'playwright-core'
import type { SessionPage, SessionRecord } from '../../api/contract.ts'

interface Needs {
  read: (path: string) => Promise<unknown>
  /** ms since 1970. */
  now: () => number
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

export async function fakeAnalytics(context: BrowserContext, { read, now }: Needs): Promise<void> {
  const records = await recordsOf(read)
  await context.route('**/v1/analytics/**', async (route) => {
    const url = new URL(route.request().url())
    const refused = (await route.request().headerValue('authorization')) === 'Bearer wrong'
    const span = spanOf(url.searchParams)
    const what = url.pathname.split('/').at(-1) as keyof typeof answers
    await route.fulfill({
      status: refused ? 401 : 200,
      json: answers[what]({ ...span, records, now: now() }),
    })
  })
}

interface Asked {
  from: number
  to: number
  tz: string
  bucket: string
  records: SessionRecord[]
  now: number
}

/** Days are those of UTC here: it is a fake. */
function spanOf(query: URLSearchParams): Omit<Asked, 'records' | 'now'> {
  const time = (name: string) => Date.parse(query.get(name) ?? '')
  return {
    from: time('from'),
    to: time('to'),
    tz: query.get('tz') ?? 'UTC',
    bucket: query.get('bucket') ?? 'day',
  }
}

async function recordsOf(read: Needs['read']): Promise<SessionRecord[]> {
  const records: SessionRecord[] = []
  for (let cursor: string | null = ''; cursor !== null;) {
    const page = (await read(`/v1/sessions?limit=200${cursor && `&cursor=${cursor}`}`)) as SessionPage
    records.push(...page.items)
    cursor = page.next_cursor
  }
  return records
}

function ended({ records, from, to }: Pick<Asked, 'records' | 'from' | 'to'>): SessionRecord[] {
  return records.filter(({ ended_at, ended_at_latest }) => {
    const at = Date.parse(ended_at ?? ended_at_latest ?? '')
    return at >= from && at < to
  })
}

function quantile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.floor(sorted.length * share)] ?? null
}

function countsOf(asked: Asked) {
  const all = ended(asked)
  const voluntary = all.filter((one) => one.reason === 'signed-out' && one.initiator === 'user').length
  const unknown = all.filter((one) => one.reason === 'unknown').length
  return { total: all.length, voluntary, forced: all.length - voluntary - unknown, unknown }
}

const answers = {
  'session-ends': (asked: Asked) => {
    const all = ended(asked)
    const step = { hour: HOUR_MS, day: DAY_MS, week: 7 * DAY_MS, month: 30 * DAY_MS }[asked.bucket] ?? DAY_MS
    const size = Math.ceil((asked.to - asked.from) / step)
    const starts = Array.from({ length: size }, (_, at) => asked.from + at * step)
    const series = [...new Set(all.map(({ reason }) => reason))].map((reason) => {
      const own = all.filter((one) => one.reason === reason)
      const counts = starts.map((start) => ended({ records: own, from: start, to: start + step }).length)
      return { reason, counts, total: own.length }
    })
    return {
      from: new Date(asked.from).toISOString(),
      to: new Date(asked.to).toISOString(),
      tz: asked.tz,
      bucket: asked.bucket,
      by: ['reason'],
      buckets: starts.map((start) => new Date(start).toISOString()),
      series: series.toSorted((a, b) => b.total - a.total),
      total: all.length,
    }
  },
  durations: (asked: Asked) => {
    const ms = ended(asked)
      .flatMap(({ duration_ms }) => (duration_ms === null ? [] : [duration_ms]))
      .toSorted((a, b) => a - b)
    const minutes = [0, 1, 2, 5, 10, 20, 30, 60, 120, 240, 480, 720, 1440, 2880, 5760, 10_080, 20_160]
    const histogram = minutes.slice(1).map((to, at) => {
      const [from_ms, to_ms] = [(minutes[at] ?? 0) * 60_000, to * 60_000]
      return { from_ms, to_ms, count: ms.filter((one) => one >= from_ms && one < to_ms).length }
    })
    const last = histogram.findLastIndex(({ count }) => count > 0)
    return {
      sessions: ms.length,
      p50_ms: quantile(ms, 0.5),
      p90_ms: quantile(ms, 0.9),
      p99_ms: quantile(ms, 0.99),
      histogram: histogram.slice(0, last + 1),
    }
  },
  overview: (asked: Asked) => {
    const { records, from, to, now } = asked
    const ofState = (state: string) => records.filter((one) => one.state === state).length
    const over = records.filter((one) => Date.parse(one.started_at ?? '') < now - 7 * DAY_MS)
    const intents = Object.entries(Object.groupBy(records, ({ intent }) => intent ?? '')).map(
      ([intent, of]) => ({
        intent: intent === '' ? null : intent,
        count: of?.length ?? 0,
      }),
    )
    return {
      now: {
        open: ofState('open'),
        requested: ofState('requested'),
        unconfirmed: records.filter((one) => one.unconfirmed).length,
      },
      ends: countsOf(asked),
      previous: countsOf({ ...asked, from: from - (to - from), to: from }),
      confirmation: { sessions: ended(asked).length, p50_ms: 1240, p90_ms: 2310 },
      coverage: {
        sessions: over.length,
        ended: over.filter((one) => one.state === 'ended').length,
        unknown: over.filter((one) => one.reason === 'unknown').length,
      },
      intents: intents.toSorted((a, b) => b.count - a.count),
      sources: {
        last_logout_at: new Date(now - 190_000).toISOString(),
        last_webhook_at: new Date(now - 65_000).toISOString(),
        last_sweep_at: null,
        records_behind: 0,
        webhooks_configured: true,
        sweep_configured: false,
        webhook_silence_ms: 0,
      },
    }
  },
}
