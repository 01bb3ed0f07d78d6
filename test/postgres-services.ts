/** Service processes that share one PostgreSQL, and what an operator sees of them in the database. */
import { openPostgresReader } from '../trail/stores/postgres-reader.ts'
import type { Entry } from '../trail/entry.ts'
import { startClerkService, type ClerkService } from './clerk-service.ts'
import { inDatabase } from './postgres.ts'
import { query, until } from './postgres-trails.ts'
import { newSecret, ofSession, signed } from './webhooks.ts'

export const READER_KEY = 'k'.repeat(32)
export const asReader = { Authorization: `Bearer ${READER_KEY}` }

const SECRET = newSecret()

/** With webhooks and a reader's key; told to stop being there when its test ends. */
export function startOn(database: string, env: Record<string, string> = {}): Promise<ClerkService> {
  return startClerkService({
    env: {
      DATABASE_URL: database,
      READER_API_KEYS: `test:${READER_KEY}`,
      CLERK_WEBHOOK_SIGNING_SECRET: SECRET,
      ...env,
    },
  })
}

/** As Clerk would tell it now. Sent again it is the same. */
export function webhookOf(type: string, data: Record<string, unknown>, timestamp = Date.now()) {
  const id = `msg_${type}_${String(data['id'])}`
  const body = ofSession(type, data, { timestamp })
  return () => signed(body, { secret: SECRET, id })
}

/** The status of the answer. */
export async function sendWebhook({ url }: { url: string }, webhook: ReturnType<typeof webhookOf>) {
  const answer = await fetch(`${url}/v1/webhooks/clerk`, webhook())
  await answer.arrayBuffer()
  return answer.status
}

/** What a reader is answered; null when it is not 200. */
export async function readFrom({ url }: { url: string }, path: string): Promise<unknown> {
  const answer = await fetch(`${url}${path}`, { headers: asReader })
  const body: unknown = await answer.json()
  return answer.status === 200 ? body : null
}

export interface Turn {
  pid: number
  fence: number
}

/** Whose turn it is to write the session records; null while nobody’s is. */
export async function turnIn(database: string): Promise<Turn | null> {
  const [row] = await query(
    database,
    `SELECT holder, fence FROM logout_trail.leases WHERE name = 'session records' AND until > clock_timestamp()`,
  )
  return row ? { pid: Number(String(row['holder']).split(' ').at(-1)), fence: Number(row['fence']) } : null
}

/** Waits until it is the turn of one of them, and gives that one and the others. */
export async function whoWrites<Service extends { process: { pid?: number | undefined } }>(
  database: string,
  services: readonly Service[],
): Promise<[writer: Service, ...others: Service[]]> {
  let writer: Service | undefined
  await until('one of them writes', async () => {
    const turn = await turnIn(database)
    writer = services.find(({ process }) => process.pid === turn?.pid)
    return writer !== undefined
  })
  return [writer as Service, ...services.filter((one) => one !== writer)]
}

export async function entriesIn(database: string): Promise<Entry[]> {
  const reader = await openPostgresReader(database)
  const entries: Entry[] = []
  try {
    for (;;) {
      const page = await reader.read(entries.length - 1, 5000)
      if (page.length === 0) return entries
      entries.push(...page)
    }
  } finally {
    reader.close()
  }
}

/** While `meanwhile` runs nobody else can connect, and nobody is connected. */
async function withoutOthers(admin: string, name: string, meanwhile: () => Promise<void>): Promise<void> {
  const end = 'SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1'
  await query(admin, `ALTER DATABASE ${name} ALLOW_CONNECTIONS false`)
  await query(admin, end, [name])
  await meanwhile()
}

const nameIn = (database: string) => new URL(database).pathname.slice(1)

/** A backup of it as it is now. Services lose their connections meanwhile. */
export async function backUp(admin: string, database: string): Promise<string> {
  const name = nameIn(database)
  const copy = `${name}_copy`
  await withoutOthers(admin, name, async () => {
    await query(admin, `CREATE DATABASE ${copy} TEMPLATE ${name}`)
  })
  await query(admin, `ALTER DATABASE ${name} ALLOW_CONNECTIONS true`)
  return copy
}

/** Puts the backup in the place of what is there. */
export async function putBack(admin: string, database: string, copy: string): Promise<void> {
  const name = nameIn(database)
  await withoutOthers(admin, name, () =>
    inDatabase(admin, async (client) => {
      await client.query(`DROP DATABASE ${name}`)
      await client.query(`ALTER DATABASE ${copy} RENAME TO ${name}`)
    }),
  )
}
