/** The session records beside the trail of `DATABASE_URL`, to read, also while the service runs. */
import { readTrailPath } from '../api/config.ts'
import { readsOf, type Reads } from '../api/reads.ts'
import { readingOf, type Reading } from '../session-ends/reading.ts'
import { ViewsReader } from '../session-ends/views-reader.ts'
import { viewsPathOf } from '../session-ends/views-schema.ts'
import { openSqliteReader } from '../trail/stores/sqlite-reader.ts'

export interface Records {
  reading: Reading
  reads: Reads
}

/** Says on standard error when the records are behind the trail. */
export async function withRecords(use: (records: Records) => Promise<void>): Promise<void> {
  const path = readTrailPath()
  const trail = openSqliteReader(path)
  const views = new ViewsReader(viewsPathOf(path))
  try {
    const behind = (await trail.head()).nextIndex - (views.position()?.nextIndex ?? 0)
    if (behind > 0)
      console.error(
        `${behind} entries are not in the records yet; the running service, or rebuild, adds them.`,
      )
    const reading = readingOf(views, trail)
    await use({ reading, reads: readsOf(reading) })
  } finally {
    views.close()
    trail.close()
  }
}
