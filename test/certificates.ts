/** Certificates for the servers of tests, made with `openssl` by the user that PostgreSQL runs as. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newFolder, runAs } from './postgres.ts'

/** Paths of PEM files. */
export interface Certificate {
  certificate: string
  key: string
}

export interface Certificates {
  folder: string
  /** Where a server finds the one that it shows. */
  shown: Certificate
  ca: Certificate
  /** Signed by the CA. `days` below 0: it has expired. */
  ofHost: (host: string, days?: number) => Certificate
  /** Signed by nobody else. */
  selfSigned: (host: string) => Certificate
  /** A server shows it once it starts or reads its configuration again. */
  show: (certificate: Certificate) => void
}

const SETTINGS = `
[req]
distinguished_name = none
[none]
[ca]
basicConstraints = critical, CA:TRUE
[host]
basicConstraints = CA:FALSE
subjectAltName = \${ENV::HOST}
`

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** In a folder of its own, which whoever asked for it removes. */
export function newCertificates(): Certificates {
  const folder = newFolder()
  writeFileSync(join(folder, 'settings'), SETTINGS)
  let made = 0

  const run = (program: 'openssl' | 'cp', args: string[], host = 'localhost') => {
    const env = { HOST: `DNS:${host}`, PATH: process.env['PATH'] }
    const done = spawnSync(program, args, { ...runAs, cwd: folder, env, encoding: 'utf8' })
    assert.equal(done.status, 0, `${program}, which this test needs: ${done.error?.message ?? done.stderr}`)
  }
  const openssl = (args: string[], host?: string) => run('openssl', args, host)
  const files = (name: string) => ({
    certificate: join(folder, `${name}.pem`),
    key: join(folder, `${name}.key`),
  })
  const signedByItself = (name: string, extensions: string, host?: string) => {
    const { certificate, key } = files(name)
    const request = ['req', '-x509', '-config', 'settings', '-extensions', extensions, ...NEW_KEY]
    openssl([...request, '-subj', `/CN=${name}`, '-keyout', key, '-out', certificate], host)
    return { certificate, key }
  }
  const ca = signedByItself('ca', 'ca')
  const shown = files('shown')
  return {
    folder,
    shown,
    ca,
    ofHost: (host, days = 2) => {
      const serial = (made += 1)
      const { certificate, key } = files(`host-${serial}`)
      const request = ['req', '-new', '-config', 'settings', ...NEW_KEY, '-subj', '/CN=server']
      openssl([...request, '-keyout', key, '-out', 'request'], host)
      const by = [
        '-CA',
        ca.certificate,
        '-CAkey',
        ca.key,
        '-set_serial',
        String(serial),
        '-days',
        String(days),
      ]
      const extensions = ['-extfile', 'settings', '-extensions', 'host']
      openssl(['x509', '-req', '-in', 'request', ...by, ...extensions, '-out', certificate], host)
      return { certificate, key }
    },
    selfSigned: (host) => signedByItself('alone', 'host', host),
    show: ({ certificate, key }) => {
      run('cp', [certificate, shown.certificate])
      run('cp', [key, shown.key])
    },
  }
}
