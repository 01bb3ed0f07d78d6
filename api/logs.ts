/**
 * Standard output: the log of logouts and the operator's log, one JSON object a line.
 *
 * Writing never waits. What cannot be written at once is kept, up to a bound; beyond it lines are dropped and
 * counted. An output that is gone (a closed pipe) costs the lines, never the service.
 */
import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { pino, type Logger } from 'pino'
import sonicBoom from 'sonic-boom'
import type { LogLevel } from './config.ts'

export interface Logs {
  /** For operators. `LOG_LEVEL` decides what is written. */
  logger: Logger
  /** Writes one object as one line, whatever the level. */
  writeLine: (line: object) => void
  /** Writes text for a person. */
  print: (text: string) => void
  /** How many lines could not be written since the start. */
  dropped: () => number
  /** Says this at once, before what is kept; for a process that ends in the next instant. */
  lastWords: (message: string) => void
  /** Says this, and waits until all that is kept is written, or for a second. */
  close: (message: string) => Promise<void>
}

const KEPT_BYTES = 4 * 1024 * 1024
const CLOSE_TIMEOUT_MS = 1000

export function openLogs(level: LogLevel, fileDescriptor = 1): Logs {
  const output = new sonicBoom.SonicBoom({ fd: fileDescriptor, sync: false, maxLength: KEPT_BYTES })
  let dropped = 0
  let writing = false
  let unsent = ''
  const countDropped = () => {
    dropped += 1
  }
  const countDroppedLines = (text: string) => {
    dropped += text.split('\n').length - 1
  }
  const ended = () => {
    writing = false
  }
  output.on('drop', countDroppedLines)
  output.on('error', countDropped)
  output.on('error', ended)
  output.on('drain', ended)
  const send = () => {
    if (unsent === '') return
    const text = unsent
    unsent = ''
    writing = true
    output.write(text)
  }
  // The lines of one batch come in the same turn of the event loop: one write for all of them, not one each.
  const write = (text: string) => {
    if (unsent === '') setImmediate(send)
    unsent += text
  }
  // Handed a function, not the output itself: pino would flush it synchronously, which on a closed pipe never ends.
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  )

  function lastWords(message: string): void {
    const line = { level: 'error', timestamp: new Date().toISOString(), msg: message }
    try {
      writeSync(fileDescriptor, `${JSON.stringify(line)}\n`)
    } catch {
      countDropped()
    }
  }

  async function close(message: string): Promise<void> {
    logger.info(message)
    send()
    if (!writing) return
    const timeout = new Promise((resolve) => setTimeout(resolve, CLOSE_TIMEOUT_MS))
    // An error ends the waiting as well; it has been counted.
    await Promise.allSettled([Promise.race([once(output, 'drain'), timeout])])
  }

  return {
    logger,
    writeLine: (line) => write(`${JSON.stringify(line)}\n`),
    print: (text) => write(`${text}\n`),
    dropped: () => dropped,
    lastWords,
    close,
  }
}
