/** `npm run bench`: see `HELP` in options.ts, and bench/README.md for what was reached. */
import { spawnSync } from 'node:child_process'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { largeTrail } from './large.ts'
import { hasWrk, type Generator } from './load.ts'
import { HELP, readOptions, type BenchOptions } from './options.ts'
import { measurePostgres, measurePostgresReads, type PostgresBench } from './postgres.ts'
import { progress } from './progress.ts'
import { ALONE, tableOf, type Series } from './report.ts'
import { runRound, type RoundOptions } from './round.ts'
import { readsTable } from './reads.ts'
import { startReaders } from './readers.ts'
import { recordsTable } from './records.ts'
import { seededFolders } from './seeded.ts'
import { targets, webhookTargets, type Target } from './targets.ts'
import { tokenFiles, WEBHOOK_SECRET, type TokenFiles } from './tokens.ts'

const ROOT = join(import.meta.dirname, '..')
const BUILT = join(ROOT, 'bench/.built')

interface Bench {
  options: BenchOptions
  tokens: TokenFiles
  generators: Generator[]
}

/** One line of a table: a target, and how its rounds are run. */
interface Line {
  title: string
  target: Target
  /** Asked before each round. */
  round: () => Partial<RoundOptions> | Promise<Partial<RoundOptions>>
  tokens: string
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  if (options === 'help') {
    console.log(HELP)
    return
  }
  build()
  const tokens = await tokenFiles(join(BUILT, 'tokens'), options.tokens)
  const generators: Generator[] = hasWrk() ? ['autocannon', 'wrk'] : ['autocannon']
  const bench = { options, tokens, generators }
  const cores = cpus()
  console.log(
    `${cores.length} cores (${cores[0]?.model ?? 'unknown'}), Node ${process.version}, ${options.rounds} rounds of ${options.seconds} s.`,
  )
  for (const scenario of options.scenarios) await scenarios[scenario](bench)
}

function build(): void {
  const built = spawnSync(process.execPath, ['build.ts'], { cwd: ROOT, encoding: 'utf8' })
  if (built.status !== 0) throw new Error(`npm run build failed:\n${built.stdout}${built.stderr}`)
  const all = [...Object.keys(targets), ...webhookTargets.map(({ name }) => name)]
  const names = all.filter((name) => name !== 'rung-2' && name !== 'webhook-ours')
  buildSync({
    entryPoints: names.map((name) => join(ROOT, `bench/targets/${name}.ts`)),
    outdir: BUILT,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
  })
}

const scenarios: Record<BenchOptions['scenarios'][number], (bench: Bench) => Promise<void>> = {
  saturation: async (bench) => {
    const { distinct } = bench.tokens
    const lines = bench.options.targets.map((name): Line => ({ ...lineOf(targets[name]), tokens: distinct }))
    for (const generator of bench.generators) {
      await measure(bench, {
        title: 'a distinct valid token for each request, 64 connections',
        lines,
        generator,
      })
    }
  },
  steady: async (bench) => {
    const names = bench.options.targets.filter((name) => name !== 'node-http' && name !== 'hono')
    const lines = names.map((name): Line => ({ ...lineOf(targets[name]), tokens: bench.tokens.distinct }))
    await measure(bench, {
      title: `open loop, ${STEADY_RATE} requests a second`,
      lines,
      generator: 'open-loop',
    })
  },
  repeats: (bench) =>
    compareWithNaive(bench, {
      title: 'the same token again and again',
      tokens: bench.tokens.repeated,
      expected: 1,
    }),
  forged: (bench) =>
    compareWithNaive(bench, { title: 'forged signatures only', tokens: bench.tokens.forged, expected: 0 }),
  webhooks: (bench) =>
    measure(bench, {
      title: 'webhooks of Clerk, each of a session of its own, 64 connections',
      lines: webhookTargets.map((target) => ({ ...lineOf(target), tokens: bench.tokens.distinct })),
      generator: 'autocannon',
      webhookSecret: WEBHOOK_SECRET,
    }),
  records: async ({ options }) => {
    console.log(`\n${await recordsTable(options)}`)
  },
  reads: async (bench) => {
    const line = { ...lineOf(targets['rung-2']), tokens: bench.tokens.distinct }
    using seeded = await seededFolders()
    const lines: Line[] = [
      { ...line, title: ALONE, round: () => ({ filled: seeded.next() }) },
      {
        ...line,
        title: 'while four readers read',
        round: () => ({ filled: seeded.next(), beside: startReaders }),
      },
    ]
    await measure(bench, { title: 'logouts while others read', lines, generator: 'autocannon' })
  },
  large: async (bench) => {
    const { entries } = bench.options
    const { folder, renew } = await largeTrail(join(BUILT, 'large'), entries)
    const line = { ...lineOf(targets['rung-2']), tokens: bench.tokens.distinct }
    const lines: Line[] = [
      { ...line, title: 'into an empty trail' },
      {
        ...line,
        title: `into one of ${entries.toLocaleString('en')} entries`,
        // A new trail key before each round: the tokens are new to the trail again.
        round: () => ({ filled: { folder, recorded: renew() } }),
      },
    ]
    await measure(bench, { title: 'a large trail', lines, generator: 'autocannon' })
    console.log(`\n${await readsTable(join(BUILT, 'large-views'), entries)}`)
  },
  postgres: (bench) => measurePostgres(postgresOf(bench)),
  'postgres-reads': (bench) => measurePostgresReads(postgresOf(bench)),
}

function postgresOf(bench: Bench): PostgresBench {
  const { options, generators } = bench
  const { distinct, jwtKey } = bench.tokens
  return {
    options,
    generators,
    place: { built: BUILT, jwtKey },
    tokens: distinct,
    compare: (lines, generator) =>
      measure(bench, {
        title: 'a distinct valid token for each request, 64 connections, SQLite and PostgreSQL',
        lines: lines.map((line) => ({ target: targets['rung-2'], tokens: distinct, ...line })),
        generator,
      }),
  }
}

const STEADY_RATE = 300

function lineOf(target: Target): Line {
  return { title: target.title, target, round: () => ({}), tokens: '' }
}

async function compareWithNaive(
  bench: Bench,
  { title, tokens, expected }: { title: string; tokens: string; expected: number },
): Promise<void> {
  const lines: Line[] = [
    { ...lineOf(targets.naive), tokens },
    { ...lineOf(targets['rung-2']), tokens, round: () => ({ expected: () => expected }) },
  ]
  await measure(bench, { title, lines, generator: 'autocannon' })
}

interface Measured {
  title: string
  lines: Line[]
  generator: Generator
  webhookSecret?: string
}

/** Round by round, each line once in each, in another order each time. */
async function measure(
  { options, tokens }: Bench,
  { title, lines, generator, webhookSecret }: Measured,
): Promise<void> {
  const series: Series[] = lines.map((line) => ({ title: line.title, rounds: [] }))
  for (let round = 0; round < options.rounds; round += 1) {
    for (let turn = 0; turn < lines.length; turn += 1) {
      const at = (turn + round) % lines.length
      const line = lines[at]
      if (!line) continue
      progress(`${title} · ${generator} · round ${round + 1} of ${options.rounds} · ${line.title}`)
      const order = {
        tokens: line.tokens,
        seconds: options.seconds,
        once: line.target.verifies === 'tokens' && line.tokens === tokens.distinct,
        rate: STEADY_RATE,
        webhookSecret,
      }
      const place = { built: BUILT, jwtKey: tokens.jwtKey }
      series[at]?.rounds.push(
        await runRound(line.target, { generator, order, place, ...(await line.round()) }),
      )
    }
  }
  progress('')
  console.log(`\n${title}, ${generator}\n\n${tableOf(series)}`)
}

await main()
