/** Trails in files, for tests: each in a folder of its own that is gone when the test ends. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext } from 'node:test'
import type { TrailStore } from '../trail/store.ts'
import { ISSUER, logout, NOON } from '../trail/stores/conformance.ts'
import { openSqliteStore, type SqliteStoreOptions } from '../trail/stores/sqlite.ts'

export function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'trail-sqlite-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

export function newPath(t: TestContext): string {
  return join(newFolder(t), 'trail.db')
}

/** Opens a store that is closed when the test ends. */
export async function open(
  t: TestContext,
  path: string,
  options: Partial<SqliteStoreOptions> = {},
): Promise<TrailStore> {
  const store = await openSqliteStore({ path, issuer: ISSUER, ...options })
  t.after(() => store.close())
  return store
}

/** Uses the file as another program would. */
export function inFile<T>(path: string, use: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(path)
  try {
    return use(db)
  } finally {
    db.close()
  }
}
/** Runs a module in a process of its own, which is gone when the test ends. */
export function run(t: TestContext, code: string) {
  const file = join(newFolder(t), 'child.mjs')
  writeFileSync(file, code)
  const args = ['--disable-warning=MODULE_TYPELESS_PACKAGE_JSON', file]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  const kill = async () => {
    child.kill('SIGKILL')
    await ended
  }
  t.after(kill)
  return { lines: createInterface(child.stdout), kill, signal: (name: NodeJS.Signals) => child.kill(name) }
}

export async function makeTrail(path: string, sql = ''): Promise<void> {
  const store = await openSqliteStore({ path, issuer: ISSUER })
  await store.append(
    Array.from({ length: 100 }, (_, n) => logout(n)),
    NOON,
  )
  await store.close()
  inFile(path, (db) => db.exec(sql))
}
