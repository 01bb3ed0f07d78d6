/** A whole export in memory, up to a size; above it a command says how to have it. */

export const EXPORT_LIMIT_BYTES = 50_000_000

export type Taken = { is: 'whole'; blob: Blob; name: string } | { is: 'too-large' } | { is: 'broken-off' }

/** An export ends with a line that says that it is whole. */
const LAST_LINE = /(^|\n)(\{"trailer":|"?# complete: )[^\n]*\n$/

export async function takeExport(response: Response, limitBytes = EXPORT_LIMIT_BYTES): Promise<Taken> {
  const pieces: Uint8Array<ArrayBuffer>[] = []
  let bytes = 0
  for await (const piece of response.body ?? []) {
    bytes += piece.byteLength
    // Leaving the loop tells the service to stop.
    if (bytes > limitBytes) return { is: 'too-large' }
    pieces.push(new Uint8Array(piece))
  }
  const blob = new Blob(pieces, { type: response.headers.get('content-type') ?? '' })
  if (!LAST_LINE.test(await blob.slice(-1000).text())) return { is: 'broken-off' }
  const [, name = 'sessions'] =
    /filename="([\w.-]+)"/.exec(response.headers.get('content-disposition') ?? '') ?? []
  return { is: 'whole', blob, name }
}

/** For a shell. The key is the reader's to fill in: it is shown nowhere. */
export function curlOf(url: string, file: string): string {
  return `curl -fsS ${quoted(url)} -H "Authorization: Bearer $READER_KEY" -o ${file}`
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
