/**
 * The image of Dockerfile, built and run without an engine (`image.ts` says how): what it holds, and that the service works
 * in it as another user than root, as the first process, with nothing writable but its volume.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import packageJson from '../package.json' with { type: 'json' }
import { clerk, signIn } from './clerk-service.ts'
import {
  buildImage,
  execIn,
  firstProcess,
  runImage,
  whyNoImage,
  type Image,
  type RunOptions,
} from './image.ts'
import { finished, reading, temporaryFolder, type Finished } from './service.ts'

const skip = whyNoImage() ?? false
if (skip) console.error(`\nNOT TESTED: the image of Dockerfile: ${skip}.\n`)

const NODE_USER = 1000

/** After which Docker takes the check for failed, and ends it: `--timeout` of the HEALTHCHECK. */
const CHECK_TIMEOUT_MS = 3000

let image: Image
let app: string

describe('the image', { skip }, () => {
  before(() => {
    image = buildImage(temporaryFolder())
    app = join(image.layer, 'app')
  })

  it('holds the dependencies, the driver of PostgreSQL, and nothing that only development needs', (t) => {
    const there = packagesIn(join(app, 'node_modules'))
    const { pg, ...development } = packageJson.devDependencies

    for (const name of Object.keys(packageJson.dependencies)) assert.ok(there.has(name), name)
    assert.equal(there.get('pg'), pg)
    const unwanted = Object.keys(development).filter((name) => there.has(name) && !SHARED.has(name))
    assert.deepEqual(unwanted, [])
    t.diagnostic(
      `${there.size} packages; ${megabytes(join(app, 'node_modules'))} MB of them, ${megabytes(app)} MB in all`,
    )
  })

  it('holds what was built, and no sources, tests, settings or data', () => {
    assert.deepEqual(readdirSync(app).toSorted(), [
      'LICENSE',
      'compile-cache',
      'dist',
      'node_modules',
      'package.json',
    ])
    const files = readdirSync(join(app, 'dist'), { recursive: true, encoding: 'utf8' })
    assert.ok(files.includes('dashboard/index.html') && files.includes('cli/bin.js'))
    const unwanted = files.filter((file) => /(?<!\.d)\.tsx?$|\.(test|slow)\.|\.db|\.env/.test(file))
    assert.deepEqual(unwanted, [])
  })

  it('belongs to root, but for the volume and what was compiled', () => {
    for (const path of ['app', 'app/dist/cli/bin.js', 'app/node_modules/hono', 'app/package.json']) {
      assert.equal(statSync(join(image.layer, path)).uid, 0, path)
    }
    const data = statSync(join(image.layer, 'data'))
    assert.deepEqual([data.uid, data.mode & 0o777], [NODE_USER, 0o700])
  })
})

describe('a container', { skip }, () => {
  it('records a logout, is ready and healthy, and ends on SIGTERM with everything recorded', async (t) => {
    await using container = await start()
    t.diagnostic(`listens ${Math.round(container.startedInMs)} ms after its start`)

    assert.equal((await fetch(`${container.url}/livez`)).status, 200)
    assert.equal((await fetch(`${container.url}/readyz`)).status, 200)
    assert.equal((await container.check()).code, 0)
    const response = await logout(container.url)
    assert.deepEqual([response.status, response.headers.get('logout-record')], [200, 'durable'])

    process.kill(container.pid, 'SIGTERM')
    assert.equal(await container.ended, 0)
    assert.equal(container.complaints(), '')
    const files = readdirSync(container.data)
    assert.deepEqual(files.toSorted(), ['trail.db', 'trail.db.lock', 'views.db'])
    for (const file of files) assert.equal(statSync(join(container.data, file)).uid, NODE_USER, file)
  })

  it('is not healthy when nothing answers any more', async () => {
    await using container = await start()
    process.kill(container.pid, 'SIGSTOP')
    const slow = container.check()
    assert.equal(await Promise.race([slow, sleep(CHECK_TIMEOUT_MS, 'timed out')]), 'timed out')
    process.kill(container.pid, 'SIGCONT')
    assert.equal((await slow).code, 0)

    const [entrypoint = '', ...command] = image.healthcheck
    const env = await settings()
    const alone = await finished(
      runImage(image, { data: volume(NODE_USER), env, entrypoint: [entrypoint], command }),
    )
    assert.equal(alone.code, 1)
  })

  it('says the same with the commands that work beside the service', async () => {
    await using container = await start()
    await logout(container.url)

    const help = await container.exec('logout-trail', '--help')
    assert.equal(help.code, 0)
    assert.match(help.stdout, /^ *backup +Copy the trail/m)
    const doctor = await container.exec('logout-trail', 'doctor')
    assert.deepEqual([doctor.code, doctor.stderr], [0, ''], doctor.stdout)
    const backup = await container.exec('logout-trail', 'backup', '/data/copy.db')
    assert.deepEqual([backup.code, backup.stderr], [0, ''])
    assert.match(backup.stdout, /^\/data\/copy\.db: 1 entries/)
    assert.equal(statSync(join(container.data, 'copy.db')).uid, NODE_USER)
  })

  it('can load what only some settings need: Clerk’s package, and the driver of PostgreSQL', async () => {
    const secrets = { CLERK_SECRET_KEY: 'sk_test_notARealOne', CLERK_API_URL: 'http://127.0.0.1:9' }
    await using container = await start({
      env: { ...secrets, CLERK_WEBHOOK_SIGNING_SECRET: `whsec_${'A'.repeat(32)}` },
    })
    const driver = await container.exec(
      'node',
      '-e',
      "import('pg').then(({ default: { Pool } }) => new Pool().end())",
    )

    assert.equal((await fetch(`${container.url}/livez`)).status, 200)
    assert.deepEqual(driver, { code: 0, stdout: '', stderr: '' })
  })

  it('has what it may write on its volume only', async () => {
    await using container = await start()
    const places = ['/app', '/app/compile-cache', '/tmp', '/usr/local/bin', '/home', '/data']
    const tried = await container.exec(
      'sh',
      '-c',
      `for at in ${places.join(' ')}; do touch $at/new 2>/dev/null && echo $at; done; id -u`,
    )

    assert.equal(tried.stdout, `/data\n${NODE_USER}\n`)
  })

  it('also runs as another user, to whom the volume belongs', async () => {
    await using container = await start({ owner: 4321 })

    assert.equal((await logout(container.url)).headers.get('logout-record'), 'durable')
    assert.equal(container.complaints(), '')
  })

  it('names the settings that are missing, and the volume that is not its own', async () => {
    const without = await finished(runImage(image, { data: volume(NODE_USER) }))
    assert.equal(without.code, 1)
    assert.match(without.stderr, /^ {2}CLERK_PUBLISHABLE_KEY: It is missing\./m)

    const stranger = await finished(runImage(image, { data: volume(0), env: await settings() }))
    assert.equal(stranger.code, 1)
    assert.match(stranger.stderr, /^DATABASE_URL: .*\(trail-unwritable\)$/m)
  })

  it('finds what was compiled for it when the image was made', () => {
    const cache = join(app, 'compile-cache')
    const [folder = '', ...others] = readdirSync(cache)

    assert.deepEqual(others, [])
    assert.ok(folder.startsWith(`v${process.versions.node}-`) && folder.endsWith(`-${NODE_USER}`), folder)
    assert.ok(readdirSync(join(cache, folder)).length > 500)
  })
})

/** Development dependencies that something in the image needs as well. */
const SHARED = new Set(['openapi-types', 'standardwebhooks'])

function packagesIn(modules: string): Map<string, string> {
  const manifests = readdirSync(modules, { recursive: true, encoding: 'utf8' }).filter(
    (path) =>
      /(^|\/node_modules\/)(@[^/]+\/)?[^/@.][^/]*\/package\.json$/.test(path) &&
      !/\/(dist|lib|esm|cjs)\//.test(path),
  )
  return new Map(
    manifests.map((path) => {
      const { name, version } = JSON.parse(readFileSync(join(modules, path), 'utf8')) as Record<
        string,
        string
      >
      return [name ?? '', version ?? '']
    }),
  )
}

function megabytes(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  const bytes = entries.map((entry) => statSync(join(entry.parentPath, entry.name)).size)
  return Math.round(bytes.reduce((sum, one) => sum + one, 0) / 1e6)
}

interface Container extends AsyncDisposable {
  url: string
  data: string
  /** Of the process to which Docker sends its signals. */
  pid: number
  startedInMs: number
  ended: Promise<unknown>
  /** What stands on standard error. */
  complaints: () => string
  /** As `docker exec` does. */
  exec: (...program: string[]) => Promise<Finished>
  /** As Docker does every few seconds. */
  check: () => Promise<Finished>
}

async function start({
  owner = NODE_USER,
  env = {},
}: { owner?: number; env?: Record<string, string> } = {}): Promise<Container> {
  const data = volume(owner)
  const options: RunOptions = { data, env: { ...(await settings()), ...env }, user: `${owner}:${owner}` }
  const begun = performance.now()
  const child = runImage(image, options)
  const { line, complaints } = reading(child)
  const ended = once(child, 'close').then(([code]: unknown[]) => code)
  await line(/"msg":"listening on /)
  const pid = firstProcess(child)
  const exec = (...program: string[]) => finished(execIn(image, { ...options, pid }, program))
  return {
    url: `http://127.0.0.1:${options.env?.['PORT']}`,
    data,
    pid,
    startedInMs: performance.now() - begun,
    ended,
    complaints,
    exec,
    check: () => exec(...image.healthcheck),
    [Symbol.asyncDispose]: async () => {
      // Of itself, because its children outlive `unshare`.
      if (child.exitCode === null) process.kill(pid, 'SIGKILL')
      await ended
      rmSync(data, { recursive: true })
    },
  }
}

/** A new one, as Docker makes it of what the image has at /data. */
function volume(owner: number): string {
  const folder = mkdtempSync(join(temporaryFolder(), 'volume-'))
  const data = join(folder, 'data')
  mkdirSync(data, { mode: 0o700 })
  chownSync(data, owner, owner)
  return data
}

/** These containers share the network of this machine: a port of its own, and loopback only. */
async function settings(): Promise<Record<string, string>> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => {
    probe.close(resolve)
  })
  return {
    PORT: String(port),
    CLERK_PUBLISHABLE_KEY: clerk.publishableKey,
    CLERK_JWT_KEY: clerk.publicPem,
    HOST: '127.0.0.1',
  }
}

function logout(url: string): Promise<Response> {
  const headers = { Authorization: `Bearer ${signIn().token}` }
  return fetch(`${url}/v1/auth/session`, { method: 'DELETE', headers })
}
