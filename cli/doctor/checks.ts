/** The checks of `logout-trail doctor`, in their order: from what is known to what is said of it. */
import type { ClerkFindings } from '../../api/ask-clerk.ts'
import { bareName, type Config } from '../../api/config.ts'
import { info, wrong, type Check, type Verdict } from './check.ts'
import * as clerk from './clerk-checks.ts'
import * as data from './data-checks.ts'
import type { DataFacts, Facts, Found } from './facts.ts'
import * as postgres from './postgres-checks.ts'
import type { ServerFacts } from './postgres-facts.ts'
import * as settings from './setting-checks.ts'
import * as webhooks from './webhook-checks.ts'

interface Row {
  name: string
  /** The variables that it is about. When one is wrong, that is said once, with the configuration. */
  of: readonly string[]
  /** The only one that it is about. */
  engine?: 'sqlite' | 'postgres'
  judge: (facts: Facts) => Verdict
}

const CLERK = ['CLERK_PUBLISHABLE_KEY', 'CLERK_ISSUER']
const KEYS = [...CLERK, 'CLERK_JWT_KEY', 'CLERK_JWKS_URL']
const SECRET_KEY = ['CLERK_SECRET_KEY', 'CLERK_API_URL']

const rows: readonly Row[] = [
  { name: 'configuration', of: [], judge: settings.configuration },
  { name: 'issuer', of: CLERK, judge: ofClerk(clerk.issuer) },
  { name: 'keys', of: KEYS, judge: ofClerk(clerk.keys) },
  { name: 'authorized parties', of: ['CLERK_AUTHORIZED_PARTIES'], judge: ofConfig(clerk.authorizedParties) },
  { name: 'secret key', of: SECRET_KEY, judge: ofClerk(clerk.secretKey) },
  { name: 'clock', of: [], judge: ofClerk(clerk.clock) },
  { name: 'webhook secret', of: ['CLERK_WEBHOOK_SIGNING_SECRET'], judge: ofConfig(clerk.webhookSecret) },
  {
    name: 'webhooks',
    of: ['CLERK_WEBHOOK_SIGNING_SECRET', 'WEBHOOK_SILENCE_HOURS'],
    judge: ofConfig((config, { data, now }) => (data ? webhooks.webhooks(data, { config, now }) : noPath)),
  },
  { name: 'webhook events', of: [], judge: ofData(webhooks.webhookEvents) },
  { name: 'server', of: [], engine: 'postgres', judge: ofServer(postgres.server) },
  { name: 'service', of: [], engine: 'sqlite', judge: ofData(data.service) },
  { name: 'service', of: [], engine: 'postgres', judge: ofServer(postgres.service) },
  { name: 'trail', of: [], judge: ofData((found, facts) => data.trail(found, issuerOf(facts))) },
  { name: 'session records', of: [], judge: ofData(data.records) },
  { name: 'coverage', of: [], judge: ofData(data.coverage) },
  { name: 'unconfirmed', of: [], judge: ofData(data.unconfirmed) },
  { name: 'permissions', of: [], engine: 'sqlite', judge: ofData(data.permissions) },
  { name: 'disk', of: [], engine: 'sqlite', judge: ofData(data.disk) },
  { name: 'disk', of: [], engine: 'postgres', judge: ofServer(postgres.disk) },
  { name: 'write-ahead log', of: [], engine: 'sqlite', judge: ofData(data.writeAheadLog) },
  { name: 'logout endpoint', of: ['LOGOUT_ENDPOINT'], judge: ofConfig(settings.logoutEndpoint) },
  { name: 'audit required', of: ['AUDIT_REQUIRED'], judge: ofConfig(settings.auditRequired) },
  { name: 'addresses', of: ['IP_POLICY'], judge: ofConfig(settings.addresses) },
  { name: 'allowed origins', of: ['ALLOWED_ORIGINS'], judge: ofConfig(settings.allowedOrigins) },
  { name: 'readers', of: ['READER_API_KEYS', 'READER_USER_IDS'], judge: ofConfig(settings.readers) },
]

export function checksOf(facts: Facts): Check[] {
  const bad = new Set(facts.problems.map(({ variable }) => bareName(variable)))
  const other = facts.data?.server ? 'sqlite' : 'postgres'
  const looked = rows.filter(({ engine }) => engine !== other)
  return looked.map(({ name, of, judge }) => {
    const variable = of.find((one) => bad.has(one))
    const verdict = variable ? info(`not looked at: ${variable} is wrong, see configuration`) : judge(facts)
    return { name, ...verdict }
  })
}

const noConfig = info('not looked at: see configuration')
const noPath = info('not looked at: DATABASE_URL is wrong, see configuration')

function ofConfig(judge: (config: Config, facts: Facts) => Verdict) {
  return (facts: Facts) => (facts.config ? judge(facts.config, facts) : noConfig)
}

/** Only of a PostgreSQL. */
function ofServer(judge: (server: Found<ServerFacts>) => Verdict) {
  return ({ data }: Facts): Verdict => (data?.server ? judge(data.server) : noPath)
}

function ofClerk(judge: (found: ClerkFindings) => Verdict) {
  return ({ clerk }: Facts): Verdict => {
    if (!clerk) return noConfig
    return 'failed' in clerk
      ? wrong(clerk.failed, 'That should not happen: please report it, with the version.')
      : judge(clerk.found)
  }
}

function ofData(judge: (found: DataFacts, facts: Facts) => Verdict) {
  return (facts: Facts) => (facts.data ? judge(facts.data, facts) : noPath)
}

/** Null when it is not known, because a variable that names it is wrong. */
function issuerOf({ clerk, problems }: Facts): string | null {
  if (problems.some(({ variable }) => CLERK.includes(bareName(variable)))) return null
  return clerk && 'found' in clerk ? clerk.found.issuer : null
}
