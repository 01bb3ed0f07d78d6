/** The clock of the machine jumps back while the app runs on a real SQLite trail. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TrailStore } from '../trail/store.ts'
import { openTestApp } from './app.ts'
import { TOKEN_TIME } from './clerk-instance.ts'

const HOUR_MS = 3_600_000
const EARLIER = TOKEN_TIME - HOUR_MS

/** The claims of a token for this session, issued at `ms` and good for a minute. */
function issuedAt(ms: number, sid: string): Record<string, unknown> {
  const iat = ms / 1000
  return { sid, iat, nbf: iat - 10, exp: iat + 60 }
}

/** The app, and a clock that a test can set. */
async function openWithClock(wrapStore = (store: TrailStore): TrailStore => store) {
  const clock = { ms: TOKEN_TIME }
  const opened = await openTestApp({ now: () => clock.ms, confirmWithinMs: 300, wrapStore })
  const recordOf = async (token: string) => (await opened.logout(token)).headers.get('logout-record')
  return { ...opened, clock, recordOf }
}

describe('the clock that jumps back an hour', () => {
  it('leaves the indexes in order of arrival, each entry with the time that the clock had', async () => {
    await using app = await openWithClock()
    const [before, after] = [issuedAt(TOKEN_TIME, 'sess_before'), issuedAt(EARLIER, 'sess_after')]
    assert.equal(await app.recordOf(app.clerk.token(before)), 'durable')

    app.clock.ms = EARLIER

    assert.equal(await app.recordOf(app.clerk.token(after)), 'durable')
    assert.deepEqual(
      (await app.entries()).map(({ index, session_id, occurred_at, recorded_at }) => [
        index,
        session_id,
        occurred_at,
        recorded_at,
      ]),
      [
        [0, 'sess_before', TOKEN_TIME, TOKEN_TIME],
        [1, 'sess_after', EARLIER, EARLIER],
      ],
    )
  })

  it('is what tokens are judged by from then on', async () => {
    await using app = await openWithClock()
    const ofBefore = app.clerk.token(issuedAt(TOKEN_TIME, 'sess_before'))
    const expired = app.clerk.token(issuedAt(EARLIER, 'sess_expired'))
    const validAgain = app.clerk.token(issuedAt(EARLIER, 'sess_valid_again'))
    assert.equal(await app.recordOf(expired), 'durable')

    app.clock.ms = EARLIER

    assert.equal(await app.recordOf(validAgain), 'durable')
    assert.equal(await app.recordOf(ofBefore), 'anonymous')
    assert.match(app.lines.at(-1) ?? '', /"refused":"not-yet-valid"/)
    assert.deepEqual(
      (await app.entries()).map(({ session_id, token_state }) => [session_id, token_state]),
      [
        ['sess_expired', 'expired'],
        ['sess_valid_again', 'valid'],
      ],
    )
  })

  it('makes no second entry of a logout sent before and after', async () => {
    await using app = await openWithClock()
    const token = app.clerk.token({ ...issuedAt(EARLIER, 'sess_twice'), exp: TOKEN_TIME / 1000 + 60 })
    assert.equal(await app.recordOf(token), 'durable')

    app.clock.ms = EARLIER

    assert.equal(await app.recordOf(token), 'duplicate')
    assert.equal((await app.entries()).length, 1)
  })

  it('does not lengthen the wait for a store that hangs', { timeout: 10_000 }, async () => {
    const store = Promise.withResolvers<void>()
    await using app = await openWithClock((real) => ({
      append: async (batch, recordedAt) => {
        await store.promise
        return real.append(batch, recordedAt)
      },
      read: (after, limit) => real.read(after, limit),
      head: () => real.head(),
      check: () => real.check(),
      close: () => real.close(),
    }))
    const answer = app.recordOf(app.clerk.token(issuedAt(TOKEN_TIME, 'sess_waiting')))

    app.clock.ms = EARLIER

    assert.equal(await answer, 'logged')
    store.resolve()
  })
})
