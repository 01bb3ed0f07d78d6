/** The service with a Clerk instance of its own: what its users are answered, and what its operator sees of it. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { testClerk } from './clerk-instance.ts'
import { startService, type RunningService, type StartOptions } from './service.ts'

export interface ClerkService extends RunningService {
  /** `trail.db` of this service. */
  trail: string
  logout: (person: SignedIn) => Promise<Answer>
  /** Waits for the log line of this person's logout with this `record`. */
  logLine: (person: SignedIn, record: string) => Promise<string>
  /** The sentence of /readyz while it is not ready, else null; never an answer from before the call. */
  notReady: () => Promise<string | null>
  metric: (name: string) => Promise<number>
}

/** One session, and the token that a logout of it sends. */
export interface SignedIn {
  session: string
  token: string
}

export interface Answer {
  status: number
  /** `Logout-Record`. */
  record: string | null
  /** Of the problem, when it is one. */
  code: string | null
}

export const durable: Answer = { status: 200, record: 'durable', code: null }
export const duplicate: Answer = { status: 200, record: 'duplicate', code: null }
export const logged: Answer = { status: 200, record: 'logged', code: null }
/** What `AUDIT_REQUIRED=on` makes of `logged`. */
export const notRecorded: Answer = { status: 503, record: 'logged', code: 'logout-not-recorded' }

/** What a logout that could not be recorded is answered, by AUDIT_REQUIRED. */
export const unrecorded = { off: logged, on: notRecorded }

/** The instance of all services of these tests, so that one can go on with the trail of another. */
export const clerk = testClerk()

const TOKEN_LIFETIME_SECONDS = 3600

let sessions = 0

/** A session of its own, with a token issued now and good for an hour. */
export function signIn(): SignedIn {
  const now = Math.floor(Date.now() / 1000)
  const session = `sess_${(sessions += 1)}`
  const token = clerk.token({ sid: session, iat: now, nbf: now - 10, exp: now + TOKEN_LIFETIME_SECONDS })
  return { session, token }
}

export async function startClerkService(options: StartOptions = {}): Promise<ClerkService> {
  const env = { CLERK_ISSUER: clerk.issuer, CLERK_JWT_KEY: clerk.publicPem, ...options.env }
  const service = await startService({ ...options, env })
  const { url } = service
  return {
    ...service,
    trail: join(service.folder, 'data/trail.db'),
    logout: (person) => logout(url, person),
    logLine: ({ session }, record) =>
      service.line(new RegExp(`"user_logout".*"record":"${record}".*"session_id":"${session}"`)),
    notReady: () => notReady(url),
    metric: (name) => metric(url, name),
  }
}

async function logout(url: string, { token }: SignedIn): Promise<Answer> {
  const headers = { Authorization: `Bearer ${token}` }
  const response = await fetch(`${url}/v1/auth/session`, { method: 'DELETE', headers })
  const body = (await response.json()) as { code?: string }
  return {
    status: response.status,
    record: response.headers.get('logout-record'),
    code: body.code ?? null,
  }
}

/** A little longer than /readyz keeps its answer. */
const READINESS_KEPT_MS = 1100

async function notReady(url: string): Promise<string | null> {
  await sleep(READINESS_KEPT_MS)
  const response = await fetch(`${url}/readyz`)
  const body = (await response.json()) as { detail?: string }
  return response.status === 200 ? null : (body.detail ?? '')
}

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? NaN)
}

export async function stop({ process, ended }: RunningService): Promise<number | NodeJS.Signals> {
  process.kill('SIGTERM')
  return ended
}

/** Waits until it is so; the time limit of the test is what ends it when it never is. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(100)
}

/** The sessions whose logout a reader finds in the trail, in their order. */
export function sessionsIn(trail: string): string[] {
  const db = new DatabaseSync(trail, { readOnly: true })
  try {
    const rows = db
      .prepare(`SELECT session_id FROM entries WHERE kind = 'logout.requested' ORDER BY "index"`)
      .all()
    return rows.map((row) => String(row['session_id']))
  } finally {
    db.close()
  }
}
