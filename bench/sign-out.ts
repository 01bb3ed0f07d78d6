/**
 * `npm run bench:sign-out`: does a logout with the report take longer than `signOut()` alone? Real clerk-js in a page, from
 * the call to the end of the sign-out, which comes with the landing; interleaved in one run, each time on a new page and a
 * new site.
 *
 * Give the number of rounds, 100 if none is given: `npm run bench:sign-out -- 300`.
 */
import { logout } from '../react/logout.ts'
import { openSignedIn, type Page } from '../test/page.ts'
import type { Backend } from '../test/site.ts'
import { quantile } from './statistics.ts'

interface Target {
  name: string
  backend: Backend
  signOut: (page: Page) => Promise<void>
  ms: number[]
}

const alone: Target['signOut'] = ({ clerk }) => clerk.signOut({ redirectUrl: '/sign-in' })
const ours: Target['signOut'] = ({ clerk }) => logout({ clerk })

const targets: Target[] = [
  { name: 'signOut() alone', backend: 'up', signOut: alone, ms: [] },
  { name: 'logout(), API up', backend: 'up', signOut: ours, ms: [] },
  { name: 'logout(), API never answers', backend: 'never', signOut: ours, ms: [] },
  { name: 'logout(), API down', backend: 'down', signOut: ours, ms: [] },
]

const rounds = Number(process.argv[2] ?? 100)
if (!Number.isInteger(rounds) || rounds < 5) {
  console.error(`The number of rounds must be a whole number of at least 5, and not ${process.argv[2]}.`)
  process.exit(1)
}
// What cannot be reported is a warning each; here that is meant.
console.warn = () => undefined

for (let round = 0; round <= rounds; round += 1) {
  if (process.stderr.isTTY) process.stderr.write(`\rround ${round} of ${rounds}`)
  for (let at = 0; at < targets.length; at += 1) {
    // Each target is first, second, … equally often.
    const target = targets[(at + round) % targets.length]
    if (!target) continue
    const ms = await measure(target)
    // The first round warms up.
    if (round > 0) target.ms.push(ms)
  }
}
if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')

const [base] = targets
console.log(`${rounds} rounds, from the call to the landing, ms:\n`)
console.log(`${'target'.padEnd(30)}    p25  median    p75   more than alone`)
for (const { name, ms } of targets) {
  const quartiles = [0.25, 0.5, 0.75].map((part) => quantile(ms, part).toFixed(2).padStart(7))
  const more = quantile(ms, 0.5) - quantile(base?.ms ?? [], 0.5)
  console.log(`${name.padEnd(30)}${quartiles.join('')}${more.toFixed(2).padStart(18)}`)
}

async function measure({ backend, signOut }: Target): Promise<number> {
  await using opened = await openSignedIn('user_1')
  opened.site.backend = backend
  const from = performance.now()
  await signOut(opened.page)
  const taken = performance.now() - from
  if (opened.page.landings.length !== 1) throw new Error('A sign-out did not land: its time says nothing.')
  return taken
}
