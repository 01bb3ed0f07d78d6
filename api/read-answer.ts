/** What every answer to a reader has: where it stands in the trail, and that nobody may keep it. */
import type { ReadPosition } from '../session-ends/reading.ts'

/** `<epoch>/<index>`: up to which entry it is known; index -1 when there is none. */
export function positionText({ epoch, index }: ReadPosition): string {
  return `${epoch}/${index}`
}

export function readHeaders(position: ReadPosition): Record<string, string> {
  return { 'Cache-Control': 'no-store', 'Trail-Position': positionText(position) }
}

export function answered(position: ReadPosition, json: string): Response {
  return new Response(json, { headers: { 'Content-Type': 'application/json', ...readHeaders(position) } })
}
