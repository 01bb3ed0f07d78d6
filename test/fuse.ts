/**
 * A fuse on the writing connection of a trail: it counts the steps of SQLite and burns at one of them, as if the
 * program, or the machine, stopped there.
 *
 * A step is the moment before each statement. A statement that leaves no transaction open has two more: while it is
 * written to the disk, and after it, when its caller has not heard of it yet.
 *
 * Known gap: SQLite is watched from outside, statement by statement. That a COMMIT is synced is what `PRAGMA
 * synchronous` says of the connection; no disk is asked.
 */
import { DatabaseSync, StatementSync } from 'node:sqlite'
import {
  chanceFrom,
  EMPTY_DISK,
  imageOf,
  torn,
  writeImage,
  type Chance,
  type DiskImage,
} from './disk-image.ts'

/** Of a thread whose fuse burnt. */
export const BURNT_EXIT_CODE = 77

/** `thread`: its connection closes. `kill`: what was written stays. `power`: of what was not synced, anything may go. */
export type Ending = 'thread' | 'kill' | 'power'

export interface FuseSettings {
  /** The trail whose connection is counted. */
  path: string
  /** How many steps it lasts. */
  steps: number
  ending: Ending
  /** Where the files go as the crash leaves them (`kill` and `power`): the trail of the next life. */
  image: string
  /** Decides what is left of what was being written. */
  seed: number
  /** SQLite brings the log into the file when it has so many pages: small, so that it happens in a small trail. */
  checkpointPages: number
}

type Moment = 'before' | 'during' | 'after'

interface Call {
  db: DatabaseSync
  sql: string
  run: () => unknown
}

const FULL = 2

export class Fuse {
  readonly #settings: FuseSettings
  readonly #end: () => never
  readonly #chance: Chance
  #stepsLeft: number
  /** What survives the loss of power. */
  #synced: DiskImage = EMPTY_DISK

  /** `end` ends whoever runs, and does not return. */
  constructor(settings: FuseSettings, end: () => never) {
    this.#settings = settings
    this.#end = end
    this.#stepsLeft = settings.steps
    this.#chance = chanceFrom(settings.seed)
    this.#synced = imageOf(settings.path)
  }

  isFor(db: DatabaseSync): boolean {
    return db.location() === this.#settings.path
  }

  /** Runs the statement, if the fuse lasts that long. */
  watch({ db, sql, run }: Call): unknown {
    const before = imageOf(this.#settings.path)
    this.#step('before', before)
    const value = run()
    if (sql.includes('journal_mode'))
      unwatched(() => db.exec(`PRAGMA wal_autocheckpoint = ${this.#settings.checkpointPages}`))
    if (!db.isTransaction) {
      this.#step('during', before)
      if (isSynced(db)) this.#synced = imageOf(this.#settings.path)
      this.#step('after', before)
    }
    return value
  }

  /** Writes what a crash at this moment leaves, by default between two requests. */
  leaveImage(moment: Moment = 'after', before: DiskImage = this.#synced): void {
    const { path, image, ending } = this.#settings
    if (ending === 'thread') return
    const now = imageOf(path)
    const chance = this.#chance
    if (ending === 'power') writeImage(image, torn(this.#synced, now, { tear: 'any-sectors', chance }))
    else if (moment === 'during') writeImage(image, torn(before, now, { tear: 'in-order', chance }))
    else writeImage(image, now)
  }

  #step(moment: Moment, before: DiskImage): void {
    this.#stepsLeft -= 1
    if (this.#stepsLeft >= 0) return
    lit = null
    this.leaveImage(moment, before)
    this.#end()
  }
}

let lit: Fuse | null = null

/** From now on this fuse is the one that counts; null: none. */
export function light(fuse: Fuse | null): void {
  lit = fuse
}

function isSynced(db: DatabaseSync): boolean {
  return unwatched(() => Number(db.prepare('PRAGMA synchronous').get()?.['synchronous']) >= FULL)
}

function unwatched<T>(run: () => T): T {
  const fuse = lit
  lit = null
  try {
    return run()
  } finally {
    lit = fuse
  }
}

function watched(db: DatabaseSync | undefined, sql: string, run: () => unknown): unknown {
  return db && lit?.isFor(db) ? lit.watch({ db, sql, run }) : run()
}

const connections = new WeakMap<StatementSync, DatabaseSync>()
type Method = (this: unknown, ...args: unknown[]) => unknown

/** Puts a method around that of Node. */
function around<T extends object>(prototype: T, name: keyof T, wrap: (self: T, run: Run) => unknown): void {
  const original = prototype[name] as Method
  const wrapped: Method = function (...args) {
    return wrap(this as T, { args, run: () => original.apply(this, args) })
  }
  Reflect.set(prototype, name, wrapped)
}

interface Run {
  args: unknown[]
  run: () => unknown
}

around(DatabaseSync.prototype, 'exec', (db, { args, run }) => watched(db, String(args[0]), run))
around(DatabaseSync.prototype, 'prepare', (db, { run }) => {
  const statement = run() as StatementSync
  connections.set(statement, db)
  return statement
})
for (const name of ['get', 'run', 'all'] as const) {
  around(StatementSync.prototype, name, (statement, { run }) =>
    watched(connections.get(statement), statement.sourceSQL, run),
  )
}
