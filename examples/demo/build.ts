/** What has to be built before the demo can run; what is there and still fits is left alone. */
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Children } from './children.ts'

export const ROOT = join(import.meta.dirname, '../..')
export const EXAMPLE = join(ROOT, 'examples/nextjs')
const PACKED = join(EXAMPLE, '.packed')
const DASHBOARD = join(ROOT, 'dist/dashboard/index.html')
const TARBALL = join(PACKED, 'logout-trail.tgz')

/** What the package is made of. */
const PACKAGE = [
  'api',
  'trail',
  'session-ends',
  'cli',
  'react',
  'dashboard',
  'docs',
  'index.ts',
  'hono.ts',
  'next.ts',
  'build.ts',
  'package.json',
]
const APP = [
  'app',
  'clerk-environment.ts',
  'next.config.ts',
  'package-lock.json',
  'proxy.ts',
  'tsconfig.json',
]

export interface Step {
  says: string
  run: () => Promise<void>
}

/** The steps that are needed now. `env`: what Next bakes in. */
export function missingSteps(children: Children, env: Record<string, string>): Step[] {
  const built = readStamps()
  const packed = contentOf(ROOT, PACKAGE)
  const app = hashOf([packed, contentOf(EXAMPLE, APP), JSON.stringify(env)])
  const lock = hashOf([packed, contentOf(EXAMPLE, ['package.json', 'package-lock.json'])])
  const node = (name: string, args: string[]) => children.run({ name, args, cwd: EXAMPLE, env })
  return [
    {
      says: 'building the dashboard',
      needed: !existsSync(DASHBOARD),
      run: () => children.run({ name: 'the build', args: ['build.ts', 'dashboard'], cwd: ROOT, env: {} }),
    },
    {
      says: 'packing logout-trail, as it would be published',
      needed: built.packed !== packed || !existsSync(TARBALL),
      run: async () => {
        mkdirSync(PACKED, { recursive: true })
        await children.run({
          name: 'npm pack',
          args: [npm(), 'pack', '--pack-destination', PACKED],
          cwd: ROOT,
        })
        const made = readdirSync(PACKED).find((file) => /^logout-trail-.*\.tgz$/.test(file))
        if (!made) throw new Error('npm pack made no package.')
        renameSync(join(PACKED, made), TARBALL)
        stamp({ packed })
      },
    },
    {
      says: 'installing the example app with it',
      needed: built.lock !== lock || !existsSync(join(EXAMPLE, 'node_modules/next')),
      run: async () => {
        await node('npm ci', [npm(), 'ci', '--no-audit', '--no-fund'])
        stamp({ lock })
      },
    },
    {
      says: 'building the example app',
      needed: built.app !== app || !existsSync(join(EXAMPLE, '.next/BUILD_ID')),
      run: async () => {
        await node('next build', [NEXT, 'build'])
        stamp({ app })
      },
    },
  ].flatMap(({ needed, ...step }) => (needed ? [step] : []))
}

export const NEXT = join(EXAMPLE, 'node_modules/next/dist/bin/next')

/** The npm that runs this, so that none has to be on the path. */
function npm(): string {
  const path = process.env['npm_execpath']
  if (!path) throw new Error('Start it with npm, which builds what is missing: npm run demo, or npm run e2e.')
  return path
}

interface Stamps {
  packed?: string
  lock?: string
  app?: string
}

const STAMPS = join(PACKED, 'stamps.json')

function readStamps(): Stamps {
  return existsSync(STAMPS) ? (JSON.parse(readFileSync(STAMPS, 'utf8')) as Stamps) : {}
}

function stamp(done: Stamps): void {
  writeFileSync(STAMPS, JSON.stringify({ ...readStamps(), ...done }))
}

function contentOf(folder: string, names: readonly string[]): string {
  const files = names.flatMap((name) => filesIn(join(folder, name)))
  return hashOf(files.flatMap((file) => [file.slice(folder.length), readFileSync(file)]))
}

function filesIn(path: string): string[] {
  if (!existsSync(path)) return []
  if (statSync(path).isFile()) return [path]
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(path, name))
    .filter((file) => statSync(file).isFile())
    .toSorted()
}

function hashOf(parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part).update('\0')
  return hash.digest('hex')
}
