import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { killAgainAndAgain, seedOfThisRun } from './crash.ts'

describe('the service, killed with kill -9 under load', () => {
  it('has lost nothing that it promised, doubled nothing, and starts again without help, five times', async (t) => {
    const seed = seedOfThisRun()

    const report = await killAgainAndAgain({ kills: 5, connections: [16, 64, 1], seed })

    t.diagnostic(`seed ${seed}: ${JSON.stringify(report)}`)
    assert.ok((report.outcomes['durable'] ?? 0) > 12, 'there was a load')
  })
})
