/** What the commands that read say of records that are not those of the whole trail. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, beforeEach, describe, it } from 'node:test'
import { followOnce } from '../session-ends/follow.ts'
import { openViews } from '../session-ends/views-files.ts'
import { viewsPathOf } from '../session-ends/views-schema.ts'
import { finished, runCli, temporaryFolder } from '../test/service.ts'
import { toldByWebhook, type SessionId } from '../trail/entry.ts'
import { openSqliteReader } from '../trail/stores/sqlite-reader.ts'
import { openSqliteStore } from '../trail/stores/sqlite.ts'
import type { TrailStore } from '../trail/store.ts'

let path: string
let store: TrailStore
beforeEach(async () => {
  await store?.close()
  path = join(temporaryFolder(), 'trail.db')
  store = await openSqliteStore({ path, issuer: 'https://cli.clerk.accounts.dev' })
})
after(() => store.close())

const readers = [['sessions'], ['show', 'sess_1'], ['export'], ['coverage']]

function cli(...args: string[]) {
  return finished(runCli(args, { folder: dirname(path), env: { DATABASE_URL: `file:${path}` } }))
}

let told = 0
async function append(session: string): Promise<void> {
  const session_id = session as SessionId
  const report = toldByWebhook(`msg_${(told += 1)}`, {
    kind: 'session.created',
    occurred_at: 1000,
    session_id,
    session_created_at: 1000,
  })
  await store.append([report], 1000)
}

async function makeRecords(): Promise<void> {
  const trail = openSqliteReader(path)
  const views = await openViews(viewsPathOf(path), trail)
  while ((await followOnce(views, trail)) > 0) continue
  await views.close()
  trail.close()
}

describe('a trail with entries and no records', () => {
  it('is refused by each command that reads, and nothing is written', async () => {
    await append('sess_1')
    for (const args of readers) {
      const { code, stdout, stderr } = await cli(...args)
      assert.deepEqual([code, stdout], [1, ''], args.join(' '))
      assert.match(stderr, /^There are no session records beside this trail yet: start the service once,/)
    }
    assert.equal((await cli('export', '--out', 'all.csv')).code, 1)
    assert.deepEqual(
      readdirSync(dirname(path)).filter((name) => name.startsWith('all.csv')),
      [],
    )
  })
})

describe('an empty trail without records', () => {
  it('is read', async () => {
    assert.match((await cli('sessions')).stdout, /^There are no session records yet: the first logout/)
    assert.match((await cli('export')).stdout, /# complete: 0 records/)
    assert.match((await cli('coverage')).stdout, /^No session that was seen to begin must be over by now/)
    assert.match((await cli('show', 'sess_1')).stderr, /^No entry of .+ is about sess_1\.\n$/)
  })
})

describe('records that are behind the trail', () => {
  const behind =
    '1 entry is not in the records yet; the running service takes in what is missing, or logout-trail rebuild while it is stopped.'

  it('are read by sessions, show and coverage, which say so in the same words', async () => {
    await append('sess_1')
    await makeRecords()
    await append('sess_2')
    for (const args of [['sessions'], ['show', 'sess_1'], ['coverage']]) {
      const { code, stdout, stderr } = await cli(...args)
      assert.deepEqual([code, stderr], [0, `${behind}\n`], args.join(' '))
      assert.notEqual(stdout, '')
    }
  })

  it('are not exported, and the command says why', async () => {
    await append('sess_1')
    await makeRecords()
    await append('sess_2')
    await store.close()
    for (const args of [['export'], ['export', '--out', 'all.csv']]) {
      const { code, stdout, stderr } = await cli(...args)
      assert.deepEqual([code, stdout, stderr], [1, '', `${behind} Nothing was written.\n`])
    }
    assert.ok(!readdirSync(dirname(path)).some((name) => name.startsWith('all.csv')))
    store = await openSqliteStore({ path, issuer: 'https://cli.clerk.accounts.dev' })
  })

  it('are exported when the running service has taken in what was missing', async () => {
    await append('sess_1')
    await makeRecords()
    await append('sess_2')
    const exporting = cli('export')
    // So that it finds them behind, on a machine that is not too busy.
    await sleep(1500)
    await makeRecords()
    const { code, stdout, stderr } = await exporting
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, /# complete: 2 records/)
  })
})

describe('records of another history than that of the trail', () => {
  it('are refused by each command that reads, until the restore is accepted', async () => {
    await append('sess_1')
    await makeRecords()
    const db = new DatabaseSync(path)
    db.exec('UPDATE trail SET epoch = epoch + 1')
    db.close()
    for (const args of readers) {
      const { code, stdout, stderr } = await cli(...args)
      assert.deepEqual([code, stdout], [1, ''], args.join(' '))
      assert.match(stderr, /^The session records were made from 1 entries .+ rebuild --accept-restore\n$/)
    }
  })
})
