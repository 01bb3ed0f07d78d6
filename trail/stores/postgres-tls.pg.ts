/** PostgreSQL over TLS: a certificate is believed when its CA is known and it is the host’s, and else nothing is sent. */
import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { inspect } from 'node:util'
import { sql } from 'kysely'
import { VIEWS_SCHEMA, viewsSchemaSql } from '../../session-ends/views-postgres-schema.ts'
import { postgresViews } from '../../session-ends/views-postgres.ts'
import { viewsVersion } from '../../session-ends/views-schema.ts'
import { newCertificates, type Certificate, type Certificates } from '../../test/certificates.ts'
import { newDatabase, startPostgres, type PostgresServer } from '../../test/postgres.ts'
import { open, query, until } from '../../test/postgres-trails.ts'
import { TrailError } from '../error.ts'
import { durable, ISSUER, logout, NOON, rejectsWith } from './conformance.ts'
import { openPostgresReader } from './postgres-reader.ts'
import { openPostgresStore } from './postgres.ts'

let server: PostgresServer
let certificates: Certificates
/** Of `localhost`, signed by the CA. */
let good: Certificate

before(async () => {
  certificates = newCertificates()
  good = certificates.ofHost('localhost')
  certificates.show(good)
  const { certificate, key } = certificates.shown
  const settings = ['ssl=on', `ssl_cert_file=${certificate}`, `ssl_key_file=${key}`]
  server = await startPostgres({ settings })
})

after(async () => {
  await server.end()
  rmSync(certificates.folder, { recursive: true, force: true })
})

/** By a name that is in the certificate. */
function atLocalhost(url: string, parameters: string): string {
  return `${Object.assign(new URL(url), { hostname: 'localhost' }).href}?${parameters}`
}

const withCa = (mode = 'verify-full') => `sslmode=${mode}&sslrootcert=${certificates.ca.certificate}`

/** Records with nothing in them. */
async function recordsIn(url: string): Promise<void> {
  await query(url, Object.values(viewsSchemaSql()).join('\n'))
  await query(url, `INSERT INTO ${VIEWS_SCHEMA}.position VALUES (1, ${viewsVersion}, 'trail', 0, 0, '')`)
}

async function readRecords(url: string): Promise<number | null> {
  const views = postgresViews({ url })
  try {
    return await views.atOneMoment(async (rows) => {
      const [row] = await rows.all(sql<{ n: number }>`SELECT count(*) AS n FROM sessions`)
      return row?.n ?? -1
    })
  } finally {
    await views.close()
  }
}

/** Whoever connects: each is refused with these words, and none tells the password. */
async function refused(url: string, message: RegExp): Promise<void> {
  const { password } = new URL(url)
  for (const connecting of [
    () => openPostgresStore({ url, issuer: ISSUER }),
    () => openPostgresReader(url),
    () => readRecords(url),
  ]) {
    const error = await rejectsWith('trail-unavailable', connecting())
    assert.match(error.message, message)
    const everything = inspect(error, { depth: null, showHidden: true })
    for (const secret of [password, decodeURIComponent(password)]) assert.ok(!everything.includes(secret))
  }
}

/** The server shows another certificate until the test ends. */
async function show(t: TestContext, certificate: Certificate, code: string): Promise<void> {
  const reload = async (shown: Certificate) => {
    certificates.show(shown)
    await query(server.url, 'SELECT pg_reload_conf()')
  }
  const seen = async () => {
    const url = atLocalhost(server.url, withCa())
    const error: unknown = await openPostgresReader(url).then(
      (reader) => reader.close(),
      (reason: unknown) => reason,
    )
    return error instanceof TrailError ? (error.cause as { code?: string } | undefined)?.code : null
  }
  await reload(certificate)
  t.after(async () => {
    await reload(good)
    await until('the good one is shown', async () => (await seen()) !== code)
  })
  await until(`what is shown is ${code}`, async () => (await seen()) === code)
}

describe('TLS to PostgreSQL', () => {
  it('verifies the server by the CA that DATABASE_URL names, for each that connects', async (t) => {
    const admin = await newDatabase(t, server)
    await recordsIn(admin)
    const url = atLocalhost(admin, withCa())
    const store = await open(t, url)
    assert.deepEqual(await store.append([logout(0)], NOON), [durable(0)])
    const reader = await openPostgresReader(url)
    t.after(() => reader.close())
    assert.equal((await reader.head()).nextIndex, 1)
    const views = postgresViews({ url })
    t.after(() => views.close())
    assert.equal(await views.atOneMoment(async () => 'read'), 'read')
    const connections = await query(
      admin,
      `SELECT ssl, version LIKE 'TLSv1._' AS tls FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
       WHERE datname = current_database() AND application_name LIKE 'logout-trail%'`,
    )
    // To append, to read beside that, the reader, and the records.
    assert.deepEqual(
      connections,
      Array.from({ length: 4 }, () => ({ ssl: true, tls: true })),
    )
  })

  it('is refused without the CA, and says where to name it', async () => {
    await refused(
      atLocalhost(server.url, 'sslmode=verify-full'),
      /unable to verify the first certificate; name .* in DATABASE_URL, as `\?sslmode=verify-full&sslrootcert=/,
    )
  })

  it('is refused by another name than the certificate has', async () => {
    await refused(
      `${server.url}?${withCa()}`,
      /IP: 127\.0\.0\.1 .*; let DATABASE_URL name the host as the certificate/,
    )
  })

  it('is refused once the certificate has expired', async (t) => {
    await show(t, certificates.ofHost('localhost', -1), 'CERT_HAS_EXPIRED')
    await refused(atLocalhost(server.url, withCa()), /expired; renew it on the server/)
  })

  it('is refused with a certificate that is signed by itself, unless DATABASE_URL names that', async (t) => {
    const alone = certificates.selfSigned('localhost')
    await show(t, alone, 'DEPTH_ZERO_SELF_SIGNED_CERT')
    await refused(atLocalhost(server.url, withCa()), /signed by itself: name a copy of it in DATABASE_URL/)
    const named = atLocalhost(server.url, `sslmode=verify-full&sslrootcert=${alone.certificate}`)
    await readRecords(named)
  })

  it('is refused with a file of certificates that is none, or not there', async () => {
    const none = join(certificates.folder, 'none.pem')
    writeFileSync(none, 'no certificate')
    await refused(
      atLocalhost(server.url, `sslmode=verify-full&sslrootcert=${none}`),
      /name the certificate of the CA|sslrootcert/,
    )
    await refused(
      atLocalhost(server.url, 'sslmode=verify-full&sslrootcert=/nowhere/ca.pem'),
      /The file of sslrootcert= in DATABASE_URL cannot be read \(ENOENT.*'\/nowhere\/ca\.pem'/,
    )
  })

  for (const mode of ['require', 'prefer', 'verify-ca']) {
    it(`verifies with sslmode=${mode} as with verify-full, and pg warns of nothing`, async (t) => {
      const warnings: Error[] = []
      const listen = (warning: Error) => warnings.push(warning)
      process.on('warning', listen)
      t.after(() => process.off('warning', listen))
      await refused(atLocalhost(server.url, `sslmode=${mode}`), /sslrootcert/)
      await refused(`${server.url}?${withCa(mode)}`, /name the host as the certificate does/)
      await open(t, atLocalhost(await newDatabase(t, server), withCa(mode)))
      assert.deepEqual(warnings, [])
    })
  }

  it('is asked for where the server lets nobody in without it', async (t) => {
    const url = await newDatabase(t, server)
    const rules = join(server.data, 'pg_hba.conf')
    const name = new URL(url).pathname.slice(1)
    writeFileSync(rules, `hostnossl ${name} all 127.0.0.1/32 reject\n${readFileSync(rules, 'utf8')}`)
    await query(server.url, 'SELECT pg_reload_conf()')
    const isLetIn = () =>
      query(url, 'SELECT 1').then(
        () => true,
        () => false,
      )
    await until('it lets nobody in', async () => !(await isLetIn()))
    await refused(url, /no encryption; the server wants TLS: add `\?sslmode=verify-full` to DATABASE_URL/)
    await open(t, atLocalhost(url, withCa()))
  })
})
