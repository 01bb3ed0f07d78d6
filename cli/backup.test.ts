import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { finished, runCli, temporaryFolder } from '../test/service.ts'

const cases: [of: string, url: string, dbname: string][] = [
  ['as it is', 'postgres://me:hunter2%20@db.example:6432/trail', 'postgres://me@db.example:6432/trail'],
  [
    'with the files of TLS, and not what pg alone knows',
    'postgres://me:hunter2@db.example/trail?sslmode=verify-full&sslrootcert=/etc/ca.pem&password=hunter2&uselibpqcompat=true',
    "'postgres://me@db.example/trail?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem'",
  ],
  [
    'with a mode that pg alone knows',
    'postgresql://o%27hara@db.example/trail?sslmode=no-verify',
    "'postgresql://o%27hara@db.example/trail'",
  ],
]

describe('logout-trail backup, of a trail in PostgreSQL', () => {
  for (const [of, url, dbname] of cases) {
    it(`copies nothing, and says what does, without the password: an address ${of}`, async () => {
      const file = join(temporaryFolder(), "tonight's.dump")
      const { code, stdout, stderr } = await finished(
        runCli(['backup', file], { env: { DATABASE_URL: url } }),
      )
      assert.equal(code, 1)
      assert.equal(stdout, '')
      const quoted = `'${file.replace("'", `'\\''`)}'`
      const line = `pg_dump --schema=logout_trail --format=custom --file=${quoted} --dbname=${dbname}`
      assert.deepEqual(
        stderr.split('\n').filter((said) => said.includes('pg_dump')),
        [`  ${line}`],
      )
      assert.match(stderr, /PGPASSWORD or from ~\/\.pgpass/)
      assert.doesNotMatch(stderr, /hunter2/)
      assert.ok(!existsSync(file))
    })
  }
})
