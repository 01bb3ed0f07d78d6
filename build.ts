/**
 * `npm run build`: what the package ships, made from nothing into `dist/`: JavaScript, types beside it, and the dashboard. It
 * is there whole, or not at all. `npm pack` and `npm publish` run this first (`prepack`).
 *
 * `node build.ts dashboard`: the dashboard alone, and only when it is missing or older than what it is made of. `npm start`
 * runs this first.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

interface Manifest {
  bin: Record<string, string>
  exports: Record<string, string | Record<string, string>>
}

const root = import.meta.dirname
const dist = join(root, 'dist')

function compile(): void {
  rmSync(dist, { recursive: true, force: true })
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const run = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
  if (run.error) throw run.error
  if (run.status !== 0) stop('the compiler found errors.')
}

const dashboard = join(dist, 'dashboard')

async function buildDashboard(): Promise<void> {
  // Only who builds it waits for this.
  const { build } = await import('vite')
  await build({
    configFile: false,
    root: join(root, 'dashboard'),
    base: '/dashboard/',
    logLevel: 'warn',
    oxc: { jsx: { runtime: 'automatic' } },
    build: {
      outDir: dashboard,
      emptyOutDir: true,
      target: 'es2023',
      modulePreload: { polyfill: false },
      // The policy of the page allows files, and nothing inside of others.
      assetsInlineLimit: 0,
      license: { fileName: 'licenses.md' },
    },
  })
  const assets = readdirSync(join(dashboard, 'assets')).filter((name) => name.endsWith('.js'))
  const bytes = assets.map((name) => gzipSync(readFileSync(join(dashboard, 'assets', name))).length)
  const sum = bytes.reduce((total, one) => total + one, 0)
  console.log(`dist/dashboard/: ${Math.round(sum / 1000)} kB of script, packed.`)
}

function dashboardIsOld(): boolean {
  const made = join(dashboard, 'index.html')
  if (!existsSync(made)) return true
  const { mtimeMs } = statSync(made)
  const sources = readdirSync(join(root, 'dashboard')).map((name) => join(root, 'dashboard', name))
  return [...sources, join(root, 'build.ts')].some((path) => statSync(path).mtimeMs > mtimeMs)
}

/** Holds what was compiled to what package.json promises. */
function check(files: readonly string[]): void {
  const { bin, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
  const bins = Object.values(bin)
  const entries = Object.values(exports).flatMap((entry) =>
    typeof entry === 'string' ? [entry] : Object.values(entry),
  )
  const missing = [...bins, ...entries].filter((path) => !existsSync(join(root, path)))
  if (missing.length > 0) stop(`package.json names what was not built: ${missing.join(', ')}.`)
  const tests = files.filter((file) => /\.(test|slow|pg)\.|conformance/.test(file))
  if (tests.length > 0) stop(`tests do not belong in the package: ${tests.join(', ')}.`)
  for (const path of bins) chmodSync(join(root, path), 0o755)
}

function stop(why: string): never {
  rmSync(dist, { recursive: true, force: true })
  console.error(`Nothing was built: ${why}`)
  process.exit(1)
}

async function buildAll(): Promise<void> {
  compile()
  await buildDashboard().catch((error: unknown) => stop(`the dashboard: ${String(error)}`))
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' })
  check(files)
  const modules = files.filter((file) => file.endsWith('.js') && !file.startsWith('dashboard'))
  console.log(`dist/: ${modules.length} modules and their types.`)
}

if (process.argv[2] !== 'dashboard') await buildAll()
else if (dashboardIsOld()) await buildDashboard()
