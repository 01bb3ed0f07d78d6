import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { killedAgainAndAgain, lives, livesThrough } from '../../test/trail-lives.ts'
import { openInThisThread, openWithItsThread } from '../../test/trail-openings.ts'

describe('what was answered is there once, at its index, and nothing is half done', () => {
  it('after the writer, or the power, stops at any step', async () => {
    await fc.assert(fc.asyncProperty(lives, livesThrough(openInThisThread)), { numRuns: 200 })
  })

  it('after the writing thread stops at any step', async () => {
    await fc.assert(fc.asyncProperty(lives, livesThrough(openWithItsThread)), { numRuns: 10 })
  })

  it('after the process is killed at any step', async () => {
    await fc.assert(fc.asyncProperty(lives, killedAgainAndAgain), { numRuns: 5 })
  })
})
