/** Reads CSV as RFC 4180 has it, and nothing else: what does not fit throws. */
import assert from 'node:assert/strict'

export function csvRows(text: string): string[][] {
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y
  const rows: string[][] = []
  let row: string[] = []
  while (field.lastIndex < text.length) {
    const at = field.lastIndex
    const found = field.exec(text)
    assert.ok(found, `no CSV at ${at}: ${JSON.stringify(text.slice(at, at + 40))}`)
    const [, quoted, plain = '', end] = found
    row.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    if (end === ',') continue
    rows.push(row)
    row = []
  }
  assert.equal(new Set(rows.map((one) => one.length)).size, 1, 'each row has as many fields')
  return rows
}
