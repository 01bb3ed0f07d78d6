import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pino } from 'pino'
import { postgresLog } from './postgres-log.ts'

function open() {
  const said: string[] = []
  const write = (line: string) => {
    const { level, msg } = JSON.parse(line) as { level: number; msg: string }
    said.push(`${pino.levels.labels[level]}: ${msg.split(/[:;]/)[0]}`)
  }
  return { said, log: postgresLog(pino({}, { write }), 250) }
}

const server = { version: '18.4', synchronousCommit: 'on', systemId: '1', timeline: 1 }

describe('what the log says of a PostgreSQL', () => {
  it('is once that it is slow, and once that it is not any more', () => {
    const { said, log } = open()
    for (const durationMs of [3, 251, 900, 20, 20]) log.committed(durationMs)
    log.committed(900)
    assert.deepEqual(said, [
      'warn: PostgreSQL takes longer than 250 ms to commit',
      'info: PostgreSQL commits in time again',
    ])
  })

  it('is once, and not with each connection, that its commits do not reach the disk', () => {
    const { said, log } = open()
    for (const fsync of ['on', 'off', 'off'] as const)
      log.store.onOpen?.({ ...server, fsync, movedFrom: null })
    assert.deepEqual(said, ['warn: PostgreSQL runs with fsync=off'])
  })

  it('is that another server answers', () => {
    const { said, log } = open()
    log.store.onOpen?.({ ...server, fsync: 'on', movedFrom: { systemId: '2', timeline: 1 } })
    assert.deepEqual(said, ['warn: another PostgreSQL answers than the trail knew'])
  })

  it('is not with each append that there is no room ahead', () => {
    const { said, log } = open()
    for (let times = 0; times < 100; times += 1) log.store.onTrouble?.(new Error('no space'))
    assert.deepEqual(said, ['error: PostgreSQL cannot make room for entries ahead'])
  })

  it('is which process writes the session records', () => {
    const { said, log } = open()
    log.views.onTurn?.()
    log.views.onTurnOver?.()
    assert.deepEqual(said, [
      'info: this process writes the session records from now on',
      'info: this process does not write the session records any more',
    ])
  })
})
