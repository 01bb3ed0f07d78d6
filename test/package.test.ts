/**
 * The package as npm would publish it: packed from a copy of this tree, unpacked beside its declared dependencies
 * and nothing else, and used from there as its users do.
 */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { basename, delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, beforeEach, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Hono } from 'hono'
import type * as forHono from '../hono.ts'
import type * as main from '../index.ts'
import type * as forClerkReact from '../react/clerk.ts'
import type * as forReact from '../react/index.ts'
import packageJson from '../package.json' with { type: 'json' }
import { testClerk, TOKEN_TIME } from './clerk-instance.ts'
import { finished, temporaryFolder, type Finished } from './service.ts'

const repository = join(import.meta.dirname, '..')
/** Ends the tests that would wait for ever; none of the programs here needs a tenth of it. */
const PROGRAM_TIMEOUT_MS = 60_000

let folder: string
/** A folder with the package in its node_modules. */
let app: string
/** The files of the package. */
let packed: string[]
const running = new Set<ChildProcess>()

before(async () => {
  folder = temporaryFolder()
  app = join(folder, 'app')
  packed = await install(await pack())
})

after(async () => {
  for (const program of running) program.kill('SIGKILL')
  await rm(folder, { recursive: true })
})

describe('the tarball', () => {
  it('holds the JavaScript and the types of what runs, each once', () => {
    const code = packed.filter((file) => /^dist\/(?!dashboard\/)/.test(file))
    const modules = code.filter((file) => file.endsWith('.js')).map((file) => file.slice(0, -'.js'.length))
    const types = code.filter((file) => file.endsWith('.d.ts')).map((file) => file.slice(0, -'.d.ts'.length))
    assert.deepEqual(types, modules)
    assert.equal(types.length + modules.length, code.length)
    for (const entry of [
      'react/index',
      'react/nextjs',
      'react/clerk',
      'index',
      'hono',
      'next',
      'api/main',
      'cli/main',
      'trail/stores/sqlite-worker',
    ]) {
      assert.ok(modules.includes(`dist/${entry}`), entry)
    }
  })

  it('holds the dashboard, and the licences of what is in it', () => {
    const parts = packed.filter((file) => file.startsWith('dist/dashboard/'))
    assert.deepEqual(
      parts.map((file) => file.replace(/-[\w-]{8}\./, '-….')),
      ['assets/icon-….svg', 'assets/index-….css', 'assets/index-….js', 'index.html', 'licenses.md'].map(
        (file) => `dist/dashboard/${file}`,
      ),
    )
  })

  it('holds no sources, no tests, no settings and no data', () => {
    const top = new Set(packed.map((file) => file.split('/')[0] ?? ''))
    const expected = ['.env.example', 'CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'docs', 'package.json']
    assert.deepEqual(
      [...top].filter((name) => !expected.includes(name)),
      [],
    )
    assert.deepEqual(
      packed.filter((file) => /(?<!\.d)\.ts$|\.(test|slow)\.|conformance|\.db|\.env$/.test(file)),
      [],
    )
  })

  it('holds what a reader needs', () => {
    for (const file of [
      '.env.example',
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'docs/AUTH.md',
      'docs/API.md',
    ]) {
      assert.ok(packed.includes(file), file)
    }
  })

  it('is made of a bin that can be run at once, also where it was built', async () => {
    const bin = packageJson.bin['logout-trail']
    for (const at of ['copy', 'app/node_modules/logout-trail']) {
      assert.equal((await stat(join(folder, at, bin))).mode & 0o111, 0o111, at)
    }
  })

  it('says nothing of the planted secret', async () => {
    for (const file of packed) {
      const text = await readFile(join(app, 'node_modules/logout-trail', file), 'utf8')
      assert.ok(!text.includes(PLANTED_SECRET), file)
    }
  })
})

describe('logout-trail/hono in an app', () => {
  const clerk = testClerk()
  const lines: object[] = []
  const options: main.LogoutOptions = {
    issuer: clerk.issuer,
    jwtKey: clerk.publicPem,
    now: () => TOKEN_TIME,
    log: (line) => lines.push(line),
  }

  async function hostApp(): Promise<Hono> {
    lines.length = 0
    const { logoutRoutes } = await imported<typeof forHono>('logout-trail/hono')
    const host = new Hono()
    host.notFound((c) => c.text('the host finds nothing', 404))
    host.onError((error, c) => c.text(`the host caught: ${error.message}`, 500))
    host.get('/fails', () => {
      throw new Error('of the host')
    })
    return host.route('/api', logoutRoutes(options))
  }

  it('answers a logout without a token as anonymous', async () => {
    const response = await (await hostApp()).request('/api/v1/auth/session', { method: 'DELETE' })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('logout-record'), 'anonymous')
    assert.equal(await response.text(), '{"success":true,"message":"Logged out successfully"}')
  })

  it('answers a logout with a valid token as logged', async () => {
    const response = await (
      await hostApp()
    ).request('/api/v1/auth/session', {
      method: 'DELETE',
      headers: { authorization: `Bearer ${clerk.token()}` },
    })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('logout-record'), 'logged')
    assert.partialDeepStrictEqual(lines, [{ event: 'user_logout', record: 'logged' }])
  })

  it('answers OPTIONS with 204, and other methods with 405', async () => {
    const host = await hostApp()
    assert.equal((await host.request('/api/v1/auth/session', { method: 'OPTIONS' })).status, 204)
    for (const method of ['GET', 'POST', 'PUT']) {
      const response = await host.request('/api/v1/auth/session', { method })
      assert.equal(response.status, 405, method)
      assert.equal(response.headers.get('allow'), 'DELETE, OPTIONS')
    }
  })

  it('leaves the 404 and the errors of the app as they are', async () => {
    const host = await hostApp()
    for (const path of ['/nowhere', '/api', '/api/v1/auth', '/v1/auth/session']) {
      const response = await host.request(path, { method: 'DELETE' })
      assert.equal(`${response.status} ${await response.text()}`, '404 the host finds nothing', path)
    }
    const response = await host.request('/fails')
    assert.equal(`${response.status} ${await response.text()}`, '500 the host caught: of the host')
  })

  it('refuses missing options when it is mounted, by name', async () => {
    const { logoutRoutes } = await imported<typeof forHono>('logout-trail/hono')
    assert.throws(() => logoutRoutes({}), { name: 'TypeError', message: /^publishableKey is missing/ })
  })
})

describe('logout-trail/next in a route module', () => {
  const request = new Request('https://app.example.com/v1/auth/session', { method: 'DELETE' })

  it('is imported without any option, as next build does', async () => {
    assert.equal(typeof (await route('without-options', {})).DELETE, 'function')
  })

  it('answers the preflight of an allowed origin', async () => {
    const origin = 'https://admin.example.com'
    const { publishableKey } = testClerk()
    const { OPTIONS } = await route('preflight', { publishableKey, allowedOrigins: [origin] })
    const response = await OPTIONS(new Request(request.url, { method: 'OPTIONS', headers: { origin } }))
    assert.equal(response.status, 204)
    assert.equal(response.headers.get('access-control-allow-methods'), 'DELETE')
  })

  it('names what is missing when the first logout comes', async () => {
    const { DELETE } = await route('called-without-options', {})
    await assert.rejects(DELETE(request), { name: 'TypeError', message: /^publishableKey is missing/ })
  })

  it('answers a logout', async (t) => {
    t.mock.method(console, 'log', () => undefined)
    const { DELETE } = await route('with-options', { publishableKey: testClerk().publishableKey })
    const response = await DELETE(request)
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('logout-record'), 'anonymous')
  })
})

describe('logout-trail/react in an app', () => {
  it('is marked for the client by the first line of each entry', async () => {
    for (const entry of ['index', 'nextjs', 'clerk']) {
      const file = join(app, 'node_modules/logout-trail/dist/react', `${entry}.js`)
      assert.equal((await readFile(file, 'utf8')).split('\n')[0], `'use client';`, entry)
    }
  })

  it('gives the button and the hook that find Clerk by themselves, and those that are given it', async () => {
    const bound = await imported<typeof forClerkReact>('logout-trail/react/clerk')
    const given = await imported<typeof forReact>('logout-trail/react')
    for (const { LogoutButton, useLogout, logout, LogoutError } of [bound, given]) {
      assert.equal(typeof LogoutButton, 'object')
      assert.deepEqual([typeof useLogout, typeof logout], ['function', 'function'])
      assert.equal(new LogoutError('no-answer').name, 'LogoutError')
    }
    assert.equal(bound.logout, given.logout)
  })
})

describe('logout-trail/react on a server', () => {
  it('renders the button under Clerk’s provider where there is no window', async () => {
    const file = join(app, 'server.mjs')
    await writeFile(
      file,
      `import { ClerkProvider } from '@clerk/react'
       import { LogoutButton } from 'logout-trail/react/clerk'
       import { createElement as h } from 'react'
       import { renderToString } from 'react-dom/server'
       const publishableKey = '${testClerk().publishableKey}'
       console.log(renderToString(h(ClerkProvider, { publishableKey }, h(LogoutButton, null, 'Bye'))))`,
    )
    const { code, stdout, stderr } = await run(process.execPath, [file])
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    assert.equal(stdout, '<button type="button" data-state="idle">Bye</button>\n')
  })
})

describe('logout-trail in any code', () => {
  const clerk = testClerk()
  const request = new Request('https://app.example.com/v1/auth/session', {
    method: 'DELETE',
    headers: { authorization: `Bearer ${clerk.token()}` },
  })

  it('answers a logout and logs one line', async () => {
    const { createLogout } = await imported<typeof main>('logout-trail')
    const lines: object[] = []
    const logout = createLogout({
      publishableKey: clerk.publishableKey,
      jwtKey: clerk.publicPem,
      now: () => TOKEN_TIME,
      log: (line) => lines.push(line),
    })
    const response = await logout(request)
    assert.equal(response.headers.get('logout-record'), 'logged')
    assert.equal(lines.length, 1)
    assert.partialDeepStrictEqual(lines[0], {
      event: 'user_logout',
      timestamp: '2026-11-23T12:00:00.000Z',
      record: 'logged',
      user_id: 'user_2aBcDeFgHiJkLmNoPqRsTuVwXyZ',
    })
  })

  it('answers although an async log fails, and writes the line to the console', async (t) => {
    const written = t.mock.method(console, 'log', () => undefined)
    const complained = t.mock.method(console, 'error', () => undefined)
    const { createLogout } = await imported<typeof main>('logout-trail')
    const logout = createLogout({
      issuer: clerk.issuer,
      jwtKey: clerk.publicPem,
      now: () => TOKEN_TIME,
      log: () => Promise.reject(new Error('the log is away')),
    })
    assert.equal((await logout(request)).status, 200)
    await new Promise(setImmediate)
    assert.match(String(written.mock.calls[0]?.arguments[0]), /^\{"event":"user_logout"/)
    assert.equal(complained.mock.callCount(), 1)
  })

  it('answers although the log throws, and writes the line to the console', async (t) => {
    const written = t.mock.method(console, 'log', () => undefined)
    const complained = t.mock.method(console, 'error', () => undefined)
    const { createLogout } = await imported<typeof main>('logout-trail')
    const logout = createLogout({
      issuer: clerk.issuer,
      jwtKey: clerk.publicPem,
      now: () => TOKEN_TIME,
      log: () => {
        throw new Error('the disk of the log is full')
      },
    })
    const response = await logout(request)
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('logout-record'), 'logged')
    assert.match(String(written.mock.calls[0]?.arguments[0]), /^\{"event":"user_logout",.*"record":"logged"/)
    assert.equal(complained.mock.callCount(), 1)
  })
})

describe('the types of the package', () => {
  const consumers = {
    'a Node project': { module: 'nodenext', lib: ['es2024'], types: ['node'] },
    'a project for the browser or the edge': {
      module: 'esnext',
      moduleResolution: 'bundler',
      lib: ['es2024', 'dom'],
      types: [],
    },
  }

  for (const [name, compilerOptions] of Object.entries(consumers)) {
    it(`are right for ${name}, and checked themselves`, async () => {
      const project = join(app, name.replaceAll(' ', '-'))
      await mkdir(project)
      await writeFile(join(project, 'consumer.ts'), CONSUMER)
      const strict = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true }
      const tsconfig = { compilerOptions: { target: 'es2024', ...strict, ...compilerOptions } }
      await writeFile(join(project, 'tsconfig.json'), JSON.stringify(tsconfig))
      const tsc = join(repository, 'node_modules/typescript/bin/tsc')
      const { code, stdout } = await run(process.execPath, [tsc, '-p', project])
      assert.equal(`${stdout}exit code ${code}`, 'exit code 0')
    })
  }
})

describe('the bin', () => {
  let cwd: string

  beforeEach(async () => {
    cwd = await mkdtemp(join(folder, 'service-'))
  })

  it('lists its commands with --help', async () => {
    const { code, stdout } = await bin(['--help'])
    assert.equal(code, 0)
    assert.match(stdout, /^ *start +Start the service/m)
    assert.match(stdout, /^ *backup +Copy the trail/m)
  })

  it('says the version of the package', async () => {
    assert.deepEqual(await bin(['--version']), { code: 0, stdout: `${packageJson.version}\n`, stderr: '' })
  })

  it('refuses a command that it does not have', async () => {
    const { code, stderr } = await bin(['restart'])
    assert.equal(code, 1)
    assert.match(stderr, /Unknown command restart/)
  })

  it('refuses what a command does not know, and says what to do instead', async () => {
    const asked = [
      ['start', '--port', '3'],
      ['start', 'extra'],
      ['backup', 'one.db', 'two.db'],
      ['backup', 'a.db', '--zip'],
    ]
    for (const args of asked) {
      const { code, stderr } = await bin(args)
      assert.equal(code, 1)
      assert.match(stderr, /^Not known here: (--port|extra|two\.db|--zip)/)
    }
    assert.deepEqual(await readdir(cwd), [])
  })

  it('says which Node it needs, in one line, to an older one', async () => {
    for (const version of ['20.20.2', '22.17.1', '23.11.0', '24.10.0']) {
      const versions = JSON.stringify({ ...process.versions, node: version })
      const disguise = `data:text/javascript,Object.defineProperty(process,'versions',{value:${versions}})`
      const { code, stderr } = await bin(['--version'], {
        NODE_OPTIONS: `--import "${disguise.replaceAll('"', '\\"')}"`,
      })
      assert.equal(code, 1)
      assert.equal(stderr, `logout-trail needs Node 22.18, 24.11, 26 or newer; this is Node ${version}.\n`)
    }
  })

  it('starts the service, records a logout, copies the trail meanwhile, and ends on SIGTERM', async () => {
    const service = start()
    const url = await urlOf(service)
    const token = await (await fetch(`${url}/dev/token`)).text()
    const response = await fetch(`${url}/v1/auth/session`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${token}` },
    })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('logout-record'), 'durable')

    const copied = await bin(['backup', 'copy.db'])
    assert.deepEqual({ ...copied, stdout: '' }, { code: 0, stdout: '', stderr: '' })
    assert.match(copied.stdout, /^copy\.db: 1 entries, [\d.]+ MB, trail [0-9a-f]{32} of https:/)
    assert.equal((await stat(join(cwd, 'copy.db'))).mode & 0o777, 0o600)
    assert.deepEqual((await readdir(cwd)).toSorted(), ['copy.db', 'data'])

    service.kill('SIGTERM')
    const [code, signal] = (await once(service, 'exit')) as [number | null, string | null]
    assert.deepEqual({ code, signal }, { code: 0, signal: null })
  })

  it('shows the dashboard', async () => {
    const url = await urlOf(start())
    const page = await (await fetch(`${url}/dashboard`)).text()
    const [, script = ''] = /<script[^>]* src="([^"]+)"/.exec(page) ?? []
    assert.match(script, /^\/dashboard\/assets\/index-.*\.js$/)
    assert.equal((await fetch(url + script)).status, 200)
  })

  it('refuses to copy a trail over a file that exists', async () => {
    await writeFile(join(cwd, 'taken.db'), 'of somebody else')
    const { code, stderr } = await bin(['backup', 'taken.db'])
    assert.equal(code, 1)
    assert.equal(stderr, 'taken.db exists already; name a new file.\n')
    assert.equal(await readFile(join(cwd, 'taken.db'), 'utf8'), 'of somebody else')
  })

  it('refuses to copy a trail without the name of a file', async () => {
    const { code, stderr } = await bin(['backup'])
    assert.equal(code, 1)
    assert.match(stderr, /Missing required positional argument: FILE/)
  })

  it('refuses to copy a trail that is not there, and leaves no file', async () => {
    const { code, stderr } = await bin(['backup', 'copy.db'], { DATABASE_URL: 'file:nowhere/trail.db' })
    assert.equal(code, 1)
    assert.equal(stderr, 'There is no trail at nowhere/trail.db; check DATABASE_URL.\n')
    assert.deepEqual(await readdir(cwd), [])
  })

  function bin(args: readonly string[], variables?: Record<string, string>): Promise<Finished> {
    return run(join(app, 'node_modules/.bin/logout-trail'), args, { cwd, variables })
  }

  function start(): ChildProcess {
    return spawned(join(app, 'node_modules/.bin/logout-trail'), ['start'], { cwd, variables: { PORT: '0' } })
  }
})

const PLANTED_SECRET = 'sk_live_plantedByATest'

/** Packs a copy of this tree, which `prepack` builds; the tree's own dist/ is left alone. */
async function pack(): Promise<string> {
  const copy = join(folder, 'copy')
  const left = new Set(['node_modules', 'dist', 'data', '.git', '.next', '.env'])
  await cp(repository, copy, { recursive: true, filter: (source) => !left.has(basename(source)) })
  await symlink(join(repository, 'node_modules'), join(copy, 'node_modules'))
  await writeFile(join(copy, '.env'), `CLERK_SECRET_KEY=${PLANTED_SECRET}`)
  await mkdir(join(copy, 'data'))
  await writeFile(join(copy, 'data/trail.db'), PLANTED_SECRET)
  const { code, stdout, stderr } = await run('npm', ['pack', '--pack-destination', folder], { cwd: copy })
  assert.equal(code, 0, `${stdout}${stderr}`)
  return join(folder, `${packageJson.name}-${packageJson.version}.tgz`)
}

/** Unpacks it as npm would, beside links to what it declares as dependencies. Gives its files. */
async function install(tarball: string): Promise<string[]> {
  const modules = join(app, 'node_modules')
  const home = join(modules, 'logout-trail')
  await mkdir(join(modules, '.bin'), { recursive: true })
  await mkdir(home)
  const { code, stderr } = await run('tar', ['-xzf', tarball, '-C', home, '--strip-components=1'])
  assert.equal(code, 0, stderr)
  const peers = Object.keys(packageJson.peerDependencies)
  for (const name of [
    ...Object.keys(packageJson.dependencies),
    ...peers,
    'react-dom',
    '@types/node',
    '@types/react',
  ]) {
    await mkdir(dirname(join(modules, name)), { recursive: true })
    await symlink(join(repository, 'node_modules', name), join(modules, name))
  }
  await symlink(join(home, packageJson.bin['logout-trail']), join(modules, '.bin/logout-trail'))
  await writeFile(join(app, 'package.json'), '{ "type": "module" }')
  const files = await readdir(home, { recursive: true, withFileTypes: true })
  return files
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name).slice(home.length + 1))
    .toSorted()
}

interface Route {
  DELETE: main.Logout
  OPTIONS: main.Logout
}

/** Writes a route as Next's documentation has it, and imports it as Next does. */
async function route(name: string, options: main.LogoutOptions): Promise<Route> {
  const file = join(app, `${name}.mjs`)
  await writeFile(
    file,
    `import { logoutRoute } from 'logout-trail/next'
     export const { DELETE, OPTIONS } = logoutRoute(${JSON.stringify(options)})`,
  )
  return (await import(pathToFileURL(file).href)) as Route
}

/** Imports by name, from inside the app. */
async function imported<T>(name: string): Promise<T> {
  const file = join(app, `${name.replaceAll('/', '-')}.mjs`)
  await writeFile(file, `export * from '${name}'`)
  return (await import(pathToFileURL(file).href)) as T
}

interface Where {
  cwd?: string
  /** The environment has these and PATH, in which this Node comes first. */
  variables?: Record<string, string> | undefined
}

function spawned(program: string, args: readonly string[], { cwd = folder, variables }: Where): ChildProcess {
  const PATH = [dirname(process.execPath), process.env['PATH']].join(delimiter)
  const child = spawn(program, args, {
    cwd,
    env: { PATH, HOME: folder, NO_COLOR: '1', npm_config_update_notifier: 'false', ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: PROGRAM_TIMEOUT_MS,
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

function run(program: string, args: readonly string[], where: Where = {}): Promise<Finished> {
  return finished(spawned(program, args, where))
}

/** From the JSON line that says where the service listens. */
async function urlOf(service: ChildProcess): Promise<string> {
  assert.ok(service.stdout && service.stderr)
  let complaint = ''
  service.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text))
  for await (const line of createInterface({ input: service.stdout })) {
    if (!line.startsWith('{')) continue
    const { url } = JSON.parse(line) as { url?: string }
    if (!url) continue
    // Read on, so that the service is never stopped by a full pipe.
    service.stdout.resume()
    return url
  }
  throw new Error(`The service ended before it listened: ${complaint}`)
}

/** What a user might write; `@ts-expect-error` fails where nothing is wrong, for instance when all is `any`. */
const CONSUMER = `
import { Hono } from 'hono'
import { createLogout, type Logout, type LogoutEvent, type LogoutRecord, type LogoutSummary } from 'logout-trail'
import { logoutRoutes } from 'logout-trail/hono'
import { logoutRoute } from 'logout-trail/next'
import { LogoutButton as BareLogoutButton, useLogout, type ClerkBrowser, type LogoutLabels } from 'logout-trail/react'
import { LogoutButton } from 'logout-trail/react/clerk'
import { LogoutButton as ForNext } from 'logout-trail/react/nextjs'
import { createElement } from 'react'

const publishableKey: string | undefined = undefined
const logout: Logout = createLogout({
  publishableKey,
  authorizedParties: ['https://app.example.com'],
  log: (line) => {
    if (line.event === 'user_logout_summary') return summary(line)
    const record: LogoutRecord = line.record
    const userId: string | undefined = line.user_id
    return event(line, record, userId)
  },
})
function summary(_: LogoutSummary): void {}
function event(_: LogoutEvent, _record: LogoutRecord, _userId?: string): void {}

export const answer: Promise<Response> = logout(new Request('https://app.example.com'))
export const host: Hono = new Hono().route('/api', logoutRoutes({ publishableKey, jwtKey: '' }))
export const { DELETE } = logoutRoute({ publishableKey, now: Date.now })
export const routeHandler: (request: Request) => Promise<Response> = DELETE

const labels: LogoutLabels = { idle: 'Abmelden' }
export const button = createElement(LogoutButton, { endpoint: false, scope: 'browser', labels, disabled: true })
export const NextButton: typeof LogoutButton = ForNext
export function useOwn({ useClerk }: { useClerk: () => ClerkBrowser }): () => void {
  const { logout: leave, status, error } = useLogout({ clerk: useClerk(), onError: (failed) => failed.code })
  const code: 'sign-out-failed' | 'no-answer' | undefined = error?.code
  return status === 'pending' || code ? () => {} : leave
}

// @ts-expect-error no such intent
createElement(LogoutButton, { intent: 'bored' })
// @ts-expect-error needs a clerk
createElement(BareLogoutButton, {})
// @ts-expect-error no such option
createLogout({ publishabelKey: 'pk_test_' })
// @ts-expect-error ms since 1970, not a date
logoutRoutes({ now: () => new Date() })
// @ts-expect-error only DELETE
export const { GET } = logoutRoute({})
`
