/** What the routes read. Behind it are a thread and its SQLite connections, or, in tests and commands, the calling thread. */
import type { Reading } from '../session-ends/reading.ts'
import { exportPart, type ExportPart, type ExportRequest } from './export-text.ts'

export interface Reads extends Reading {
  /** The next part of an export, as text. */
  exportPart: (request: ExportRequest) => Promise<ExportPart>
}

export function withExports(reading: Reading): Reads {
  return { ...reading, exportPart: (request) => exportPart(reading, request) }
}
