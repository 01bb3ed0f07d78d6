import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EventParser } from './event-stream.ts'

const TEXT =
  ': beat\n\nid: 7\nevent: entry\ndata: {"index":7}\n\nid: 8\r\nevent: entry\r\ndata: {"é":1}\r\ndata: more\r\n\r\ndata:x\n\n'
const EVENTS = [
  { type: 'entry', data: '{"index":7}', id: '7' },
  { type: 'entry', data: '{"é":1}\nmore', id: '8' },
  { type: 'message', data: 'x', id: '8' },
]

function parsed(pieces: readonly string[]) {
  const parser = new EventParser()
  return pieces.flatMap((piece) => parser.push(piece))
}

describe('Server-Sent Events', () => {
  it('are read with their types, their lines and the last id', () => {
    assert.deepEqual(parsed([TEXT]), EVENTS)
  })

  it('are the same wherever the text is cut', () => {
    for (let cut = 0; cut <= TEXT.length; cut += 1) {
      assert.deepEqual(parsed([TEXT.slice(0, cut), TEXT.slice(cut)]), EVENTS, `cut at ${cut}`)
    }
    assert.deepEqual(parsed(TEXT.split('')), EVENTS)
  })

  it('come when they are whole, and not before', () => {
    const parser = new EventParser()

    assert.deepEqual(parser.push('id: 1\ndata: a\n'), [])
    assert.deepEqual(parser.push('\n'), [{ type: 'message', data: 'a', id: '1' }])
  })

  it('without data are none, but their id counts', () => {
    assert.deepEqual(parsed(['id: 5\n\n', 'data: a\n\n']), [{ type: 'message', data: 'a', id: '5' }])
  })

  it('have no id with a zero in it, and fields that nobody knows are left out', () => {
    assert.deepEqual(parsed(['id: 1\n', 'id: 2\0\n', 'colour: red\n', 'data\n', '\n']), [
      { type: 'message', data: '', id: '1' },
    ])
  })
})
