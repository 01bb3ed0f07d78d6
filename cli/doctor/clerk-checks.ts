/** What is between this machine and Clerk. */
import {
  SECRET_KEY_CALL,
  SERVICE_TIMEOUT_MS,
  type ClerkFindings,
  type ClockFound,
  type FoundKey,
  type KeysFound,
  type SecretKeyFound,
} from '../../api/ask-clerk.ts'
import type { Config } from '../../api/config.ts'
import { fine, info, warning, wrong, type Verdict } from './check.ts'
import { counted } from './words.ts'

export function issuer(findings: ClerkFindings): Verdict {
  return info(findings.issuer)
}

export function keys({ keys }: ClerkFindings): Verdict {
  if (!keys) return info('development mode: a throw-away key, made at each start')
  switch (keys.is) {
    case 'given':
      return fine(`${counted(keys.keys.length, 'key')} of CLERK_JWT_KEY; none is fetched`)
    case 'failed':
      return wrong(
        `${keys.url}: ${keys.why}`,
        'Look at CLERK_PUBLISHABLE_KEY (or CLERK_ISSUER, CLERK_JWKS_URL), and whether this machine may reach that address; or set CLERK_JWT_KEY: then nothing is fetched. Without keys no logout is recorded.',
      )
    case 'fetched':
      return fetched(keys)
  }
}

function fetched({ url, keys, tookMs }: KeysFound & { is: 'fetched' }): Verdict {
  const found = `${counted(keys.length, 'key')} (${kidsOf(keys)}) of ${url}`
  if (tookMs <= SERVICE_TIMEOUT_MS) return fine(found)
  return warning(
    `${found}, after ${(tookMs / 1000).toFixed(1)} s`,
    `The service waits ${SERVICE_TIMEOUT_MS / 1000} s. Look at the network between this machine and Clerk, or set CLERK_JWT_KEY: then nothing is fetched.`,
  )
}

function kidsOf(keys: readonly FoundKey[]): string {
  return keys.map(({ kid }) => kid ?? 'of CLERK_JWT_KEY').join(', ')
}

export function authorizedParties({ clerk }: Config): Verdict {
  if (!clerk) return info('development mode: any')
  if (clerk.authorizedParties.length > 0) return fine(clerk.authorizedParties.join(', '))
  return warning(
    'any: CLERK_AUTHORIZED_PARTIES is empty',
    'Set it to the origins of your front ends, such as https://app.example.com: tokens made for others then record nothing.',
  )
}

export function webhookSecret({ clerk, webhookSecrets }: Config): Verdict {
  if (webhookSecrets.length === 2) return fine('two are set, as while one is rotated')
  if (webhookSecrets.length === 1) return fine('set, in the form whsec_…')
  if (!clerk) return info('development mode: none')
  return warning(
    'not set: no webhook is accepted',
    'In Clerk’s dashboard, Webhooks, copy the signing secret of the endpoint that sends to /v1/webhooks/clerk, and set CLERK_WEBHOOK_SIGNING_SECRET. Without webhooks only the button and the sweep tell of session ends.',
  )
}

export function secretKey({ secretKey, keys }: ClerkFindings): Verdict {
  if (!secretKey) {
    if (!keys) return info('development mode: none')
    const fix = 'Set CLERK_SECRET_KEY, and the service asks Clerk for them (docs/OPERATE.md, The sweep).'
    return info('not set: sessions that expire stay open in the records', fix)
  }
  switch (secretKey.is) {
    case 'accepted':
      return accepted(secretKey, keys)
    case 'answered':
      return answered(secretKey)
    case 'failed':
      return wrong(
        `${askedAt(secretKey)}: ${secretKey.why}`,
        'Look at CLERK_API_URL, and whether this machine may reach that address. Until then the sweep learns nothing.',
      )
  }
}

function accepted(secretKey: SecretKeyFound & { is: 'accepted' }, keys: KeysFound | null): Verdict {
  const known = keys && keys.is !== 'failed' ? keys.keys : []
  const same = secretKey.keys.some(({ thumbprint }) => known.some((key) => key.thumbprint === thumbprint))
  if (same || known.length === 0) return fine(`accepted by ${askedAt(secretKey)}`)
  return wrong(
    `accepted, but of another instance: its keys are ${kidsOf(secretKey.keys)}, and tokens are verified with ${kidsOf(known)}`,
    'Copy CLERK_SECRET_KEY and the publishable key (or CLERK_JWT_KEY) from the same instance of Clerk’s dashboard: development and production are two.',
  )
}

function answered(secretKey: SecretKeyFound & { is: 'answered' }): Verdict {
  const { status } = secretKey
  const found = `${askedAt(secretKey)} answered ${status}`
  switch (status) {
    case 401:
      return wrong(
        `refused: ${found}`,
        'Clerk does not know this key. Copy CLERK_SECRET_KEY again from Clerk’s dashboard, API keys.',
      )
    case 403:
      return wrong(
        `refused: ${found}`,
        'Clerk knows this key, and does not let it read. Make another in Clerk’s dashboard, API keys.',
      )
    case 429:
      return warning(
        found,
        'Clerk asks for patience: too many requests with this key. Try again in a minute.',
      )
    default:
      return status >= 500
        ? warning(found, 'Clerk is not well. The sweep asks again by itself; see status.clerk.com.')
        : wrong(found, 'That is not an answer of Clerk’s Backend API. Look at CLERK_API_URL.')
  }
}

function askedAt({ apiUrl }: SecretKeyFound): string {
  return `${SECRET_KEY_CALL} of ${new URL(apiUrl).host}`
}

/** Tokens are judged with a tolerance of 5 s, webhooks with one of 5 minutes. */
const CLOCK_WRONG_MS = 5000
const CLOCK_WARNING_MS = 2000

export function clock({ clock, keys, secretKey }: ClerkFindings): Verdict {
  if (!clock) return info(notCompared({ keys, secretKey }))
  const seconds = Math.abs(clock.aheadMs / 1000)
  if (seconds * 1000 <= CLOCK_WARNING_MS)
    return fine(`as that of ${clock.host}, within ${CLOCK_WARNING_MS / 1000} s`)
  const found = offBy(clock, seconds)
  const fix =
    'Let this machine keep its clock (chrony, systemd-timesyncd). Tokens are judged with a tolerance of 5 s, webhooks with one of 5 minutes.'
  return seconds * 1000 > CLOCK_WRONG_MS ? wrong(found, fix) : warning(found, fix)
}

function offBy({ aheadMs, host }: ClockFound, seconds: number): string {
  return `${aheadMs > 0 ? 'ahead of' : 'behind'} that of ${host} by ${seconds.toFixed(1)} s or more`
}

function notCompared({ keys, secretKey }: Pick<ClerkFindings, 'keys' | 'secretKey'>): string {
  if (!keys) return 'development mode: there is none of Clerk’s to compare it with'
  if (keys.is === 'given' && !secretKey)
    return 'not compared: with CLERK_JWT_KEY and no CLERK_SECRET_KEY nothing is asked of Clerk'
  return 'not compared: Clerk did not answer'
}
