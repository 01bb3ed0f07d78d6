/**
 * Standard output: the log of logouts and the operator's log, one JSON object a line.
 *
 * Writing never waits. What cannot be written at once is kept, up to a bound; beyond it lines are dropped and
 * counted. An output that is gone (a closed pipe) costs the lines, never the service.
 */
import { pino, type Logger } from 'pino'
import type { LogLevel } from './config.ts'

export interface Logs {
  /** For operators. `LOG_LEVEL` decides what is written. */
  logger: Logger
  /** Writes one object as one line, whatever the level. */
  writeLine: (line: object) => void
  /** How many lines could not be written since the start. */
  dropped: () => number
  /** Writes what is kept, waiting for it; for the end of the process. */
  flush: () => void
}

const KEPT_BYTES = 4 * 1024 * 1024

export function openLogs(level: LogLevel, fileDescriptor = 1): Logs {
  const output = pino.destination({ dest: fileDescriptor, sync: false, maxLength: KEPT_BYTES })
  let dropped = 0
  output.on('drop', () => (dropped += 1))
  output.on('error', () => (dropped += 1))
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    output,
  )
  return {
    logger,
    writeLine: (line) => void output.write(`${JSON.stringify(line)}\n`),
    dropped: () => dropped,
    flush: () => output.flushSync(),
  }
}
