/** PostgreSQL over TLS: a server is believed when its certificate is signed by the CA that `DATABASE_URL` names. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { newDatabase, newFolder, runAs, startPostgres } from '../../test/postgres.ts'
import { open, query } from '../../test/postgres-trails.ts'
import { postgresViews } from '../../session-ends/views-postgres.ts'
import { TrailError } from '../error.ts'
import { durable, ISSUER, logout, NOON, rejectsWith } from './conformance.ts'
import { openPostgresStore } from './postgres.ts'

const SETTINGS = `
[req]
distinguished_name = none
[none]
[ca]
basicConstraints = critical, CA:TRUE
[host]
basicConstraints = CA:FALSE
subjectAltName = DNS:localhost
`

/** A CA, and a certificate of `localhost` that it signed, made by the user that PostgreSQL runs as: a key is nobody else’s. */
function newCertificates() {
  const folder = newFolder()
  writeFileSync(join(folder, 'settings'), SETTINGS)
  const openssl = (line: string) => {
    const done = spawnSync('openssl', line.split(' '), { ...runAs, cwd: folder, encoding: 'utf8' })
    assert.equal(done.status, 0, `openssl, which this test needs: ${done.error?.message ?? done.stderr}`)
  }
  const newKey = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -config settings'
  openssl(`req -x509 -extensions ca ${newKey} -subj /CN=ca -keyout ca.key -out ca.pem`)
  openssl(`req -new ${newKey} -subj /CN=server -keyout server.key -out request`)
  openssl(
    'x509 -req -in request -CA ca.pem -CAkey ca.key -set_serial 1 -days 2 -extfile settings -extensions host -out server.pem',
  )
  return folder
}

describe('TLS to PostgreSQL', () => {
  it('is verified by the CA that DATABASE_URL names, and refused without it or by another name', async (t) => {
    const folder = newCertificates()
    const [certificate, key] = ['server.pem', 'server.key'].map((name) => join(folder, name))
    const settings = ['ssl=on', `ssl_cert_file=${certificate}`, `ssl_key_file=${key}`]
    const server = await startPostgres({ settings })
    t.after(async () => {
      await server.end()
      rmSync(folder, { recursive: true })
    })
    const database = await newDatabase(t, server)
    const at = (hostname: string, parameters: string) =>
      `${Object.assign(new URL(database), { hostname }).href}?sslmode=verify-full${parameters}`
    const byCa = `&sslrootcert=${join(folder, 'ca.pem')}`

    const store = await open(t, at('localhost', byCa))
    assert.deepEqual(await store.append([logout(0)], NOON), [durable(0)])
    const connections = await query(
      database,
      `SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
       WHERE datname = current_database() AND application_name = 'logout-trail'`,
    )
    assert.deepEqual(connections, [{ ssl: true }, { ssl: true }])

    const refused = async (url: string, message: RegExp) => {
      const opening = openPostgresStore({ url, issuer: ISSUER })
      assert.match((await rejectsWith('trail-unavailable', opening)).message, message)
    }
    await refused(at('localhost', ''), /unable to verify the first certificate/)
    await assert.rejects(
      postgresViews({ url: at('localhost', '&sslrootcert=/nowhere/ca.pem') }).atOneMoment(async () => null),
      (error) =>
        error instanceof TrailError &&
        /no such file or directory, open '\/nowhere\/ca\.pem'/.test(error.message),
    )
    await refused(at('127.0.0.1', byCa), /IP: 127\.0\.0\.1 is not in the cert/)
  })
})
