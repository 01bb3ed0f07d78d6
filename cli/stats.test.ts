import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { history } from '../examples/demo/history.ts'
import { Durations, SessionEndsOverTime, type Overview } from '../api/contract.ts'
import { finished, runCli } from '../test/service.ts'
import { trailOf, type TestTrail } from '../test/views.ts'

const UNTIL = Date.UTC(2026, 10, 20, 12)

let trail: TestTrail
let empty: TestTrail
before(async () => {
  trail = await trailOf(history({ until: UNTIL, days: 40, sessionsADay: 20 }))
  empty = await trailOf([])
})
after(() => Promise.all([trail.close(), empty.close()]))

function stats(...args: string[]) {
  return statsOf(trail, args)
}

function statsOf({ path }: TestTrail, args: string[]) {
  return finished(
    runCli(['stats', ...args], { folder: dirname(path), env: { DATABASE_URL: `file:${path}` } }),
  )
}

describe('logout-trail stats', () => {
  it('draws the ends of each day and why they were, in 80 columns without colours', async () => {
    const { code, stdout, stderr } = await stats('--from', '2026-11-01', '--to', '2026-11-08')
    assert.deepEqual([code, stderr], [0, ''])
    const lines = stdout.trimEnd().split('\n')
    assert.equal(lines[0], 'Session ends from 2026-11-01 to 2026-11-07, UTC')
    assert.match(lines[2] ?? '', /^\d+ ended: \d+ voluntary, \d+ forced\.$/)
    assert.match(lines[3] ?? '', /^In as long a time before: \d+\.$/)
    const days = lines.filter((line) =>
      /^2026-11-\d\d (Mon|Tue|Wed|Thu|Fri|Sat|Sun) +\d+  [█▏▎▍▌▋▊▉]+$/.test(line),
    )
    assert.equal(days.length, 7)
    assert.match(stdout, /\nBy reason:\nsigned-out +\d+  \d\d\.\d %  █+/)
    assert.match(stdout, /\nHow long they lasted, of \d+:\nhalf up to \d+ h.*, 90 % up to .*, 99 % up to /)
    assert.match(stdout, /\nLogouts that Clerk has not confirmed: \d+\. Open sessions: \d+\.\n/)
    assert.match(stdout, /\nOf \d+ that had to be over, \d+ have an end: \d+\.\d %\.\n/)
    for (const line of lines) assert.ok(line.length <= 80, line)
    // oxlint-disable-next-line no-control-regex -- the beginning of a colour
    assert.doesNotMatch(stdout, /\u001b/)
  })

  it('draws the hours of two days, the weeks of a season and the months of years, in the zone that is asked for', async () => {
    const hours = await stats('--from', '2026-11-10', '--to', '2026-11-11', '--tz', 'Asia/Kathmandu')
    assert.equal(hours.stdout.match(/^2026-11-10 \d\d:00 /gm)?.length, 24)
    const weeks = await stats('--from', '2026-08-01', '--to', '2026-11-01')
    assert.match(weeks.stdout, /\nweek of 2026-10-19 +\d+ /)
    const months = await stats('--from', '2020-01-01', '--to', '2026-11-20', '--by', 'device,initiator')
    assert.match(months.stdout, /\n2026-10 +\d+ /)
    assert.match(months.stdout, /\nBy device and initiator:\ndesktop, user /)
  })

  it('gives programs what the API gives', async () => {
    const { stdout } = await stats('--from', '2026-11-01', '--to', '2026-11-08', '--json')
    const found = JSON.parse(stdout) as Record<string, unknown>
    const ends = SessionEndsOverTime.parse(found['session_ends'])
    assert.equal(ends.buckets.length, 7)
    assert.ok(Durations.parse(found['durations']).sessions > 0)
    const { sources, ...overview } = found['overview'] as Overview
    assert.equal(overview.ends.total, ends.total)
    // What only the running service knows is left out.
    assert.deepEqual(Object.keys(sources), [
      'last_logout_at',
      'last_webhook_at',
      'last_sweep_at',
      'records_behind',
    ])
  })

  it('says what to do when nothing ended', async () => {
    const earlier = await stats('--to', '2020-01-01')
    assert.equal(earlier.code, 0)
    assert.match(
      earlier.stdout,
      /^No session ended in this time: --from reaches further back\.\n\d+ sessions are open;/,
    )
    const none = await statsOf(empty, [])
    assert.equal(none.code, 0)
    assert.match(
      none.stdout,
      /^No session ended in this time, and none is open: --from .*\nThe first logout or webhook/,
    )
  })

  it('names the option that is wrong', async () => {
    for (const [args, message] of [
      [['--tz', 'Lisbon'], /^--tz must be a time zone of the IANA/],
      [['--by', 'country'], /^--by must be one or two of/],
      [['--from', 'yesterday'], /^--from must be a time such as/],
      [['--from', '2026-11-02', '--to', '2026-11-01'], /^--from must be before/],
      [['--org-id', 'a b'], /^--org-id must be an id of Clerk/],
      [['--from', '1970-01-01', '--to', '2900-01-01'], /^--from and --to are too far apart/],
      [['--bucket', 'day'], /^Not known here: --bucket day\. stats takes --from/],
    ] as const) {
      const { code, stdout, stderr } = await stats(...args)
      assert.deepEqual([code, stdout], [1, ''], args.join(' '))
      assert.match(stderr, message)
    }
  })

  it('begins where there is anything, and names its own options', async () => {
    const years = await stats('--from', '2020-01-01', '--to', '2026-11-20')
    assert.match(
      years.stdout,
      /^Nothing ended before [A-Z][a-z]+ 2026\.\n|^Nothing ended before 2026-\d\d\.\n/m,
    )
    assert.match(
      (await stats('--from', '2026-11-02', '--to', '2026-11-01')).stderr,
      /^--from must be before --to: --from is/,
    )
    assert.match((await stats('--from', 'soon')).stderr, /^--from must be a time .* midnight in --tz/)
  })

  it('explains each option and its exit codes', async () => {
    const { stdout } = await stats('--help')
    for (const option of ['--from', '--to', '--tz', '--by', '--org-id', '--json'])
      assert.ok(stdout.includes(option), option)
    assert.match(stdout, /Read, whatever was found\.[\s\S]*It cannot be read/)
  })
})
