/** Brings the views up to date with the trail. It can be stopped at any point, and goes on where it was. */
import { TrailError } from '../trail/error.ts'
import type { TrailReader } from '../trail/store.ts'
import type { Views } from './views.ts'
import { hashOf } from './views-schema.ts'
import type { Position } from './views-store.ts'

/** Takes what is new, once; gives how many entries that were. */
export async function followOnce(views: Views, trail: TrailReader): Promise<number> {
  const entries = await trail.read(views.position.nextIndex - 1, views.atOnce)
  await views.apply(entries)
  return entries.length
}

/** Takes all that there is now, and not what comes meanwhile; gives how many entries there were at the beginning. `onProgress`: of them so many are done. */
export async function followAll(
  views: Views,
  trail: TrailReader,
  onProgress?: (done: number, of: number) => void,
): Promise<number> {
  const { nextIndex } = await trail.head()
  while (views.position.nextIndex < nextIndex && (await followOnce(views, trail)) > 0)
    onProgress?.(Math.min(views.position.nextIndex, nextIndex), nextIndex)
  return nextIndex
}

/** @throws {TrailError} `trail-rewound` when this is not the trail that the views were made from. */
export async function refuseRewound(position: Position, trail: TrailReader): Promise<void> {
  const head = await trail.head()
  const why = await whyRewound(position, { trail, ...head })
  if (why === null) return
  throw new TrailError(
    'trail-rewound',
    `The session records were made from ${position.nextIndex} entries of trail ${position.trailId}, but ${why}. ` +
      'If you restored a backup on purpose, run: logout-trail rebuild --accept-restore',
  )
}

interface Found {
  trail: TrailReader
  trailId: string
  epoch: number
  nextIndex: number
}

async function whyRewound(
  known: Position,
  { trail, trailId, epoch, nextIndex }: Found,
): Promise<string | null> {
  if (known.trailId !== trailId) return `this is trail ${trailId}`
  if (known.epoch !== epoch) return `its epoch is ${epoch} now, and was ${known.epoch}`
  if (known.nextIndex > nextIndex) return `it has only ${nextIndex}`
  if (known.nextIndex === 0) return null
  const [entry] = await trail.at([known.nextIndex - 1])
  if (entry && hashOf(entry) === known.lastHash) return null
  return `its entry ${known.nextIndex - 1} is another one`
}

/** Of views that know nothing yet. */
export async function beginningOf(trail: TrailReader): Promise<Position> {
  const { trailId, epoch } = await trail.head()
  return { trailId, epoch, nextIndex: 0, lastHash: '', unanswered: null }
}
