/**
 * The configuration, and the only reader of the environment. Everything is checked at once; what is wrong is named
 * by its variable, with the fix. The value of a secret is never repeated.
 */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { UserId } from '../trail/entry.ts'
import { messageOf } from '../trail/error.ts'
import type { ClerkOptions } from './clerk/identify.ts'
import { frontendApiOf } from './clerk/publishable-key.ts'
import { ipPolicies, parseRange, type AddressRange, type IpPolicy } from './client-address.ts'
import {
  httpsUrl,
  list,
  oneOf,
  onOff,
  parseOrigin,
  parseReaderKey,
  parseUserId,
  parseWebhookSecret,
  quoted,
  refuseBadPem,
  wholeNumber,
} from './config-values.ts'
import { databaseOf, type Database } from './database.ts'
import type { ReaderKey } from './readers.ts'
import { isLoopbackHost } from './urls.ts'

export interface Config {
  port: number
  host: string
  /** Where the trail is: a path of a file. */
  database: Database
  /** Null in development mode: no Clerk variable is set at all. */
  clerk: ClerkConfig | null
  /** Asks Clerk's Backend API for sessions; null: nobody does. */
  sweep: SweepConfig | null
  /** Of Clerk's webhooks: none, one, or two while the secret is rotated. */
  webhookSecrets: string[]
  /** After how many hours in which logouts came in, and no webhook, the log warns. */
  webhookSilenceHours: number
  logoutEndpoint: boolean
  auditRequired: boolean
  expiredTokenMaxAgeHours: number
  allowedOrigins: string[]
  trustedProxies: AddressRange[]
  ipPolicy: IpPolicy
  readerKeys: ReaderKey[]
  /** Users of Clerk whose sessions may read. */
  readerUserIds: UserId[]
  metricsOpen: boolean
  logLevel: LogLevel
}

export type ClerkConfig = Pick<ClerkOptions, 'publishableKey' | 'issuer' | 'jwtKey' | 'jwksUrl'> & {
  authorizedParties: string[]
}

export interface SweepConfig {
  secretKey: string
  apiUrl: string | undefined
  intervalSeconds: number
}

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

export type Environment = Readonly<Record<string, string | undefined>>

/** One variable that is wrong, and what to do about it. */
export interface ConfigProblem {
  variable: string
  problem: string
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ variable, problem }) => `  ${variable}: ${problem}`)
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
    super(`The configuration has ${count}:\n${lines.join('\n')}\nEach variable is explained in .env.example.`)
    this.problems = problems
  }
}

const schema = z.object({
  PORT: wholeNumber(8787, { min: 0, max: 65_535, what: 'a port' }),
  HOST: z
    .string()
    .regex(/^[A-Za-z0-9.:-]+$/, {
      error: (issue) => `${quoted(issue.input)} is not an address or a host name.`,
    })
    .default('127.0.0.1'),
  DATABASE_URL: z
    .string()
    .transform(databaseOf)
    .refine((database) => database !== null, {
      error:
        'This is not a place that can be written to; use file:<path>, for example file:data/trail.db, or postgres://<user>:<password>@<host>/<database>, in which / @ # ? of the password are percent-encoded.',
    })
    .optional(),
  CLERK_PUBLISHABLE_KEY: z
    .string()
    .refine((key) => frontendApiOf(key) !== null, {
      error: 'This is not a publishable key of Clerk; copy it again, from pk_test_ or pk_live_ to the end.',
    })
    .optional(),
  CLERK_ISSUER: httpsUrl.optional(),
  CLERK_JWT_KEY: z.string().superRefine(refuseBadPem).optional(),
  CLERK_JWKS_URL: httpsUrl.optional(),
  CLERK_AUTHORIZED_PARTIES: list(parseOrigin, 'an origin such as https://app.example.com'),
  CLERK_SECRET_KEY: z
    .string()
    .regex(/^sk_(test|live)_[A-Za-z0-9_-]+$/, {
      error: 'This is not a secret key of Clerk; copy it again, from sk_test_ or sk_live_ to the end.',
    })
    .optional(),
  CLERK_API_URL: httpsUrl
    .refine((url) => new URL(url).pathname === '/', {
      error: (issue) => `${quoted(issue.input)} has a path; /v1 is added to it, so end it with the host.`,
    })
    .optional(),
  SWEEP_INTERVAL_SECONDS: wholeNumber(60, { min: 1, max: 86_400, what: 'a number of seconds' }),
  CLERK_WEBHOOK_SIGNING_SECRET: list(
    parseWebhookSecret,
    'a signing secret: whsec_ and what follows, as Clerk’s dashboard shows it',
    'secret',
  ).refine((secrets) => secrets.length <= 2, {
    error: 'More than two secrets; one is in use, a second while it is rotated.',
  }),
  WEBHOOK_SILENCE_HOURS: wholeNumber(6, { min: 1, max: 8760, what: 'a number of hours' }),
  LOGOUT_ENDPOINT: onOff('on'),
  AUDIT_REQUIRED: onOff('off'),
  EXPIRED_TOKEN_MAX_AGE_HOURS: wholeNumber(24, { min: 0, max: 8760, what: 'a number of hours' }),
  ALLOWED_ORIGINS: list(parseOrigin, 'an origin such as https://app.example.com'),
  TRUSTED_PROXIES: list(parseRange, 'an address or range such as 10.0.0.0/8'),
  IP_POLICY: oneOf(ipPolicies, 'truncate'),
  READER_API_KEYS: list(parseReaderKey, 'name:secret with a secret of at least 32 characters', 'secret')
    .refine((keys) => new Set(keys.map(({ name }) => name)).size === keys.length, {
      error: 'Two keys have the same name; a name says who is reading, so give each its own.',
    })
    .refine((keys) => new Set(keys.map(({ secret }) => secret)).size === keys.length, {
      error: 'Two keys have the same secret; the trail could not say who is reading, so give each its own.',
    }),
  READER_USER_IDS: list(parseUserId, 'a user id of Clerk: user_ and what follows, as its dashboard shows it'),
  METRICS: oneOf(['guarded', 'open'], 'guarded'),
  LOG_LEVEL: oneOf(logLevels, 'info'),
})

/** Every variable that is read, in the order of `.env.example`. */
export const variables = Object.keys(schema.shape) as readonly (keyof typeof schema.shape)[]

/** Variables whose value may be given as a file instead: `<NAME>_FILE` holds its path. */
export const fileTwins = [
  // The address of a PostgreSQL holds its password.
  'DATABASE_URL',
  'CLERK_JWT_KEY',
  'CLERK_SECRET_KEY',
  'CLERK_WEBHOOK_SIGNING_SECRET',
  'READER_API_KEYS',
] as const

/** @throws {ConfigError} with every problem there is. */
export function readConfig(environment: Environment = process.env): Config {
  const problems: ConfigProblem[] = []
  const given = givenValues(environment, problems)
  const parsed = schema.safeParse(given)
  for (const issue of parsed.error?.issues ?? []) {
    problems.push({ variable: issue.path.join('.'), problem: issue.message })
  }
  problems.push(...contradictions(given, environment))
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems)
  const values = parsed.data
  const clerk = usesClerk(environment) ? clerkConfigOf(values) : null
  return {
    port: values.PORT,
    host: values.HOST,
    database: values.DATABASE_URL ?? defaultDatabase(environment),
    clerk,
    sweep: values.CLERK_SECRET_KEY
      ? {
          secretKey: values.CLERK_SECRET_KEY,
          apiUrl: values.CLERK_API_URL,
          intervalSeconds: values.SWEEP_INTERVAL_SECONDS,
        }
      : null,
    webhookSecrets: values.CLERK_WEBHOOK_SIGNING_SECRET,
    webhookSilenceHours: values.WEBHOOK_SILENCE_HOURS,
    logoutEndpoint: values.LOGOUT_ENDPOINT,
    auditRequired: values.AUDIT_REQUIRED,
    expiredTokenMaxAgeHours: values.EXPIRED_TOKEN_MAX_AGE_HOURS,
    allowedOrigins: values.ALLOWED_ORIGINS,
    trustedProxies: values.TRUSTED_PROXIES,
    ipPolicy: values.IP_POLICY,
    readerKeys: values.READER_API_KEYS,
    readerUserIds: values.READER_USER_IDS,
    metricsOpen: values.METRICS === 'open',
    logLevel: values.LOG_LEVEL,
  }
}

export interface ExaminedConfig {
  problems: readonly ConfigProblem[]
  /** As if each variable that is wrong were not set. Null: then it would be the configuration of something else. */
  config: Config | null
}

/** For those who want to know what is wrong, and to go on with the rest. */
export function examineConfig(environment: Environment = process.env): ExaminedConfig {
  try {
    return { problems: [], config: readConfig(environment) }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { problems: error.problems, config: configWithout(error.problems, environment) }
  }
}

function configWithout(problems: readonly ConfigProblem[], environment: Environment): Config | null {
  const wrong = new Set(problems.map(({ variable }) => bareName(variable)))
  const right = Object.fromEntries(Object.entries(environment).filter(([name]) => !wrong.has(bareName(name))))
  if (usesClerk(right) !== usesClerk(environment)) return null
  try {
    return readConfig(right)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return null
  }
}

/** The variable that this one stands in for: `NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY`, `CLERK_SECRET_KEY_FILE`. */
export function bareName(variable: string): string {
  return variable.replace(/^NEXT_PUBLIC_/, '').replace(/_FILE$/, '')
}

/** Where the trail and its records are, for commands that need nothing else. @throws {ConfigError} */
export function readDatabase(environment: Environment = process.env): Database {
  const problems: ConfigProblem[] = []
  const given = givenValues(environment, problems)['DATABASE_URL']
  const [unread] = problems.filter(({ variable }) => variable === 'DATABASE_URL_FILE')
  if (unread) throw new ConfigError([unread])
  if (given === undefined) return defaultDatabase(environment)
  const parsed = schema.shape.DATABASE_URL.safeParse(given)
  if (parsed.success && parsed.data) return parsed.data
  const problem = parsed.error?.issues[0]?.message ?? ''
  throw new ConfigError([{ variable: 'DATABASE_URL', problem }])
}

/** A trail that throw-away keys wrote into is never mixed with one of real sessions. */
function defaultDatabase(environment: Environment): Database {
  return { engine: 'sqlite', path: usesClerk(environment) ? 'data/trail.db' : 'data/dev-trail.db' }
}

function clerkConfigOf(values: z.infer<typeof schema>): ClerkConfig {
  return {
    publishableKey: values.CLERK_PUBLISHABLE_KEY,
    issuer: values.CLERK_ISSUER,
    jwtKey: values.CLERK_JWT_KEY,
    jwksUrl: values.CLERK_JWKS_URL,
    authorizedParties: values.CLERK_AUTHORIZED_PARTIES,
  }
}

/** An empty variable counts as not set. */
function givenValues(environment: Environment, problems: ConfigProblem[]): Record<string, string> {
  const given: Record<string, string> = {}
  for (const name of variables) {
    const value = environment[name]?.trim()
    if (value) given[name] = value
  }
  given['CLERK_PUBLISHABLE_KEY'] ??= environment['NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY']?.trim() ?? ''
  if (given['CLERK_PUBLISHABLE_KEY'] === '') delete given['CLERK_PUBLISHABLE_KEY']
  for (const name of fileTwins) readTwin(name, environment, { given, problems })
  return given
}

interface Reading {
  given: Record<string, string>
  problems: ConfigProblem[]
}

function readTwin(name: string, environment: Environment, { given, problems }: Reading): void {
  const variable = `${name}_FILE`
  const path = environment[variable]?.trim()
  if (!path) return
  if (given[name] !== undefined) {
    problems.push({ variable, problem: `${name} is set too; set one of the two.` })
    return
  }
  try {
    given[name] = readFileSync(path, 'utf8').trim()
  } catch (error) {
    problems.push({ variable, problem: `The file cannot be read (${messageOf(error)}).` })
  }
}

/** Development mode is the absence of every variable of Clerk, also of those that this version does not read. */
function usesClerk(environment: Environment): boolean {
  return Object.entries(environment).some(
    ([name, value]) => /^(NEXT_PUBLIC_)?CLERK_/.test(name) && value !== undefined && value.trim() !== '',
  )
}

function contradictions(given: Record<string, string>, environment: Environment): ConfigProblem[] {
  if (usesClerk(environment)) {
    if (given['CLERK_PUBLISHABLE_KEY'] || given['CLERK_ISSUER']) return differentInstances(given)
    const problem =
      'It is missing. Set it (or CLERK_ISSUER, for an instance without one): it names the issuer.'
    return [{ variable: 'CLERK_PUBLISHABLE_KEY', problem }]
  }
  const problem = 'It is missing. Without any variable of Clerk the service runs in development mode, '
  const host = given['HOST'] ?? '127.0.0.1'
  if (environment['NODE_ENV'] === 'production') {
    return [{ variable: 'CLERK_PUBLISHABLE_KEY', problem: `${problem}which NODE_ENV=production forbids.` }]
  }
  if (isLoopbackHost(host)) return []
  return [
    {
      variable: 'CLERK_PUBLISHABLE_KEY',
      problem: `${problem}which listens on loopback only, not on HOST=${host}.`,
    },
  ]
}

const instances: Record<string, string> = { test: 'a development instance', live: 'a production instance' }

/** Clerk knows no session of an instance by the secret key of another. */
function differentInstances(given: Record<string, string>): ConfigProblem[] {
  const [, secret = ''] = /^sk_(test|live)_/.exec(given['CLERK_SECRET_KEY'] ?? '') ?? []
  const [, publishable = ''] = /^pk_(test|live)_/.exec(given['CLERK_PUBLISHABLE_KEY'] ?? '') ?? []
  if (secret === '' || publishable === '' || secret === publishable) return []
  const problem = `It is of ${instances[secret]}, and CLERK_PUBLISHABLE_KEY of ${instances[publishable]}; copy both from the same one.`
  return [{ variable: 'CLERK_SECRET_KEY', problem }]
}
