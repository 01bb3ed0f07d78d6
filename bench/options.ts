/** What `npm run bench` is asked for. */
import { parseArgs } from 'node:util'
import { targets, type TargetName } from './targets.ts'

export const scenarioNames = [
  'saturation',
  'steady',
  'repeats',
  'forged',
  'webhooks',
  'records',
  'reads',
  'large',
  'postgres',
  'postgres-reads',
] as const
export type ScenarioName = (typeof scenarioNames)[number]

export interface BenchOptions {
  rounds: number
  seconds: number
  tokens: number
  entries: number
  scenarios: ScenarioName[]
  targets: TargetName[]
  /** Of a PostgreSQL to use; null: the bench starts its own. */
  database: string | null
}

/** They take long. */
const ON_DEMAND: readonly ScenarioName[] = ['large', 'postgres', 'postgres-reads']

export const HELP = `npm run bench [-- options]: how fast the logout is, beside what others would write

  --rounds <n>      interleaved rounds; medians are of these (5)
  --seconds <n>     measured in each round, after one second that is not (3)
  --only <list>     of ${scenarioNames.join(', ')} (all but ${ON_DEMAND.join(', ')})
  --targets <list>  of ${Object.keys(targets).join(', ')} (all; bare Hono and naive are always there)
  --large           also: into a trail that already holds many entries (same as --only … with large)
  --entries <n>     how many that are, and how many session records are read (10000000: about 5 GB for each, made once in
                    bench/.built, then kept; in PostgreSQL about 12 GB, gone when the bench ends)
  --database <url>  for postgres, postgres-reads: this server instead of one that the bench starts (fsync=on, else as PostgreSQL
                    is when it is installed); the role may make databases. What was filled stays, and is used the next time
  --tokens <n>      distinct tokens, kept for later runs (90000: signing them takes about half a minute)
  --help

Latencies are autocannon's, from the client. Requests a second and CPU are wrk's too, when it is installed: it takes
less of the machine, so fast targets are not held back by it.`

/** @throws {Error} naming the option that is wrong. */
export function readOptions(args: string[]): BenchOptions | 'help' {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const { values } = parseArgs({
    args,
    options: {
      rounds: text,
      seconds: text,
      only: text,
      targets: text,
      large: flag,
      entries: text,
      tokens: text,
      database: text,
      help: flag,
    },
  })
  if (values.help) return 'help'
  const asked =
    listOf('--only', values.only, scenarioNames) ?? scenarioNames.filter((name) => !ON_DEMAND.includes(name))
  const named = listOf('--targets', values.targets, Object.keys(targets) as TargetName[])
  const all = Object.keys(targets) as TargetName[]
  return {
    rounds: countOf('--rounds', values.rounds, 5),
    seconds: countOf('--seconds', values.seconds, 3),
    tokens: countOf('--tokens', values.tokens, 90_000),
    entries: countOf('--entries', values.entries, 10_000_000),
    scenarios: values.large ? [...new Set<ScenarioName>([...asked, 'large'])] : asked,
    targets: named ? all.filter((name) => name === 'hono' || name === 'naive' || named.includes(name)) : all,
    database: values.database ?? null,
  }
}

function countOf(name: string, given: string | undefined, otherwise: number): number {
  if (given === undefined) return otherwise
  const count = Number(given)
  if (Number.isInteger(count) && count > 0) return count
  throw new Error(`${name} must be a whole number above 0, and not ${given}.`)
}

function listOf<Name extends string>(
  option: string,
  given: string | undefined,
  known: readonly Name[],
): Name[] | null {
  if (given === undefined) return null
  return given.split(',').map((name) => {
    const found = known.find((one) => one === name)
    if (!found) throw new Error(`${option}: there is no ${name}; there are ${known.join(', ')}.`)
    return found
  })
}
