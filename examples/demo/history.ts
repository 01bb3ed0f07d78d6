/**
 * A month of plausible session ends, so that a first look shows more than one's own click. Invented, and the same each time:
 * ids begin with `sess_seeded`, and nobody at any Clerk ever had them.
 */
import { logoutRequested, type OrgId, type Report, type SessionId, type UserId } from '../../trail/entry.ts'

export interface HistoryOptions {
  /** ms since 1970: the history ends here. */
  until: number
  days: number
  /** On a weekday; on Saturdays and Sundays it is a fifth. */
  sessionsADay: number
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** In the order of time. */
export function history({ until, days, sessionsADay }: HistoryOptions): Report[] {
  const random = randomFrom(20_261_124)
  const reports: Report[] = []
  let count = 0
  for (let day = days; day >= 1; day -= 1) {
    const midnight = Math.floor(until / DAY_MS) * DAY_MS - day * DAY_MS
    const weekend = [0, 6].includes(new Date(midnight).getUTCDay())
    const sessions = Math.round(sessionsADay * (weekend ? 0.2 : 1) * (0.8 + 0.4 * random()))
    for (let at = 0; at < sessions; at += 1) reports.push(...life({ number: (count += 1), midnight, random }))
  }
  return reports
    .filter(({ occurred_at }) => occurred_at < until)
    .toSorted((a, b) => a.occurred_at - b.occurred_at)
}

interface Life {
  number: number
  midnight: number
  random: () => number
}

/** How sessions end here, and how often: made up, not measured. */
const ends = [
  { share: 0.52, how: 'logged out' },
  { share: 0.16, how: 'signed out elsewhere' },
  { share: 0.04, how: 'revoked' },
  { share: 0.2, how: 'expired' },
  { share: 0.03, how: 'logout not confirmed' },
  { share: 1, how: 'still open' },
] as const

function life({ number, midnight, random }: Life): Report[] {
  const session_id = `sess_seeded${String(number).padStart(6, '0')}` as SessionId
  const person = Math.floor(random() * PEOPLE)
  const user_id = `user_seeded${String(person).padStart(3, '0')}` as UserId
  const org_id = person % 3 === 0 ? null : (`org_seeded${person % 5}` as OrgId)
  const device = devices[Math.floor(random() * devices.length)] ?? devices[0]
  // Two humps, before and after lunch.
  const hour = (random() < 0.6 ? 8 : 13) + 4 * random()
  const created = Math.round(midnight + hour * HOUR_MS)
  const ended = Math.round(created + (0.05 + 9 * random() ** 3) * HOUR_MS)
  const facts = {
    session_id,
    user_id,
    org_id,
    client_id: `client_seeded${number}`,
    ip: `192.0.2.${person % 256}`,
    user_agent: device.userAgent,
    device_type: device.type,
    session_created_at: created,
    session_expire_at: created + 7 * DAY_MS,
    session_abandon_at: created + 30 * DAY_MS,
  }
  const webhook = (kind: Report['kind'], occurred_at: number, clerk_status: string): Report => ({
    ...facts,
    kind,
    source: 'webhook',
    occurred_at,
    clerk_status,
    session_last_active_at: occurred_at,
    naturalKey: `msg_seeded_${kind}_${number}`,
    keyedAt: occurred_at,
  })
  const token_iat = Math.floor(ended / 1000) - Math.floor(random() * 50)
  const asked = logoutRequested(ended, {
    session_id,
    user_id,
    org_id,
    actor_id: null,
    ip: facts.ip,
    user_agent: facts.user_agent,
    azp: 'http://localhost:3000',
    token_iat,
    token_state: 'valid',
    request_id: null,
    trace_id: null,
    intent: random() < 0.1 ? 'idle' : 'user',
  })
  const begun = webhook('session.created', created, 'active')
  const share = random()
  let sum = 0
  const { how } = ends.find((end) => (sum += end.share) > share) ?? ends[0]
  switch (how) {
    case 'logged out':
      return [begun, asked, webhook('session.removed', ended + 300 + Math.floor(random() * 2000), 'removed')]
    case 'signed out elsewhere':
      return [begun, webhook('session.removed', ended, 'removed')]
    case 'revoked':
      return [begun, webhook('session.revoked', ended, 'revoked')]
    case 'expired': {
      const asks = facts.session_expire_at + 60_000
      const { naturalKey: _, ...stated } = webhook('session.expired', asks, 'expired')
      return [
        begun,
        { ...stated, source: 'sweep', naturalKey: `${session_id}\u0000session.expired`, keyedAt: 0 },
      ]
    }
    case 'logout not confirmed':
      return [begun, asked]
    case 'still open':
      return [begun]
  }
}

const PEOPLE = 120

const devices = [
  {
    type: 'desktop',
    userAgent:
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  },
  {
    type: 'desktop',
    userAgent: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:143.0) Gecko/20100101 Firefox/143.0',
  },
  {
    type: 'mobile',
    userAgent:
      'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1',
  },
] as const

/** From 0 up to 1, the same from the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
