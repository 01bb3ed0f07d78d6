import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { history } from '../examples/demo/history.ts'
import { csvRows } from '../test/csv.ts'
import { finished, runCli, temporaryFolder } from '../test/service.ts'
import { trailOf, type TestTrail } from '../test/views.ts'

const UNTIL = Date.UTC(2026, 10, 20, 12)

let trail: TestTrail
before(async () => {
  trail = await trailOf(history({ until: UNTIL, days: 10, sessionsADay: 20 }))
})
after(() => trail.close())

function cli(...args: string[]) {
  const folder = dirname(trail.path)
  return finished(runCli(args, { folder, env: { DATABASE_URL: `file:${trail.path}` } }))
}

describe('logout-trail sessions', () => {
  it('lists the newest in a table, and says that there are more', async () => {
    const { code, stdout, stderr } = await cli('sessions', '--limit', '5')
    assert.equal(code, 0)
    assert.equal(stderr, '')
    const [head, ...rows] = stdout.trimEnd().split('\n')
    assert.match(head ?? '', /^STARTED \(UTC\) +ENDED, ELSE ASKED +HOW +USER +SESSION$/)
    assert.equal(rows.length, 7)
    for (const row of rows.slice(0, 5))
      assert.match(
        row,
        /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  (–  |\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)  [a-z –-]+ +user_seeded\d{3}  sess_seeded\d{6}$/,
      )
    assert.match(rows.at(-1) ?? '', /^There are more/)
  })

  it('takes the filters of the API as options', async () => {
    const { stdout } = await cli(
      'sessions',
      '--reason',
      'revoked',
      '--from',
      '2026-11-01',
      '--json',
      '--limit',
      '1000',
    )
    const records = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    assert.ok(records.length > 1)
    assert.deepEqual(new Set(records.map(({ reason }) => reason)), new Set(['revoked']))
    const [{ user_id: user } = {}] = records
    const ofUser = await cli('sessions', '--user-id', String(user), '--json', '--limit', '1000')
    for (const line of ofUser.stdout.trimEnd().split('\n'))
      assert.equal((JSON.parse(line) as Record<string, unknown>)['user_id'], user)
    assert.equal(
      (await cli('sessions', '-q', String(user), '--json', '--limit', '1000')).stdout,
      ofUser.stdout,
    )
  })

  it('lists the sessions in the order in which they were first heard of, whenever they ended', async () => {
    const { stdout } = await cli('sessions', '--limit', '1000')
    const listed = [...stdout.matchAll(/sess_seeded\d{6}$/gm)].map(([id]) => id)
    assert.deepEqual(listed, trail.ids().toReversed())
    const help = (await cli('sessions', '--help')).stdout.replaceAll(/\s+/g, ' ')
    assert.match(help, /In the order in which the sessions were first heard of/)
  })

  it('shows when a session began, and when it ended, else was asked to', async () => {
    const of = async (state: string) => {
      const args = ['sessions', '--state', state, '--limit', '1']
      const [, row = ''] = (await cli(...args)).stdout.split('\n')
      const record = JSON.parse((await cli(...args, '--json')).stdout) as Record<string, string | null>
      return { cells: row.split(/ {2,}/).slice(0, 2), record }
    }
    const shown = (time: string | null | undefined) => time?.slice(0, 19).replace('T', ' ') ?? '–'
    const ended = await of('ended')
    assert.deepEqual(ended.cells, [ended.record['started_at'], ended.record['ended_at']].map(shown))
    const asked = await of('requested')
    assert.deepEqual(asked.cells, [asked.record['started_at'], asked.record['requested_at']].map(shown))
    const open = await of('open')
    assert.deepEqual(open.cells, [shown(open.record['started_at']), '–'])
  })

  it('says what to do when nothing fits', async () => {
    const { code, stdout } = await cli('sessions', '--user-id', 'user_nobody')
    assert.equal(code, 0)
    assert.match(stdout, /^No session record fits\. Ids must be whole/)
  })

  it('names the option that is wrong', async () => {
    for (const [args, message] of [
      [['--state', 'closed'], /^--state must be one of open, requested, ended\./],
      [['--user-id', 'a b'], /^--user-id must be an id of Clerk\./],
      [['--from', 'yesterday'], /^--from must be a time such as/],
      [['--from', '2026-11-02', '--to', '2026-11-01'], /^--from must be before/],
      [['--limit', '0'], /^--limit must be a whole number from 1 to 1000\./],
      [['--users', '1'], /^Not known here: --users 1\. sessions takes filters/],
      [['sess_1'], /^Not known here: sess_1\./],
      [['--no-json'], /^Not known here: --no-json\./],
      [['--user-id', 'a', '--user-id', 'b'], /^--user-id is given twice; give it once\.\n$/],
      [['--user-id', 'a', '--userId', 'b'], /^--userId is given twice; give it once\.\n$/],
      [['-q', 'a', '-q', 'b'], /^-q is given twice; give it once\.\n$/],
      [['--from='], /^--from has no value; give it one, as in --from <time>\.\n$/],
      [['--from', '--json'], /^--from has no value;/],
      [['--state'], /^--state has no value;/],
    ] as const) {
      const { code, stderr, stdout } = await cli('sessions', ...args)
      assert.equal(code, 1, args.join(' '))
      assert.match(stderr, message)
      assert.equal(stdout, '')
    }
  })

  it('explains each filter', async () => {
    const { stdout } = await cli('sessions', '--help')
    for (const option of [
      '--state',
      '--user-id',
      '--org-id',
      '--reason',
      '--from',
      '--to',
      '--limit',
      '--json',
    ])
      assert.ok(stdout.includes(option), option)
    assert.match(stdout.replaceAll(/\s+/g, ' '), /2026-11-01 for midnight UTC/)
  })
})

describe('logout-trail export', () => {
  it('writes the whole file, under its name only when it is on disk, for its owner alone', async () => {
    const folder = temporaryFolder()
    const out = join(folder, 'all.csv')
    const { code, stdout, stderr } = await cli('export', '--out', out)
    assert.deepEqual([code, stdout], [0, ''])
    assert.match(stderr, /all\.csv: \d+\.\d MB/)
    const rows = csvRows(readFileSync(out, 'utf8'))
    assert.equal(rows.length, trail.ids().length + 2)
    assert.match(rows.at(-1)?.[0] ?? '', new RegExp(`^# complete: ${trail.ids().length} records`))
    assert.equal(statSync(out).mode & 0o777, 0o600)
    assert.deepEqual(readdirSync(folder), ['all.csv'])
  })

  it('writes to standard output, in the form that is asked for', async () => {
    const { stdout } = await cli('export', '--format', 'ndjson', '--state', 'open')
    const lines = stdout.trimEnd().split('\n')
    const { trailer } = JSON.parse(lines.at(-1) ?? '') as { trailer: { count: number } }
    assert.equal(trailer.count, lines.length - 1)
  })

  it('takes the form from the name of the file', async () => {
    const out = join(temporaryFolder(), 'open.ndjson')
    await cli('export', '--out', out, '--state', 'open')
    assert.ok(readFileSync(out, 'utf8').startsWith('{"session_id"'))
  })

  it('overwrites nothing, and leaves nothing behind when it fails', async () => {
    const folder = temporaryFolder()
    const there = join(folder, 'there.csv')
    writeFileSync(there, 'mine')
    const refused = await cli('export', '--out', there)
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /there\.csv is there already; name a new file\./)
    assert.equal(readFileSync(there, 'utf8'), 'mine')
    const nowhere = await cli('export', '--out', join(folder, 'no/such/folder.csv'))
    assert.equal(nowhere.code, 1)
    assert.match(nowhere.stderr, /^--out: ENOENT/)
    assert.ok(!existsSync(join(folder, 'no')))
    for (const args of [['--out'], ['--out='], ['--out', '--format', 'csv']]) {
      const unnamed = await cli('export', ...args)
      assert.deepEqual([unnamed.code, unnamed.stdout], [1, ''])
      assert.equal(unnamed.stderr, '--out has no value; give it one, as in --out <file>.\n')
    }
    assert.match((await cli('export', '--format', 'xlsx')).stderr, /^--format must be csv or ndjson\./)
  })
})
