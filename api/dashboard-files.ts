/** The dashboard as it was built: a page and what it is made of, read once, also packed for the way. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { gzipSync } from 'node:zlib'

export interface DashboardFiles {
  /** The HTML of every page of it. */
  page: DashboardFile
  /** By name; the name holds a hash of the content. */
  assets: ReadonlyMap<string, DashboardFile>
}

export interface DashboardFile {
  contentType: string
  body: Uint8Array<ArrayBuffer>
  gzipped: Uint8Array<ArrayBuffer>
}

/** Beside the compiled service, or where `npm run build` puts it when the service runs from its sources. */
const FOLDER = join(
  import.meta.dirname,
  import.meta.filename.endsWith('.ts') ? '../dist/dashboard' : '../dashboard',
)

const contentTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** Null when it was not built. */
export function readDashboard(folder = FOLDER): DashboardFiles | null {
  if (!existsSync(join(folder, 'index.html'))) return null
  const assets = readdirSync(join(folder, 'assets')).map(
    (name) => [name, fileOf(join(folder, 'assets', name))] as const,
  )
  return { page: fileOf(join(folder, 'index.html')), assets: new Map(assets) }
}

function fileOf(path: string): DashboardFile {
  const body = new Uint8Array(readFileSync(path))
  const contentType = contentTypes[extname(path)] ?? 'application/octet-stream'
  return { contentType, body, gzipped: new Uint8Array(gzipSync(body)) }
}
