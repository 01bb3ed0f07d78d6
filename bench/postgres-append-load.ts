/** One process that appends as fast as it is answered, for so many seconds, and says how it went. */
import { performance } from 'node:perf_hooks'
import { Client, types } from 'pg'
import { logoutRequested, type Report, type SessionId, type UserId } from '../trail/entry.ts'
import { sortOut } from '../trail/stores/postgres-batch.ts'
import { ways, type Known, type Way, type WayName } from './postgres-ways.ts'

export interface LoadOptions {
  url: string
  way: WayName
  /** Reports in a batch. */
  size: number
  /** Tells the reports of one process from those of another. */
  who: string
}

export interface LoadDone {
  durable: number
  /** Of each batch, from the call to the answer. */
  batchMs: number[]
}

const TRAIL_KEY = Buffer.alloc(32, 1)

const { url, way, size, who } = JSON.parse(String(process.argv[2])) as LoadOptions
const { append }: Way = ways[way]
const client = new Client({
  connectionString: url,
  types: {
    getTypeParser: (oid, format) => (oid === types.builtins.INT8 ? Number : types.getTypeParser(oid, format)),
  },
})
await client.connect()
const { rows } = await client.query<{ trail_id: string }>('SELECT trail_id FROM logout_trail.trail')
const known: Known = { trailId: String(rows[0]?.trail_id), index: -1, key: Buffer.alloc(0) }

let made = 0

function nextReport(): Report {
  made += 1
  const now = Date.now()
  return logoutRequested(now, {
    session_id: `sess_${who}_${made.toString(36).padStart(20, '0')}` as SessionId,
    user_id: `user_${made.toString(36).padStart(22, '0')}` as UserId,
    token_iat: Math.floor(now / 1000),
    actor_id: null,
    org_id: null,
    ip: '203.0.113.0',
    user_agent:
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36',
    azp: 'https://app.example.com',
    token_state: 'valid',
    request_id: made.toString(16).padStart(32, '0'),
    trace_id: null,
    intent: 'user',
  })
}

const done: LoadDone = { durable: 0, batchMs: [] }
const ending = new AbortController()

async function load(): Promise<void> {
  while (!ending.signal.aborted) {
    const { distinct } = sortOut(Array.from({ length: size }, nextReport), TRAIL_KEY)
    const startedAt = performance.now()
    const answers = await append(client, known, distinct)
    done.batchMs.push(performance.now() - startedAt)
    done.durable += answers.filter((answer) => answer.is_new).length
    known.index = answers.at(-1)?.at_index ?? -1
    known.key = distinct.at(-1)?.key ?? known.key
  }
  await client.end()
  process.send?.(done)
  process.disconnect?.()
}

process.once('message', () => {
  load().catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
  process.once('message', () => ending.abort())
})
process.send?.('ready')
