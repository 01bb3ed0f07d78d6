import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { killAgainAndAgain } from './crash.ts'

describe('the service, killed with -9 under load', () => {
  it('has all that it promised after each of 36 kills, with 1, 16 and 64 connections', async (t) => {
    const report = await killAgainAndAgain({ kills: 36, connections: [1, 16, 64] })

    t.diagnostic(
      `${report.promised} promised, ${report.unanswered} sent without an answer, slowest start ${report.slowestStartMs.toFixed(0)} ms`,
    )
    assert.ok(report.promised > 1000, `${report.promised} logouts were answered: too few to say anything`)
  })
})
