/** Ways to give out one gapless index from several processes: the schema's own, and what it was chosen over. */
import type { Client } from 'pg'
import { arraysOf, type Answer, type Placed } from '../trail/stores/postgres-batch.ts'
import { migrations } from '../trail/stores/postgres-migrations.ts'

/** What a process knows of the trail when it appends. */
export interface Known {
  trailId: string
  index: number
  key: Buffer
}

export interface Way {
  /** Run once, after the schema was made. */
  sql: string
  append: (client: Client, known: Known, batch: readonly Placed[]) => Promise<Answer[]>
  /** Indexes may be missing: no way for us, but it shows what the lock costs. */
  mayLeaveGaps?: true
}

const schema = migrations[0]?.sql ?? ''

/** A function of the schema as it is, changed. */
function changed(name: string, changes: [from: string, to: string][]): string {
  const start = schema.indexOf(`CREATE FUNCTION logout_trail.${name}(`)
  let text = schema.slice(start, schema.indexOf('END $$;', start) + 'END $$;'.length)
  for (const [from, to] of changes) {
    if (!text.includes(from))
      throw new Error(`${name} of the schema has changed, and has no ${from} any more.`)
    text = text.replace(from, to)
  }
  return text
}

const HIGHEST =
  'SELECT e."index" + 1 INTO next_index FROM logout_trail.entries e ORDER BY e."index" DESC LIMIT 1;'
const ROW_LOCK = 'FROM logout_trail.trail t WHERE t.one = 1 FOR UPDATE;'

const advisory = [
  changed('begin_append', [
    ['begin_append', 'begin_advisory'],
    ['  SELECT t.trail_id', '  PERFORM pg_advisory_xact_lock(7310868735441894);\n  SELECT t.trail_id'],
    [ROW_LOCK, ROW_LOCK.replace(' FOR UPDATE', '')],
  ]),
  changed('append', [
    ['append(', 'append_advisory('],
    ['begin_append', 'begin_advisory'],
  ]),
].join('\n')

/** As a counter in the row would be: a new version of the row for each batch. */
const counter = [
  'ALTER TABLE logout_trail.trail ADD COLUMN next_index bigint NOT NULL DEFAULT 0;',
  changed('append', [
    ['append(', 'append_counter('],
    [HIGHEST, 'SELECT t.next_index INTO next_index FROM logout_trail.trail t WHERE t.one = 1;'],
    [
      'ORDER BY p.place;\n',
      `ORDER BY p.place;
       UPDATE logout_trail.trail t SET next_index = 1 + (SELECT e."index" FROM logout_trail.entries e ORDER BY e."index" DESC LIMIT 1)
       WHERE t.one = 1;\n`,
    ],
  ]),
].join('\n')

/** No lock at all: two processes may hand out what the other rolls back, and commit out of order. */
const sequence = [
  'CREATE SEQUENCE logout_trail.next_index MINVALUE 0 CACHE 1;',
  changed('append', [
    ['append(', 'append_sequence('],
    ['PERFORM logout_trail.begin_append(the_program, the_trail, the_epoch, seen_index, seen_key);', ''],
    [HIGHEST, ''],
    [
      'coalesce(g.known, next_index - 1 + count(*) FILTER (WHERE g.known IS NULL) OVER (ORDER BY g.place))',
      "coalesce(g.known, nextval('logout_trail.next_index'))",
    ],
  ]),
].join('\n')

function call(name: string): Way['append'] {
  const parameters = Array.from({ length: 31 }, (_, at) => `$${at + 1}`).join()
  return async (client, { trailId, index, key }, batch) => {
    const values = [1, trailId, 0, index, key, Date.now(), ...arraysOf(batch)]
    return (await client.query<Answer>(`SELECT * FROM logout_trail.${name}(${parameters})`, values)).rows
  }
}

/** The same as the schema's own, as a client would write it: BEGIN, lock, ask, write, COMMIT. */
const stepByStep: Way['append'] = async (client, known, batch) => {
  await client.query('BEGIN')
  const begin = 'SELECT logout_trail.begin_append(1, $1, 0, $2, $3)'
  await client.query(begin, [known.trailId, known.index, known.key])
  const last = await client.query<{ next: number }>(
    'SELECT e."index" + 1 AS next FROM logout_trail.entries e ORDER BY e."index" DESC LIMIT 1',
  )
  const first = last.rows[0]?.next ?? 0
  const [keys, ...arrays] = arraysOf(batch)
  const there = await client.query('SELECT 1 FROM logout_trail.dedupe WHERE key = ANY ($1::bytea[])', [keys])
  // The load has no repeats.
  if (there.rowCount) throw new Error('a repeat')
  await client.query(
    'INSERT INTO logout_trail.dedupe SELECT g.key, $1 + g.place - 1 FROM unnest($2::bytea[]) WITH ORDINALITY AS g (key, place)',
    [first, keys],
  )
  await client.query(INSERT_ENTRIES, [first, Date.now(), ...arrays])
  await client.query('COMMIT')
  return batch.map((_, at) => ({ at_index: first + at, is_new: true }))
}

const whole = new Set([2, 13, 20, 21, 22, 23])
const types = Array.from({ length: 24 }, (_, at) => (whole.has(at) ? 'bigint' : 'text'))
const INSERT_ENTRIES = `INSERT INTO logout_trail.entries
  SELECT $1 + g.place - 1, g.c0, g.c1, g.c2, $2, ${types
    .slice(3)
    .map((_, at) => `g.c${at + 3}`)
    .join()}
  FROM unnest(${types.map((type, at) => `$${at + 3}::${type}[]`).join()})
    WITH ORDINALITY AS g (${types.map((_, at) => `c${at}`).join()}, place)`

export const ways = {
  'row lock': { sql: '', append: call('append') },
  'advisory lock': { sql: advisory, append: call('append_advisory') },
  'counter in the row': { sql: counter, append: call('append_counter') },
  'row lock step by step': { sql: '', append: stepByStep },
  'sequence with gaps': { sql: sequence, append: call('append_sequence'), mayLeaveGaps: true },
} satisfies Record<string, Way>

export type WayName = keyof typeof ways
