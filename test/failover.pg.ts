/** A service whose PostgreSQL fails over to a replica that had lagged: what its users, its operator and its readers hear. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { durable, duplicate, logged, signIn, until, type ClerkService } from './clerk-service.ts'
import { startPair } from './postgres-replica.ts'
import { entriesIn, readFrom, startOn } from './postgres-services.ts'
import { finished, runCli } from './service.ts'

const state = async (service: ClerkService, session: string) =>
  ((await readFrom(service, `/v1/sessions/${session}`)) as { state?: string } | null)?.state ?? null

describe('a failover to a replica that lagged', () => {
  it('is refused under a running service, and accepted by `rebuild --accept-restore`', async (t) => {
    let service: ClerkService | null = null
    const { network, caughtUp, cutOff, failOver } = await startPair(t, async () => {
      await service?.[Symbol.asyncDispose]()
    })
    service = await startOn(network.url)
    const [kept, lost, during, next] = [signIn(), signIn(), signIn(), signIn()]
    assert.deepEqual(await service.logout(kept), durable)
    await until(async () => (await state(service, kept.session)) === 'requested')
    await caughtUp()
    await cutOff()
    assert.deepEqual(await service.logout(lost), durable)
    await until(async () => (await state(service, lost.session)) === 'requested')
    await failOver()

    await until(async () => {
      assert.deepEqual(await service.logout(during), logged)
      return service.lines.some((line) => line.includes('"trail-rewound"'))
    })
    const refused = await service.line(/"code":"trail-rewound".*logouts cannot be recorded/)
    assert.match(refused, /entry 1 of epoch 0, which was durable, is not there any more/)
    assert.match(refused, /logout-trail rebuild --accept-restore/)
    await service.line(/"movedFrom":.*another PostgreSQL answers than the trail knew/)
    assert.match((await service.notReady()) ?? '', /rebuild --accept-restore/)
    assert.deepEqual(
      (await entriesIn(network.url)).map(({ session_id }) => session_id),
      [kept.session],
    )

    const accepted = await finished(
      runCli(['rebuild', '--accept-restore'], { env: { DATABASE_URL: network.url } }),
    )
    assert.equal(accepted.code, 0, accepted.stderr)
    await until(async () => (await service.logout(next)).record !== 'logged')
    assert.deepEqual(await service.logout(lost), durable)
    assert.deepEqual(await service.logout(during), durable)
    assert.deepEqual(await service.logout(kept), duplicate)
    for (const { session } of [kept, lost, during, next])
      await until(async () => (await state(service, session)) === 'requested')
    assert.deepEqual(
      (await entriesIn(network.url)).map(({ index, session_id }) => [index, session_id]),
      [kept, next, lost, during].map(({ session }, index) => [index, session]),
    )
    assert.equal(await service.notReady(), null)
  })
})
