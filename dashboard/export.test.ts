import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { curlOf, takeExport } from './export.ts'

const TRAILER = '{"trailer":{"count":1}}\n'
const CSV_END = '"# complete: 1 records, first sess_1, last sess_1, start 1/2, end 1/2",,,\r\n'

function answer(text: string): Response {
  return new Response(text, {
    headers: {
      'Content-Type': 'application/x-ndjson',
      'Content-Disposition': 'attachment; filename="sessions-2026-11-25T120000Z.ndjson"',
    },
  })
}

describe('an export', () => {
  for (const text of [
    `{"session_id":"sess_1"}\n${TRAILER}`,
    TRAILER,
    `session_id,a\r\nsess_1,b\r\n${CSV_END}`,
  ]) {
    it(`is whole with its last line: ${JSON.stringify(text.slice(0, 30))} …`, async () => {
      const taken = await takeExport(answer(text))

      assert.ok(taken.is === 'whole')
      assert.equal(await taken.blob.text(), text)
      assert.equal(taken.name, 'sessions-2026-11-25T120000Z.ndjson')
    })
  }

  it('without its last line is broken off', async () => {
    for (const text of [
      '',
      '{"session_id":"sess_1"}\n',
      TRAILER.slice(0, -1),
      `${TRAILER}{"session_id":"s"}\n`,
    ]) {
      assert.deepEqual(await takeExport(answer(text)), { is: 'broken-off' }, JSON.stringify(text))
    }
  })

  it('that is too large is read no further', async () => {
    let pieces = 0
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pieces += 1
          controller.enqueue(new Uint8Array(1000))
        },
      },
      { highWaterMark: 0 },
    )

    assert.deepEqual(await takeExport(new Response(body), 5000), { is: 'too-large' })
    assert.equal(pieces, 6)
  })
})

describe('the command for a shell', () => {
  it('has the filter, and no key', () => {
    assert.equal(
      curlOf('https://a.example/v1/exports/sessions?format=csv&q=org_1', 'sessions.csv'),
      `curl -fsS 'https://a.example/v1/exports/sessions?format=csv&q=org_1' -H "Authorization: Bearer $READER_KEY" -o sessions.csv`,
    )
  })

  it('lets nothing of an address out of its quotes', () => {
    assert.ok(curlOf(`x'; rm -rf ~; '`, 'f').startsWith(`curl -fsS 'x'\\''; rm -rf ~; '\\''' -H`))
  })
})
