/** Standard output, written so that nobody takes half of it, or none, for all. */
import { writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { messageOf } from '../trail/error.ts'

/** Not all of it could be written; says why, in one line. */
export class OutputError extends Error {
  override readonly name = 'OutputError'
}

/** Whoever read it reads no more, as in `| head`: nobody is there to be told. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed'
}

/**
 * Resolves when the system has taken all of it.
 * @throws {OutputClosed | OutputError}
 */
export async function writeOut(text: string | Uint8Array): Promise<void> {
  const stream: Writable & { fd: number } = process.stdout
  try {
    if (stream instanceof Socket) await writeTo(stream, text)
    // Node's own stream of a file takes the part that the disk has room for as all of it.
    else writeFileSync(stream.fd, Buffer.from(text))
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EPIPE')
      throw new OutputClosed('', { cause })
    throw new OutputError(`Standard output cannot be written: ${messageOf(cause)}`, { cause })
  }
}

/** A line. */
export async function sayOut(line: string): Promise<void> {
  await writeOut(`${line}\n`)
}

function writeTo(stream: Socket, text: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    // A stream tells of an error twice, and ends the process when nobody listens.
    stream.once('error', reject)
    stream.write(text, (error) => {
      if (error) {
        reject(error)
        return
      }
      stream.off('error', reject)
      resolve()
    })
  })
}
