import { readDatabase } from '../api/config.ts'
import { databaseOf, nameOf, type Database } from '../api/database.ts'
import { copyToPostgres } from '../trail/stores/copy.ts'
import { holdLock } from '../trail/stores/sqlite-lock.ts'
import { openSqliteReader } from '../trail/stores/sqlite-reader.ts'
import { commandOf } from './command.ts'
import { progress } from './progress.ts'
import { UsageError } from './strict.ts'
import { sayOut } from './write-out.ts'

export const copyCommand = commandOf({
  name: 'copy',
  summary: 'Move a trail from a file into PostgreSQL.',
  more: 'While the service is stopped. Entries keep their indexes, and repeats are still known. When it is stopped in between, run it again: it goes on where it was, also when a service has used the file meanwhile. At the end both sides are read and compared. The session records are made anew by the service.',
  args: {
    from: {
      type: 'string',
      required: true,
      valueHint: 'file:…',
      description: 'The trail, as in DATABASE_URL.',
    },
    to: {
      type: 'string',
      valueHint: 'postgres://…',
      description:
        'Where it goes: an empty database, or one that this copy has begun. Without it that of DATABASE_URL, which keeps the password out of the list of processes.',
    },
  },
  hint: 'copy takes --from file:<path> and --to postgres://….',
  exitCodes: {
    0: 'The copy is whole, and the same.',
    1: 'It is not, and the message says why; or the output was closed or full.',
  },
  examples: [
    {
      line: 'logout-trail copy --from file:data/trail.db --to postgres://localhost/trail',
      does: 'Then start the service with DATABASE_URL=postgres://localhost/trail.',
    },
  ],
  run: ({ from, to }) => copy(fileOf(String(from)), postgresOf(typeof to === 'string' ? to : null)),
})

function fileOf(url: string): string {
  const database = databaseOf(url)
  if (database?.engine === 'sqlite') return database.path
  throw new UsageError('--from is not a file; use file:<path>, for example file:data/trail.db.')
}

function postgresOf(url: string | null): Database & { engine: 'postgres' } {
  const database = url === null ? readDatabase() : databaseOf(url)
  if (database?.engine === 'postgres') return database
  const instead = 'a file is copied to another by logout-trail backup'
  throw new UsageError(
    url === null
      ? `--to is missing, and DATABASE_URL is not a PostgreSQL; use --to postgres://<user>@<host>/<database> (${instead}).`
      : `--to is not a PostgreSQL; use postgres://<user>@<host>/<database> (${instead}).`,
  )
}

async function copy(path: string, to: Database & { engine: 'postgres' }): Promise<void> {
  // Nothing is begun where there is no trail.
  openSqliteReader(path).close()
  using _ = holdLock(path)
  const startedAt = performance.now()
  const bars = { copied: progress('rows copied'), compared: progress('rows compared') }
  const { entries, hash, trailId, issuer, was, fsync } = await copyToPostgres({
    from: path,
    to: to.url,
    onProgress: (what, done, of) => bars[what](done, of),
  })
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  const name = nameOf(to)
  await sayOut(
    `${name}: ${entries} entries of trail ${trailId} of ${issuer}, ${was === 'already' ? 'there already' : 'copied'}, in ${seconds} s`,
  )
  await sayOut(`SHA-256 of both sides: ${hash}`)
  if (fsync === 'off')
    console.error(
      `Warning: ${name} runs with fsync=off: the copy is lost when its machine fails before it is on the disk. Set fsync=on, and keep the file until then.`,
    )
  await sayOut(
    'Start the service with this DATABASE_URL: it makes the session records anew. Keep the file until you are sure.',
  )
}
