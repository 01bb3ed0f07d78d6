/**
 * `npm run build`: what the package ships, made from nothing into `dist/`: JavaScript, and types beside it. It is
 * there whole, or not at all. `npm pack` and `npm publish` run this first (`prepack`).
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

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

/** Holds what was compiled to what package.json promises. */
function check(files: readonly string[]): void {
  const { bin, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
  const bins = Object.values(bin)
  const entries = Object.values(exports).flatMap((entry) =>
    typeof entry === 'string' ? [entry] : Object.values(entry),
  )
  const missing = [...bins, ...entries].filter((path) => !existsSync(join(root, path)))
  if (missing.length > 0) stop(`package.json names what was not built: ${missing.join(', ')}.`)
  const tests = files.filter((file) => /\.(test|slow)\.|conformance/.test(file))
  if (tests.length > 0) stop(`tests do not belong in the package: ${tests.join(', ')}.`)
  for (const path of bins) chmodSync(join(root, path), 0o755)
}

function stop(why: string): never {
  rmSync(dist, { recursive: true, force: true })
  console.error(`Nothing was built: ${why}`)
  process.exit(1)
}

compile()
const files = readdirSync(dist, { recursive: true, encoding: 'utf8' })
check(files)
console.log(`dist/: ${files.filter((file) => file.endsWith('.js')).length} modules and their types.`)
