import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import type { LogoutEvent, LogoutRecord } from './logout-event.ts'
import { logoutLog } from './logout-log.ts'

function event(record: LogoutRecord, timestamp = '2026-11-23T12:00:00.000Z'): LogoutEvent {
  return { event: 'user_logout', timestamp, record, request_id: '0'.repeat(32) }
}

describe('the log of logouts', () => {
  it('writes every line that names a person, durable or logged, however many', () => {
    const lines: object[] = []
    const log = logoutLog((line) => lines.push(line))

    for (let at = 0; at < 1000; at += 1) log.write(event(at % 2 === 0 ? 'durable' : 'logged'))

    assert.equal(lines.length, 1000)
  })

  it('writes the first 100 lines that anyone can cause, then one summary of the rest', () => {
    const lines: object[] = []
    const log = logoutLog((line) => lines.push(line))

    for (let at = 0; at < 150; at += 1) log.write(event('anonymous'))
    for (let at = 0; at < 50; at += 1) log.write(event('duplicate'))
    log.flush()

    assert.equal(lines.length, 101)
    assert.equal(
      JSON.stringify(lines.at(-1)),
      '{"event":"user_logout_summary","timestamp":"2026-11-23T12:00:00.000Z","seconds":10,"anonymous":50,"duplicate":50,"logged":0}',
    )
  })

  it('limits logged lines too when they name nobody, because no key can be had', () => {
    const lines: object[] = []
    const log = logoutLog((line) => lines.push(line))

    for (let at = 0; at < 150; at += 1) log.write({ ...event('logged'), refused: 'key-unavailable' })
    log.flush()

    assert.equal(lines.length, 101)
    assert.match(JSON.stringify(lines.at(-1)), /"anonymous":0,"duplicate":0,"logged":50/)
  })

  it('writes no summary when nothing was left out', () => {
    const lines: object[] = []
    const log = logoutLog((line) => lines.push(line))

    log.write(event('anonymous'))
    log.flush()
    log.flush()

    assert.equal(lines.length, 1)
  })

  it('writes the summary by itself when the ten seconds are over, and 100 lines again after that', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    let clock = 0
    mock.method(performance, 'now', () => clock)
    t.after(() => mock.restoreAll())
    const lines: object[] = []
    const log = logoutLog((line) => lines.push(line))
    for (let at = 0; at < 101; at += 1) log.write(event('anonymous'))

    clock = 10_000
    t.mock.timers.tick(10_000)
    const afterWindow = lines.length
    for (let at = 0; at < 101; at += 1) log.write(event('anonymous'))

    assert.equal(afterWindow, 101)
    assert.equal(lines.length, 201)
  })

  it('writes the summary with the next event where no timer fires', (t) => {
    let clock = 0
    t.mock.method(performance, 'now', () => clock)
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const lines: { event: string }[] = []
    const log = logoutLog((line) => lines.push(line))
    for (let at = 0; at < 101; at += 1) log.write(event('anonymous'))

    clock = 10_001
    log.write(event('anonymous', '2026-11-23T12:00:10.001Z'))

    assert.deepEqual(
      lines.slice(100).map((line) => line.event),
      ['user_logout_summary', 'user_logout'],
    )
  })
})
