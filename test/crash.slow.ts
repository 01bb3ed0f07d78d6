import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { killAgainAndAgain, seedOfThisRun } from './crash.ts'

describe('the service, killed with kill -9 under load', () => {
  it('has lost nothing that it promised, doubled nothing, and starts again without help, 36 times', async (t) => {
    const seed = seedOfThisRun()

    const report = await killAgainAndAgain({ kills: 36, connections: [1, 16, 64], seed })

    t.diagnostic(`seed ${seed}: ${JSON.stringify(report)}`)
    assert.ok((report.outcomes['durable'] ?? 0) > 1000, 'there was a load')
    assert.ok(
      report.cutShort.filter((requests) => requests > 0).length > 18,
      'most kills struck while requests were under way',
    )
  })
})
