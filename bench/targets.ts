/** What is measured: how each target is started, and where it keeps what it recorded. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ISSUER, PUBLISHABLE_KEY } from './tokens.ts'
import type { TargetSettings } from './targets/settings.ts'

export interface Target {
  name: string
  /** In the tables. */
  title: string
  command: (settings: TargetSettings, built: string) => Command
  /** How many logouts it has recorded, once it has ended; null when it claims to record none. */
  recorded: ((folder: string) => number) | null
  /** Whether it looks at tokens: then each must be distinct. */
  verifies: 'tokens' | 'nothing'
}

export interface Command {
  args: string[]
  env: Record<string, string>
}

/** Standard output of a target, in its folder. */
export const OUTPUT = 'output.log'

export const READER_KEY = 'bench'.padEnd(32, '-')

const ROOT = join(import.meta.dirname, '..')

export const targets = {
  'node-http': {
    name: 'node-http',
    title: 'raw node:http',
    command: ownTarget('node-http'),
    recorded: null,
    verifies: 'nothing',
  },
  hono: { name: 'hono', title: 'bare Hono', command: ownTarget('hono'), recorded: null, verifies: 'nothing' },
  naive: {
    name: 'naive',
    title: 'naive: console.log',
    command: ownTarget('naive'),
    recorded: linesOf,
    verifies: 'nothing',
  },
  'one-day': {
    name: 'one-day',
    title: 'one day: @clerk/hono + INSERT',
    command: ownTarget('one-day'),
    recorded: (folder) => rowsIn(join(folder, 'logouts.db'), 'logouts'),
    verifies: 'tokens',
  },
  'rung-1': {
    name: 'rung-1',
    title: 'ours, rung 1: log',
    command: ownTarget('rung-1'),
    recorded: linesOf,
    verifies: 'tokens',
  },
  'rung-2': {
    name: 'rung-2',
    title: 'ours, rung 2: trail',
    command: service,
    recorded: (folder) => rowsIn(join(folder, 'trail.db'), 'entries'),
    verifies: 'tokens',
  },
} as const satisfies Record<string, Target>
export type TargetName = keyof typeof targets

/** Of Clerk's webhooks. */
export const webhookTargets = [
  {
    name: 'webhook-usual',
    title: 'usual: verify, console.log',
    command: ownTarget('webhook-usual'),
    recorded: (folder) => linesOf(folder, 'session.removed'),
    verifies: 'tokens',
  },
  {
    name: 'webhook-insert',
    title: 'verify + INSERT',
    command: ownTarget('webhook-insert'),
    recorded: (folder) => rowsIn(join(folder, 'webhooks.db'), 'webhooks'),
    verifies: 'tokens',
  },
  {
    name: 'webhook-ours',
    title: 'ours, rung 2: trail',
    command: (settings) => {
      const { args, env } = service(settings)
      return { args, env: { ...env, CLERK_WEBHOOK_SIGNING_SECRET: settings.webhookSecret } }
    },
    recorded: (folder) => rowsIn(join(folder, 'trail.db'), 'entries'),
    verifies: 'tokens',
  },
] as const satisfies readonly Target[]

function ownTarget(name: string): Target['command'] {
  return (settings, built) => ({ args: [join(built, `${name}.mjs`), JSON.stringify(settings)], env: {} })
}

/** The service as the package ships it, with everything on that is on by default. */
function service({ port, jwtKey, databaseUrl }: TargetSettings): Command {
  return {
    args: [join(ROOT, 'dist/cli/bin.js'), 'start'],
    env: {
      PORT: String(port),
      DATABASE_URL: databaseUrl,
      CLERK_ISSUER: ISSUER,
      CLERK_PUBLISHABLE_KEY: PUBLISHABLE_KEY,
      CLERK_JWT_KEY: jwtKey,
      READER_API_KEYS: `bench:${READER_KEY}`,
      NODE_ENV: 'production',
    },
  }
}

function linesOf(folder: string, event = 'user_logout'): number {
  return readFileSync(join(folder, OUTPUT), 'utf8').split(`"event":"${event}"`).length - 1
}

export function rowsIn(file: string, table: 'entries' | 'logouts' | 'webhooks'): number {
  if (!existsSync(file)) return 0
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    return Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n'])
  } finally {
    db.close()
  }
}
