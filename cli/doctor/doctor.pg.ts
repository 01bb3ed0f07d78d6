import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { newDatabase } from '../../test/postgres.ts'
import { finished, runCli } from '../../test/service.ts'
import { open } from '../../test/postgres-trails.ts'
import { logout, NOON } from '../../trail/stores/conformance.ts'

interface Said {
  name: string
  state: string
  found: string
}

async function doctor(url: string): Promise<Map<string, Said>> {
  const env = {
    DATABASE_URL: url,
    CLERK_ISSUER: 'https://clerk.example.com',
    CLERK_JWKS_URL: 'http://127.0.0.1:1/',
  }
  const { stdout, stderr } = await finished(runCli(['doctor', '--json'], { env }))
  assert.ok(stdout.startsWith('{') || stdout.startsWith('['), stdout + stderr)
  assert.doesNotMatch(stdout + stderr, /password of the tests|a%20password/)
  const { checks } = JSON.parse(stdout) as { checks: Said[] }
  return new Map(checks.map((check) => [check.name, check]))
}

describe('logout-trail doctor, of a PostgreSQL', () => {
  it('knows its server, its trail and its records, and nothing of files', async (t) => {
    const url = await newDatabase(t)
    const store = await open(t, url)
    await store.append([logout(1), logout(2)], NOON)
    await finished(runCli(['rebuild'], { env: { DATABASE_URL: url } }))
    const said = await doctor(url)
    assert.match(said.get('server')?.found ?? '', /^PostgreSQL \d+.*connections in use/)
    assert.match(said.get('service')?.found ?? '', /^none writes the session records now/)
    assert.match(
      said.get('trail')?.found ?? '',
      /^2 entries in postgres:\/\/127\.0\.0\.1:\d+\/\w+, schema version 1/,
    )
    assert.match(said.get('session records')?.found ?? '', /^of 2 entries, version \d+, not behind the trail/)
    assert.match(said.get('disk')?.found ?? '', /^trail [\d.]+ kB, records [\d.]+ kB/)
    for (const name of ['permissions', 'write-ahead log']) assert.ok(!said.has(name), name)
  })

  it('says what is there before the first start', async (t) => {
    const said = await doctor(await newDatabase(t))
    assert.match(said.get('trail')?.found ?? '', /^none yet at postgres:/)
    assert.equal(said.get('session records')?.found, 'none yet')
  })

  it('says why it cannot be asked', async () => {
    const said = await doctor('postgres://me:a%20password@127.0.0.1:1/none')
    assert.equal(said.get('server')?.state, 'wrong')
    assert.match(said.get('server')?.found ?? '', /PostgreSQL at 127\.0\.0\.1:1\/none/)
    assert.match(said.get('service')?.found ?? '', /^not known/)
  })
})
