/** Dockerfile, compose.yaml and Caddyfile, as far as reading them tells; `container.slow.ts` runs the image. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { DCLinter } from 'dclint'
import { validate } from 'dockerfile-utils'
import { parse } from 'yaml'
import { fileTwins, readConfig, variables } from '../api/config.ts'
import packageJson from '../package.json' with { type: 'json' }
import { testClerk } from './clerk-instance.ts'
import { contextFiles, isIgnored, stagesOf, type Step } from './dockerfile.ts'
import { blocksOf, read, ROOT } from './documents.ts'

const stages = stagesOf()
const last: Step[] = stages.at(-1)?.instructions ?? []

describe('Dockerfile', () => {
  it('has nothing that a linter of Dockerfiles complains of', () => {
    assert.deepEqual(validate(read('Dockerfile')), [])
  })

  it('builds on one base, whose version is exact and is the Node of the tests', () => {
    const bases = new Set(stages.map(({ base }) => base))
    assert.deepEqual([...bases], [`node:${packageJson.devDependencies.node}-trixie-slim`])
  })

  it('copies only what is there', () => {
    const files = contextFiles()
    const names = new Set(stages.map(({ name }) => name))
    for (const step of stages.flatMap(({ instructions }) => instructions)) {
      if (step.does !== 'COPY') continue
      if (step.from !== null) assert.ok(names.has(step.from), step.from)
      else for (const source of step.sources) assert.ok(source === '.' || files.includes(source), source)
    }
  })

  it('starts the service as another user than root, itself and not under a shell or npm', () => {
    const order = last.map(({ does }) => does)
    const user = last.findLast((step) => step.does === 'USER')
    assert.match(String(user?.text), /^[1-9]\d*:[1-9]\d*$/)
    assert.ok(order.lastIndexOf('USER') < order.indexOf('ENTRYPOINT'))
    assert.deepEqual(
      last
        .filter(({ does }) => does === 'ENTRYPOINT' || does === 'CMD')
        .map((step) => 'command' in step && step.command),
      [['node', `/app/${packageJson.bin['logout-trail'].slice(2)}`], ['start']],
    )
  })

  it('sets no secret, and nothing that the service does not read', () => {
    const { PORT, HOST, DATABASE_URL, ...others } = environmentOf(last)
    assert.deepEqual([PORT, HOST, DATABASE_URL], ['8787', '0.0.0.0', 'file:/data/trail.db'])
    assert.deepEqual(Object.keys(others), ['NODE_ENV', 'NODE_COMPILE_CACHE'])
  })

  it('is checked by Docker, and has a volume where the trail is', () => {
    assert.equal(last.filter(({ does }) => does === 'HEALTHCHECK').length, 1)
    assert.deepEqual(
      last.filter((step) => step.does === 'VOLUME').map(({ text }) => text),
      ['/data'],
    )
  })
})

describe('.dockerignore', () => {
  it('lets through what the build needs, and no settings, secrets, data or tests', () => {
    for (const path of ['api/main.ts', 'dashboard/index.html', 'package-lock.json', '.npmrc', 'LICENSE'])
      assert.ok(!isIgnored(path), path)
    for (const path of [
      '.env',
      '.git/config',
      'data/trail.db',
      'secrets/reader_api_keys',
      'api/.env',
      'api/app.test.ts',
      'node_modules/hono/package.json',
      'dist/index.js',
    ])
      assert.ok(isIgnored(path), path)
  })
})

interface Service {
  image: string
  profiles?: string[]
  environment?: Record<string, string>
  secrets?: string[]
  volumes?: string[]
  tmpfs?: string[]
  ports?: string[]
  networks?: string[] | Record<string, unknown>
  depends_on?: string[] | Record<string, { condition: string }>
  read_only?: boolean
  cap_drop?: string[]
  security_opt?: string[]
  command?: string[]
}

interface Compose {
  services: Record<string, Service>
  networks: Record<string, { ipam?: { config: { subnet: string }[] } } | null>
  volumes: Record<string, unknown>
  secrets: Record<string, { file: string }>
}

const compose = parse(read('compose.yaml'), { merge: true }) as Compose
const services = Object.entries(compose.services)
const ours = services.filter(([, { image }]) => image.startsWith('logout-trail:'))

describe('compose.yaml', () => {
  it('is what the Compose specification allows, and what a linter of it asks for', () => {
    const linter = new DCLinter({
      rules: {
        // Ours is ordered for who reads it.
        'service-keys-order': 0,
        'services-alphabetical-order': 0,
        'top-level-properties-order': 0,
        'no-quotes-in-volumes': 0,
        // The test of ports below knows who may.
        'no-unbound-port-interfaces': 0,
      },
      quiet: false,
      debug: false,
      exclude: [],
    })
    const [result] = linter.lintFiles([join(ROOT, 'compose.yaml')], false)
    assert.deepEqual(result?.messages ?? [], [])
  })

  it('has one process on SQLite, or three on PostgreSQL behind Caddy', () => {
    const names = (profile: string) =>
      services.filter(([, { profiles }]) => profiles?.includes(profile)).map(([name]) => name)
    assert.deepEqual(names('sqlite'), ['sqlite'])
    assert.deepEqual(names('postgres'), [
      'service-1',
      'service-2',
      'service-3',
      'migrate',
      'postgres',
      'caddy',
    ])
    assert.equal(names('sqlite').length + names('postgres').length, services.length)
  })

  it('pins each image, ours at the version of the package', () => {
    for (const [name, { image }] of services) assert.match(image, /^[a-z-]+:\d+\.\d+[\w.-]*$/, name)
    for (const [, { image }] of ours) assert.equal(image, `logout-trail:${packageJson.version}`)
  })

  it('lets no container write beside its volumes, or gain rights', () => {
    for (const [name, service] of services) {
      assert.equal(service.read_only, true, name)
      assert.deepEqual([service.cap_drop, service.security_opt], [['ALL'], ['no-new-privileges:true']], name)
    }
  })

  it('sets only what the service reads, each secret by its file', () => {
    const files = fileTwins.map((name) => `${name}_FILE`)
    const known: readonly string[] = [...variables, ...files]
    for (const [name, { environment = {}, secrets = [] }] of ours) {
      for (const variable of Object.keys(environment))
        assert.ok(known.includes(variable), `${name}: ${variable}`)
      assert.deepEqual(
        fileTwins.filter((twin) => twin in environment),
        [],
        name,
      )
      const read = Object.entries(environment).filter(([variable]) => variable.endsWith('_FILE'))
      assert.deepEqual(
        read.map(([, path]) => path).toSorted(),
        secrets.map((one) => `/run/secrets/${one}`).toSorted(),
      )
    }
  })

  it('gives the service settings that it takes', () => {
    const filled = { CLERK_PUBLISHABLE_KEY: testClerk().publishableKey }
    for (const [, { environment = {} }] of ours) {
      const given = Object.entries(environment).filter(([name]) => !name.endsWith('_FILE'))
      const values = given.map(([name, text]) => [name, text.replace(/\$\{\w+:-([^}]*)\}/, '$1')])
      const config = readConfig({ ...(Object.fromEntries(values) as Record<string, string>), ...filled })
      assert.equal(config.trustedProxies.length, 1)
    }
  })

  it('declares what its services name, and nothing else', () => {
    const used = (pick: (service: Service) => string[]) =>
      [...new Set(services.flatMap(([, service]) => pick(service)))].toSorted()
    const namesOf = (list: string[] | Record<string, unknown> = []) =>
      Array.isArray(list) ? list : Object.keys(list)
    assert.deepEqual(
      used(({ secrets }) => secrets ?? []),
      Object.keys(compose.secrets).toSorted(),
    )
    assert.deepEqual(
      used(({ networks }) => namesOf(networks)),
      Object.keys(compose.networks).toSorted(),
    )
    const volumes = used(({ volumes }) => volumes ?? []).filter((volume) => !volume.startsWith('./'))
    assert.deepEqual(
      volumes.map((volume) => volume.split(':')[0]),
      Object.keys(compose.volumes).toSorted(),
    )
    for (const [name, { depends_on }] of services)
      for (const needed of namesOf(depends_on)) assert.ok(needed in compose.services, `${name} → ${needed}`)
  })

  it('starts no process before the schema is up to date', () => {
    const { migrate, ...others } = compose.services
    assert.deepEqual(migrate?.command, ['migrate'])
    assert.deepEqual(migrate?.depends_on, { postgres: { condition: 'service_healthy' } })
    for (const name of ['service-1', 'service-2', 'service-3'])
      assert.deepEqual(others[name]?.depends_on, { migrate: { condition: 'service_completed_successfully' } })
  })

  it('opens ports beyond this machine for Caddy alone, which is the proxy that is trusted', () => {
    const { caddy, ...others } = compose.services
    for (const [name, { ports = [] }] of Object.entries(others))
      for (const port of ports) assert.match(port, /^127\.0\.0\.1:/, name)
    const { front } = (caddy?.networks ?? {}) as Record<string, { ipv4_address: string }>
    const trusted = [1, 2, 3].map((at) => others[`service-${at}`]?.environment?.['TRUSTED_PROXIES'])
    assert.deepEqual(new Set(trusted), new Set([front?.ipv4_address]))
  })
})

describe('Caddyfile', () => {
  it('reads the variables that compose.yaml sets, and names its processes', () => {
    const named = [...read('Caddyfile').matchAll(/\{\$(\w+)/g)].map((match) => match[1] ?? '')
    const { environment = {} } = compose.services['caddy'] ?? {}
    assert.deepEqual(Object.keys(environment).toSorted(), named.toSorted())
    for (const upstream of String(environment['UPSTREAMS']).split(' '))
      assert.ok(String(upstream.split(':')[0]) in compose.services, upstream)
  })
})

function environmentOf(steps: readonly Step[]): Record<string, string> {
  return Object.assign({}, ...steps.map((step) => (step.does === 'ENV' ? step.variables : {}))) as Record<
    string,
    string
  >
}

describe('docs/OPERATE.md', () => {
  it('makes each secret that compose.yaml reads, and starts profiles that it has', () => {
    const shell = blocksOf('docs/OPERATE.md', 'sh').join('\n')
    for (const { file } of Object.values(compose.secrets)) assert.ok(shell.includes(file), file)
    const profiles = new Set(services.flatMap(([, { profiles = [] }]) => profiles))
    const named = [...shell.matchAll(/--profile (\w+)/g)].map((match) => match[1] ?? '')
    assert.deepEqual(new Set(named), profiles)
    const tags = [...`${shell}${read('README.md')}`.matchAll(/logout-trail:(\d[\w.]*)/g)].map(
      (match) => match[1],
    )
    assert.deepEqual(new Set(tags), new Set([packageJson.version]))
    assert.ok(read('docs/OPERATE.md').includes(`NODE_IMAGE=${stages[0]?.base}@sha256`))
  })
})
