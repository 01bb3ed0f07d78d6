/** What Clerk states of a session, in webhooks and in its Backend API, as facts of an entry. */
import { z } from 'zod'
import {
  ID,
  USER_AGENT_CHARACTERS,
  type Facts,
  type OrgId,
  type SessionId,
  type UserId,
} from '../../trail/entry.ts'
import { keptAddress, type IpPolicy } from '../client-address.ts'

const TEXT_CHARACTERS = 128

export const id = z.string().regex(ID, { error: 'is not an id' })

/** The last moment that a date can hold, in ms since 1970. */
const LAST_TIME = 8_640_000_000_000_000

/** Clerk's own documents show seconds in one place and milliseconds in another: they differ by magnitude. */
export const time = z
  .int({ error: 'is not a whole number below 2^53' })
  .nonnegative({ error: 'is negative' })
  .max(LAST_TIME, { error: 'is later than any date' })
  .transform((value) => (value < 100_000_000_000 ? value * 1000 : value))

const text = z.string().transform((value) => value.slice(0, TEXT_CHARACTERS))

/** What we can do without: it is null when it is not what it should be, so that the rest is kept. */
export function spare<T extends z.ZodType>(field: T) {
  return field.nullish().catch(null)
}

/** Fields that are not read may be anything, and may be missing. */
export const SessionData = z.object({
  id,
  user_id: id,
  client_id: spare(id),
  actor: spare(z.object({ sub: spare(id) })),
  status: spare(text),
  last_active_organization_id: spare(id),
  last_active_at: spare(time),
  expire_at: spare(time),
  abandon_at: spare(time),
  created_at: spare(time),
  latest_activity: spare(z.object({ device_type: spare(text), city: spare(text), country: spare(text) })),
})
export type SessionData = z.infer<typeof SessionData>

/** Never the profile of the user, whatever else Clerk sends. */
export function sessionFacts(data: SessionData, policy: IpPolicy): Partial<Facts> {
  const place = policy === 'drop' ? null : data.latest_activity
  return {
    session_id: data.id as SessionId,
    user_id: data.user_id as UserId,
    client_id: data.client_id ?? null,
    actor_id: data.actor?.sub ?? null,
    org_id: (data.last_active_organization_id ?? null) as OrgId | null,
    city: place?.city ?? null,
    country: place?.country ?? null,
    device_type: data.latest_activity?.device_type ?? null,
    clerk_status: data.status ?? null,
    session_created_at: data.created_at ?? null,
    session_last_active_at: data.last_active_at ?? null,
    session_expire_at: data.expire_at ?? null,
    session_abandon_at: data.abandon_at ?? null,
  }
}

const userAgent = z.string().transform((value) => value.slice(0, USER_AGENT_CHARACTERS))

export const Network = spare(
  z.object({ http_request: spare(z.object({ client_ip: spare(text), user_agent: spare(userAgent) })) }),
)

export function networkFacts(attributes: z.infer<typeof Network>, policy: IpPolicy): Partial<Facts> {
  const { client_ip, user_agent } = attributes?.http_request ?? {}
  return { ip: keptAddress(client_ip ?? null, policy), user_agent: user_agent || null }
}
