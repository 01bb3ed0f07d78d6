import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { killAgainAndAgain } from './crash.ts'

describe('the service, killed with -9 under load', () => {
  it('has all that it promised after each of five kills, once, and starts again without help', async () => {
    const { promised } = await killAgainAndAgain({ kills: 5, connections: [16, 64] })

    assert.ok(promised > 100, `${promised} logouts were answered: too few to say anything`)
  })
})
