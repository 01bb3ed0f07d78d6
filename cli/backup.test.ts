import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { finished, runCli } from '../test/service.ts'

describe('logout-trail backup of a trail in PostgreSQL', () => {
  it('gives the line to run instead, without the password', async () => {
    const url = 'postgres://me:hunter2@db.example:5433/trail?sslmode=require&password=hunter2'
    const { code, stderr } = await finished(
      runCli(['backup', "Monday's copy.dump"], { env: { DATABASE_URL: url } }),
    )
    assert.notEqual(code, 0)
    assert.ok(
      stderr.includes(
        String.raw`pg_dump --schema=logout_trail --format=custom --file='Monday'\''s copy.dump' 'postgres://me@db.example:5433/trail?sslmode=require' `,
      ),
      stderr,
    )
    assert.doesNotMatch(stderr, /hunter2/)
  })
})
