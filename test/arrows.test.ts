/**
 * Every wall of oxlint.config.ts is run against once, in a folder of its own, with the real linter. A line marked
 * `// ✗ rule: words` must be complained about by that rule in those words, and an unmarked line by nobody.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, matchesGlob } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { build } from 'esbuild'
import config from '../oxlint.config.ts'

const repository = join(import.meta.dirname, '..')

const probes: Record<string, string> = {
  'trail/probe.ts': `
    import './entry.ts'
    import 'node:events'
    import 'node:process' // ✗ no-restricted-imports: Only api/config.ts reads the environment
    import 'hono' // ✗ no-restricted-imports: know no HTTP
    import 'hono-openapi' // ✗ no-restricted-imports: know no HTTP
    import '@hono/node-server' // ✗ no-restricted-imports: know no HTTP
    import 'node:http' // ✗ no-restricted-imports: know no HTTP
    import '@clerk/backend' // ✗ no-restricted-imports: Clerk’s SDK and code for tokens
    import 'jose' // ✗ no-restricted-imports: Clerk’s SDK and code for tokens
    import '../api/problem.ts' // ✗ no-restricted-imports: points the wrong way
    import '../index.ts' // ✗ no-restricted-imports: points the wrong way
    import '../session-ends/merge.ts' // ✗ no-restricted-imports: does not know its readers
    import './stores/sqlite.ts' // ✗ no-restricted-imports: choose a store
    import 'node:sqlite' // ✗ no-restricted-imports: SQL stays behind the store
    export { Hono } from 'hono' // ✗ no-restricted-imports: know no HTTP
    export type { Context } from 'hono' // ✗ no-restricted-imports: know no HTTP
    export type Host = import('hono').Hono // ✗ consistent-type-imports: forbidden
    export const later = () => import('hono') // ✗ no-restricted-imports: know no HTTP
    export const early = await import('../api/app.ts') // ✗ no-restricted-imports: points the wrong way
    import '../clerk-stand-in/world.ts' // ✗ no-restricted-imports: tests, the bench and the demo
  `,
  'trail/entry.ts': `
    import './error.ts'
    import 'hono' // ✗ no-restricted-imports: know no HTTP
    import '../api/problem.ts' // ✗ no-restricted-imports: points the wrong way
    import '../session-ends/merge.ts' // ✗ no-restricted-imports: does not know its readers
    import './stores/sqlite.ts' // ✗ no-restricted-imports: choose a store
    import 'node:crypto' // ✗ no-restricted-imports: where there is no Node
    import 'crypto' // ✗ prefer-node-protocol: node: protocol
    import 'jose' // ✗ no-restricted-imports: Clerk’s SDK and code for tokens
    export const bytes = Buffer.alloc(16) // ✗ no-restricted-globals: where there is no Node
    import '../clerk-stand-in/world.ts' // ✗ no-restricted-imports: tests, the bench and the demo
  `,
  'trail/stores/probe.ts': `
    import 'node:sqlite'
    import '../entry.ts'
    import 'node:process' // ✗ no-restricted-imports: Only api/config.ts reads the environment
    import 'hono' // ✗ no-restricted-imports: know no HTTP
    import 'jose' // ✗ no-restricted-imports: Clerk’s SDK and code for tokens
    import '../../api/problem.ts' // ✗ no-restricted-imports: points the wrong way
    import '../../session-ends/merge.ts' // ✗ no-restricted-imports: does not know its readers
    import '../../clerk-stand-in/world.ts' // ✗ no-restricted-imports: tests, the bench and the demo
  `,
  'session-ends/probe.ts': `
    import '../trail/trail.ts'
    import 'node:sqlite'
    import 'node:process' // ✗ no-restricted-imports: Only api/config.ts reads the environment
    import 'hono' // ✗ no-restricted-imports: know no HTTP
    import '@clerk/backend' // ✗ no-restricted-imports: Clerk’s SDK and code for tokens
    import '../api/problem.ts' // ✗ no-restricted-imports: points the wrong way
    import '../cli/main.ts' // ✗ no-restricted-imports: points the wrong way
    import '../trail/stores/sqlite.ts' // ✗ no-restricted-imports: choose a store
    import '../clerk-stand-in/world.ts' // ✗ no-restricted-imports: tests, the bench and the demo
  `,
  'api/app.ts': `
    import 'hono'
    import './routes/auth.ts'
    import '../trail/trail.ts'
    import 'jose' // ✗ no-restricted-imports: Clerk’s SDK and code for tokens
    import './clerk/identify.ts' // ✗ no-restricted-imports: join api/clerk to the routes
    import '../trail/stores/sqlite.ts' // ✗ no-restricted-imports: choose a store
    import 'node:sqlite' // ✗ no-restricted-imports: SQL stays behind the store
    import './main.ts' // ✗ no-restricted-imports: composition root
    import '../cli/start.ts' // ✗ no-restricted-imports: points the wrong way
    import '../index.ts' // ✗ no-restricted-imports: points the wrong way
    import '../clerk-stand-in/world.ts' // ✗ no-restricted-imports: tests, the bench and the demo
  `,
  'api/config.ts': `
    import './clerk/publishable-key.ts'
    import 'jose' // ✗ no-restricted-imports: Clerk’s SDK and code for tokens
    import 'node:sqlite' // ✗ no-restricted-imports: SQL stays behind the store
    import './main.ts' // ✗ no-restricted-imports: composition root
    import '../index.ts' // ✗ no-restricted-imports: points the wrong way
    import './routes/auth.ts' // ✗ no-restricted-imports: does not know the routes
    import '../trail/stores/sqlite.ts' // ✗ no-restricted-imports: choose a store
    import 'node:process' // ✗ no-restricted-imports: Only api/config.ts reads the environment
    export const name = process.env['NAME']
    import '../clerk-stand-in/world.ts' // ✗ no-restricted-imports: tests, the bench and the demo
  `,
  'api/main.ts': `
    import './serve.ts'
    import './clerk/identify.ts'
    import '../trail/stores/sqlite.ts' // ✗ no-restricted-imports: choose a store
    import 'node:process' // ✗ no-restricted-imports: Only api/config.ts reads the environment
    import 'jose' // ✗ no-restricted-imports: Clerk’s SDK and code for tokens
    import 'node:sqlite' // ✗ no-restricted-imports: SQL stays behind the store
    import '../cli/start.ts' // ✗ no-restricted-imports: points the wrong way
    import '../clerk-stand-in/world.ts' // ✗ no-restricted-imports: tests, the bench and the demo
  `,
  'api/stores.ts': `
    import './problem.ts'
    import '../session-ends/follow.ts'
    import '../trail/stores/sqlite.ts'
    import 'jose' // ✗ no-restricted-imports: Clerk’s SDK and code for tokens
    import './clerk/identify.ts' // ✗ no-restricted-imports: join api/clerk to the routes
    import 'node:sqlite' // ✗ no-restricted-imports: SQL stays behind the store
    import 'pg' // ✗ no-restricted-imports: SQL stays behind the store
    import './main.ts' // ✗ no-restricted-imports: composition root
    import '../cli/start.ts' // ✗ no-restricted-imports: points the wrong way
    import 'node:process' // ✗ no-restricted-imports: Only api/config.ts reads the environment
    import '../clerk-stand-in/world.ts' // ✗ no-restricted-imports: tests, the bench and the demo
  `,
  'api/routes/probe.ts': `
    import 'hono'
    import '../problem.ts'
    import '../../trail/trail.ts'
    import './auth.ts' // ✗ no-restricted-imports: never import each other
    import '../routes/auth.ts' // ✗ no-restricted-imports: never import each other
    import '../clerk/identify.ts' // ✗ no-restricted-imports: join api/clerk to the routes
    import '../app.ts' // ✗ no-restricted-imports: handed what it needs
    import '../config.ts' // ✗ no-restricted-imports: handed what it needs
    import '../../trail/stores/sqlite.ts' // ✗ no-restricted-imports: choose a store
    import '../../index.ts' // ✗ no-restricted-imports: points the wrong way
    import 'jose' // ✗ no-restricted-imports: Clerk’s SDK and code for tokens
    import 'node:crypto' // ✗ no-restricted-imports: where there is no Node
    export const bytes = Buffer.alloc(16) // ✗ no-restricted-globals: where there is no Node
    import '../../clerk-stand-in/world.ts' // ✗ no-restricted-imports: tests, the bench and the demo
  `,
  'api/clerk/probe.ts': `
    import 'jose'
    import '@clerk/backend'
    import '../caller.ts'
    import '../routes/auth.ts' // ✗ no-restricted-imports: does not know the routes
    import '../app.ts' // ✗ no-restricted-imports: handed what it needs
    import '../../trail/stores/sqlite.ts' // ✗ no-restricted-imports: choose a store
    import '../../hono.ts' // ✗ no-restricted-imports: points the wrong way
    import 'node:crypto' // ✗ no-restricted-imports: where there is no Node
    import '../../clerk-stand-in/world.ts' // ✗ no-restricted-imports: tests, the bench and the demo
  `,
  'api/clerk/node-probe.ts': `
    import 'jose'
    import 'node:crypto'
    import '../routes/auth.ts' // ✗ no-restricted-imports: does not know the routes
    import '../app.ts' // ✗ no-restricted-imports: handed what it needs
    import '../../trail/stores/sqlite.ts' // ✗ no-restricted-imports: choose a store
    import '../../hono.ts' // ✗ no-restricted-imports: points the wrong way
    import 'node:process' // ✗ no-restricted-imports: reads the environment
    export const bytes = Buffer.alloc(16) // ✗ no-restricted-globals: where there is no Node
    import '../../clerk-stand-in/world.ts' // ✗ no-restricted-imports: tests, the bench and the demo
  `,
  'api/caller.ts': `
    import '../trail/entry.ts'
    import 'jose' // ✗ no-restricted-imports: Clerk’s SDK and code for tokens
    import '../trail/stores/sqlite.ts' // ✗ no-restricted-imports: choose a store
    import 'pg' // ✗ no-restricted-imports: SQL stays behind the store
    import './main.ts' // ✗ no-restricted-imports: composition root
    import '../index.ts' // ✗ no-restricted-imports: points the wrong way
    import 'node:util' // ✗ no-restricted-imports: where there is no Node
    import './clerk/identify.ts' // ✗ no-restricted-imports: join api/clerk to the routes
    export const bytes = Buffer.alloc(16) // ✗ no-restricted-globals: where there is no Node
    export const { pid } = process // ✗ no-restricted-globals: where there is no Node
    import '../clerk-stand-in/world.ts' // ✗ no-restricted-imports: tests, the bench and the demo
  `,
  'cli/probe.ts': `
    import 'citty'
    import '../api/main.ts'
    import '../trail/stores/sqlite.ts'
    import 'node:process' // ✗ no-restricted-imports: Only api/config.ts reads the environment
    import 'jose' // ✗ no-restricted-imports: Clerk’s SDK and code for tokens
    import '../api/clerk/identify.ts' // ✗ no-restricted-imports: join api/clerk to the routes
    import 'node:sqlite' // ✗ no-restricted-imports: SQL stays behind the store
    import '../clerk-stand-in/world.ts' // ✗ no-restricted-imports: tests, the bench and the demo
  `,
  'clerk-stand-in/probe.ts': `
    import 'hono'
    import 'node:http'
    import './world.ts'
    import '../trail/entry.ts' // ✗ no-restricted-imports: nothing of ours
    import 'node:process' // ✗ no-restricted-imports: Only api/config.ts reads the environment
  `,
  'react/probe.ts': `
    import 'react'
    import type { LogoutIntent } from '../api/contract.ts'
    import './report.ts'
    import { Problem } from '../api/contract.ts' // ✗ no-restricted-imports: none of its code
    import type { Entry } from '../trail/entry.ts' // ✗ no-restricted-imports: types of api/contract only
    import '../api/logout-event.ts' // ✗ no-restricted-imports: types of api/contract only
    import '../index.ts' // ✗ no-restricted-imports: types of api/contract only
    import '@clerk/react' // ✗ no-restricted-imports: Only react/nextjs.ts and react/clerk.ts
    import 'node:util' // ✗ no-restricted-imports: where there is no Node
    export const bytes = Buffer.alloc(16) // ✗ no-restricted-globals: where there is no Node
    export const all = [Problem, {} as LogoutIntent, {} as Entry]
    import '../clerk-stand-in/world.ts' // ✗ no-restricted-imports: tests, the bench and the demo
  `,
  'react/nextjs.ts': `
    import '@clerk/nextjs'
    import './bound.ts'
    import '@clerk/backend' // ✗ no-restricted-imports: verifies nothing
    import { Problem } from '../api/contract.ts' // ✗ no-restricted-imports: none of its code
    import '../hono.ts' // ✗ no-restricted-imports: types of api/contract only
    import 'node:util' // ✗ no-restricted-imports: where there is no Node
    export const schema = Problem
    import '../clerk-stand-in/world.ts' // ✗ no-restricted-imports: tests, the bench and the demo
  `,
  'dashboard/probe.tsx': `
    import 'react'
    import type { SessionRecord } from '../api/contract.ts'
    import './api.ts'
    import { Problem } from '../api/contract.ts' // ✗ no-restricted-imports: none of its code
    import type { Entry } from '../trail/entry.ts' // ✗ no-restricted-imports: types of api/contract only
    import '../api/config.ts' // ✗ no-restricted-imports: types of api/contract only
    import '../react/logout.ts' // ✗ no-restricted-imports: types of api/contract only
    import '../index.ts' // ✗ no-restricted-imports: types of api/contract only
    import '@clerk/clerk-js' // ✗ no-restricted-imports: from Clerk’s host
    import 'node:util' // ✗ no-restricted-imports: where there is no Node
    export const bytes = Buffer.alloc(16) // ✗ no-restricted-globals: where there is no Node
    export const all = [Problem, {} as SessionRecord, {} as Entry]
    import '../clerk-stand-in/world.ts' // ✗ no-restricted-imports: tests, the bench and the demo
  `,
  ...Object.fromEntries(
    ['index.ts', 'hono.ts', 'next.ts'].map((file) => [
      file,
      `
      import './api/clerk/identify.ts'
      import './api/routes/auth.ts'
      import 'node:crypto' // ✗ no-restricted-imports: where there is no Node
      import './trail/stores/sqlite.ts' // ✗ no-restricted-imports: choose a store
      import './api/main.ts' // ✗ no-restricted-imports: composition root
      import 'jose' // ✗ no-restricted-imports: Clerk’s SDK and code for tokens
      import './clerk-stand-in/world.ts' // ✗ no-restricted-imports: tests, the bench and the demo
      export const bytes = Buffer.alloc(16) // ✗ no-restricted-globals: where there is no Node
      `,
    ]),
  ),
  'api/environment.ts': `
    import { env } from 'node:process' // ✗ no-restricted-imports: Only api/config.ts reads the environment
    import node from 'node:process' // ✗ no-restricted-imports: Only api/config.ts reads the environment
    const { env: taken } = process // ✗ no-restricted-properties: Only api/config.ts reads the environment
    export const here = process.env['HERE'] // ✗ no-restricted-properties: Only api/config.ts reads the environment
    export const there = globalThis.process // ✗ no-restricted-properties: Only api/config.ts reads the environment
    export const all = [env, node, taken]
    process.exitCode = 1
  `,
  'api/swallowed.ts': `
    export async function end(): Promise<void> {
      try {
        await fetch('https://clerk.example.com')
      } catch {} // ✗ no-empty: empty block
      void end() // ✗ no-floating-promises: must be awaited
      end() // ✗ no-floating-promises: must be awaited
      end().catch(() => {}) // ✗ no-empty-function: empty function
      ;[1].forEach(async () => { // ✗ no-misused-promises: void return was expected
        await end()
      })
      await end()
    }
  `,
  'api/there.ts': `
    import { back } from './back.ts' // ✗ no-cycle: cycle
    export const there = () => back()
  `,
  'api/back.ts': `
    import { there } from './there.ts' // ✗ no-cycle: cycle
    export const back = (): unknown => there()
  `,
  'api/cases.ts': `
    type Record = 'durable' | 'duplicate' | 'logged'
    export function word(record: Record): string {
      switch (record) { // ✗ switch-exhaustiveness-check: "logged"
        case 'durable':
          return 'recorded'
        case 'duplicate':
          return 'recorded before'
      }
      return ''
    }
    export function covered(record: 'durable' | 'logged'): string {
      switch (record) {
        case 'durable':
          return 'recorded'
        case 'logged':
          return 'logged'
      }
    }
    export const loose = (value: any) => value === 1 // ✗ no-explicit-any: any
    export const sure = (value: string | null) => value! // ✗ no-non-null-assertion: non-null
    export const same = (a: string, b: string) => a == b // ✗ eqeqeq: ===
    export const many = (a: 1, b: 1, c: 1, d: 1) => [a, b, c, d] // ✗ max-params: too many parameters
    export default word // ✗ no-default-export: default export
  `,
  'api/probe.test.ts': `
    import 'node:test'
    import 'jose'
    import './main.ts'
    import '../trail/stores/sqlite.ts'
    export const bytes = Buffer.from(process.env['HERE'] ?? '')
    async function act(): Promise<void> {
      await Promise.resolve()
    }
    act() // ✗ no-floating-promises: must be awaited
  `,
}

/** \`file:line\` of the probes, the rule, and what it says. */
interface Complaint {
  at: string
  rule: string
  says: string
}

const expected: Complaint[] = Object.entries(probes).flatMap(([file, code]) =>
  code.split('\n').flatMap((line, index) => {
    const [, rule, says] = /\/\/ ✗ ([a-z-]+): (.+)$/.exec(line) ?? []
    return rule && says ? [{ at: `${file}:${index + 1}`, rule, says }] : []
  }),
)

function lineAt(at: string): string {
  const [file = '', line] = at.split(':')
  const [code = ''] = probes[file]?.split('\n')[Number(line) - 1]?.split(' // ✗') ?? []
  return `${file}: ${code.trim()}`
}

describe('the walls between the rooms', () => {
  let folder: string
  let complaints: Complaint[]

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'arrows-'))
    const tree = join(folder, 'tree')
    for (const [file, code] of Object.entries(probes)) {
      await mkdir(dirname(join(tree, file)), { recursive: true })
      await writeFile(join(tree, file), code)
    }
    await cp(join(repository, 'oxlint.config.ts'), join(tree, 'oxlint.config.ts'))
    await cp(join(repository, 'tsconfig.json'), join(tree, 'tsconfig.json'))
    // Beside the tree and not in it: the linter would read it.
    await symlink(join(repository, 'node_modules'), join(folder, 'node_modules'))
    complaints = await lint(tree)
  })

  after(() => rm(folder, { recursive: true }))

  for (const { at, rule, says } of expected) {
    it(`refuses ${lineAt(at)}`, () => {
      const here = complaints.filter((complaint) => complaint.at === at)
      assert.ok(
        here.some((complaint) => complaint.rule === rule && complaint.says.includes(says)),
        `${rule} should say “${says}” of it, but of it is said: ${JSON.stringify(here)}`,
      )
    })
  }

  it('lets everything else through', () => {
    const marked = new Set(expected.map(({ at, rule }) => `${at} ${rule}`))
    const unmarked = complaints.filter(({ at, rule }) => !marked.has(`${at} ${rule}`))
    assert.deepEqual(unmarked, [])
  })
})

describe('the rooms', () => {
  it('have walls that are all run against above', () => {
    const untried = rooms.flatMap(({ files, walls }) => {
      const tried = expected.filter(({ at }) => roomOf(at.split(':')[0] ?? '')?.files === files)
      return walls
        .filter(({ message }) => !tried.some(({ says }) => message.includes(says)))
        .map(({ message }) => `${files.join()}: ${message}`)
    })
    assert.deepEqual(untried, [])
  })

  it('hold every file of the tree', async () => {
    const outside = (await sources()).filter((file) => !roomOf(file))
    assert.deepEqual(outside, [], 'These may import anything: oxlint.config.ts has no room for them.')
  })

  it('keep Node out of every file of rung 1', async () => {
    const { metafile } = await build({
      absWorkingDir: repository,
      entryPoints: ['index.ts', 'hono.ts', 'next.ts'],
      outdir: 'nowhere',
      bundle: true,
      write: false,
      metafile: true,
    })
    const bundled = Object.keys(metafile.inputs).filter((file) => !file.includes('node_modules/'))
    const open = bundled.filter((file) => !roomOf(file)?.walls.some(({ regex }) => regex === '^node:'))
    assert.ok(bundled.length > 10)
    assert.deepEqual(open, [], 'These are bundled into rung 1, and may import node: modules.')
  })
})

async function lint(folder: string): Promise<Complaint[]> {
  const oxlint = join(repository, 'node_modules/oxlint/bin/oxlint')
  const output = await new Promise<string>((resolve, reject) => {
    execFile(
      process.execPath,
      // The probes import and do nothing with it.
      [oxlint, '--type-aware', '--format=json', '--allow=import/no-unassigned-import'],
      { cwd: folder, maxBuffer: 1e8 },
      (error, stdout, stderr) => {
        // It has complaints, so it must end with exit code 1.
        if (error?.code === 1) resolve(stdout)
        else reject(new Error(`oxlint ended with ${error?.code ?? 0}: ${stdout}${stderr}`))
      },
    )
  })
  const { diagnostics } = JSON.parse(output) as { diagnostics: Diagnostic[] }
  return diagnostics.map(({ filename, labels, code, message, help = '' }) => ({
    at: `${filename}:${labels[0]?.span.line}`,
    rule: /\((.+)\)/.exec(code)?.[1] ?? code,
    says: `${message} ${help}`.replaceAll('`', ''),
  }))
}

/** As oxlint prints it. */
interface Diagnostic {
  filename: string
  code: string
  message: string
  help?: string
  labels: { span: { line: number } }[]
}

/** Code that is no part of what runs: it may import what it likes. */
const OUTSIDE = [
  '*.config.ts',
  'build.ts',
  'docs/*.ts',
  '**/*.{test,slow}.ts',
  'test/**',
  'bench/**',
  'examples/**',
]

/** Every TypeScript file of the repository that the walls are for. */
async function sources(): Promise<string[]> {
  const files: string[] = []
  for (const entry of await readdir(repository, { withFileTypes: true })) {
    if (entry.isFile()) files.push(entry.name)
    else if (!['node_modules', 'dist', 'data'].includes(entry.name) && !entry.name.startsWith('.')) {
      const below = await readdir(join(repository, entry.name), { recursive: true })
      files.push(...below.map((file) => join(entry.name, file)))
    }
  }
  return files.filter(
    (file) =>
      /\.[cm]?tsx?$/.test(file) &&
      // What an example installs, and what its build wrote.
      !/(^|\/)(node_modules|\.[^/]+)\//.test(file) &&
      !OUTSIDE.some((glob) => matchesGlob(file, glob)),
  )
}

interface Room {
  files: string[]
  walls: { regex: string; message: string }[]
}

const rooms: Room[] = (config.overrides ?? []).flatMap(({ files, rules }) => {
  const [, options] = [rules?.['no-restricted-imports']].flat()
  return isWalled(options) ? [{ files, walls: options.patterns }] : []
})

function isWalled(options: unknown): options is { patterns: Room['walls'] } {
  return typeof options === 'object' && options !== null && 'patterns' in options
}

/** The last that names a file is the one that counts. */
function roomOf(file: string): Room | undefined {
  return rooms.findLast(({ files }) => files.some((glob) => matchesGlob(file, glob)))
}
