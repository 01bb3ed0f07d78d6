/** Whether Clerk's webhooks come in, as far as the trail tells. */
import type { Config } from '../../api/config.ts'
import type { Kind } from '../../trail/entry.ts'
import { fine, info, warning, type Verdict } from './check.ts'
import { LOOKED_AT, type DataFacts, type RecentEntries } from './facts.ts'
import { counted, duration, moment } from './words.ts'

/** What docs/OPERATE.md says to subscribe to, and the entry that each becomes. */
export const subscribed: Readonly<Record<string, Kind>> = {
  'session.created': 'session.created',
  'session.pending': 'session.pending',
  'session.ended': 'session.ended',
  'session.removed': 'session.removed',
  'session.revoked': 'session.revoked',
  'user.deleted': 'user.deleted',
  // Of updates only bans are recorded.
  'user.updated': 'user.banned',
}

const HOUR_MS = 3_600_000

const LOOK_AT_CLERK =
  'Clerk’s dashboard, Webhooks, lists failed deliveries. Look at the endpoint’s address (https://<your host>/v1/webhooks/clerk), its events, and its secret.'

export function webhooks(
  { trail, records }: DataFacts,
  { config, now }: { config: Config; now: number },
): Verdict {
  if ('failed' in trail) return notKnown
  const { recent } = trail.found ?? { recent: empty }
  if (recent.entries === 0) return info('none yet: the trail is empty')
  const last =
    recent.lastWebhookAt === null ? null : `the last was recorded ${moment(recent.lastWebhookAt, now)}`
  if (config.webhookSecrets.length === 0) return info(last ?? `none among ${lookedAt(recent)}`)
  const unanswered = 'found' in records ? records.found?.position.unanswered : null
  const silentMs = unanswered ? unanswered.last - unanswered.first : 0
  if (silentMs >= config.webhookSilenceHours * HOUR_MS)
    return warning(
      `none for ${duration(silentMs)}, in which logouts came in${last ? `; ${last}` : ''}`,
      LOOK_AT_CLERK,
    )
  return last ? fine(last) : warning(`none among ${lookedAt(recent)}`, LOOK_AT_CLERK)
}

/** With so many webhooks, each type that every instance sends should have been among them. */
const HISTORY = 20

export function webhookEvents({ trail }: DataFacts): Verdict {
  if ('failed' in trail) return notKnown
  const { recent } = trail.found ?? { recent: empty }
  if (recent.lastWebhookAt === null) return info('none seen yet')
  const types = Object.entries(subscribed)
  const unseen = types.filter(([, kind]) => recent.webhooks[kind] === undefined).map(([type]) => type)
  const seen = `${types.length - unseen.length} of ${types.length} types seen in ${lookedAt(recent)}`
  if (unseen.length === 0) return fine(seen)
  const found = `${seen}; not: ${unseen.map(named).join(', ')}`
  const missing = ['session.created', 'session.removed'].filter((type) => unseen.includes(type))
  if (missing.length === 0 || total(recent) < HISTORY) return fine(found)
  const fix = `Most instances send ${missing.join(' and ')}: in Clerk’s dashboard, Webhooks, see that the endpoint is subscribed to ${missing.length === 1 ? 'it' : 'them'}.`
  // Clerk does not say which of the two a sign-out sends.
  const endsCome = recent.webhooks['session.ended'] !== undefined
  return missing.join() === 'session.removed' && endsCome ? info(found, fix) : warning(found, fix)
}

function total({ webhooks }: RecentEntries): number {
  return Object.values(webhooks).reduce((sum, each) => sum + each, 0)
}

function named(type: string): string {
  return type === 'user.updated' ? 'user.updated (with a ban)' : type
}

function lookedAt({ entries }: RecentEntries): string {
  const named = counted(entries, 'entry', 'entries')
  return entries < LOOKED_AT ? `all ${named}` : `the last ${named}`
}

const empty: RecentEntries = { entries: 0, webhooks: {}, lastWebhookAt: null }
const notKnown = info('not known: the trail cannot be read')
