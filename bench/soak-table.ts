/** The figures of a soak as they come, and by minute in the end. */
import type { Reading } from './soak-readings.ts'
import { quantile } from './statistics.ts'
import type { Run } from './soak-verdict.ts'

const columns: { title: string; of: (reading: Reading) => string }[] = [
  { title: 'answers/s', of: ({ answers }) => (answers / 10).toFixed(0) },
  { title: 'p50 ms', of: ({ p50Ms }) => p50Ms.toFixed(1) },
  { title: 'p99 ms', of: ({ p99Ms }) => p99Ms.toFixed(1) },
  { title: 'RSS MB', of: ({ rssMb }) => rssMb.toFixed(1) },
  { title: 'heap MB', of: ({ heapMb }) => heapMb.toFixed(1) },
  { title: 'descriptors', of: ({ descriptors }) => String(descriptors) },
  { title: 'threads', of: ({ threads }) => String(threads) },
  { title: 'WAL MiB', of: ({ walBytes }) => (walBytes / 1024 ** 2).toFixed(1) },
  { title: 'pending', of: ({ pendingReports }) => String(pendingReports) },
  { title: 'dropped', of: ({ droppedLines }) => String(droppedLines) },
]

export function printProgress(readings: Reading[]): void {
  const last = readings.at(-1)
  if (!last) return
  const figures = columns.map(({ title, of }) => `${title} ${of(last)}`).join(' · ')
  console.log(`${String(last.atMs / 1000).padStart(5)} s  ${figures}`)
}

/** The medians of each minute; its p99 is that of all its answers. */
export function printTable({ readings, p99OfMinutes }: Run): void {
  if (p99OfMinutes.length === 0) return
  console.log(`\nminute  ${columns.map(({ title }) => title).join('  ')}`)
  p99OfMinutes.forEach((p99Ms, at) => {
    const ofMinute = readings.filter(({ atMs }) => Math.ceil(atMs / 60_000) === at + 1)
    const reading = { ...medians(ofMinute), p99Ms }
    const cells = columns.map(({ title, of }) => of(reading).padStart(title.length))
    console.log(`${String(at + 1).padStart(6)}  ${cells.join('  ')}`)
  })
  console.log()
}

function medians(readings: Reading[]): Reading {
  const [first] = readings
  if (!first) throw new Error('A minute without a reading has no row.')
  const names = Object.keys(first) as (keyof Reading)[]
  return Object.fromEntries(
    names.map((name) => [
      name,
      quantile(
        readings.map((reading) => reading[name]),
        0.5,
      ),
    ]),
  ) as unknown as Reading
}
