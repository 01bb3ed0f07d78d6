import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fine, info, warning, wrong } from './check.ts'
import { textOf } from './print.ts'

const checks = [
  { name: 'keys', ...fine('1 key') },
  {
    name: 'authorized parties',
    ...warning('any', 'Set CLERK_AUTHORIZED_PARTIES to the origins of your front ends.'),
  },
  { name: 'configuration', ...wrong('2 problems', 'PORT: x is not a port.\nHOST: y is not a host.') },
  { name: 'trail', ...info('twelve words that do not fit into the room of one line here') },
]

describe('the text of the checks', () => {
  it('has a line for each with a mark, what to do below it, and a sum', () => {
    assert.equal(
      textOf(checks, { columns: 60, paint: (_, text) => text }),
      `✔ keys                1 key
! authorized parties  any
                      → Set CLERK_AUTHORIZED_PARTIES to the
                        origins of your front ends.
✖ configuration       2 problems
                      → PORT: x is not a port.
                      → HOST: y is not a host.
· trail               twelve words that do not fit into the
                      room of one line here

4 checks: 1 wrong, 1 warning, 1 fine, 1 to know.`,
    )
  })

  it('keeps a word that is longer than a line whole, so that it can be copied', () => {
    const path = `/srv/${'long/'.repeat(20)}trail.db`
    const text = textOf([{ name: 'trail', ...fine(`none at ${path}`) }], {
      columns: 60,
      paint: (_, part) => part,
    })
    assert.ok(text.includes(path))
  })

  it('colours marks and fixes only', () => {
    const text = textOf(checks.slice(0, 2), { columns: 100, paint: (state, part) => `<${state}:${part}>` })
    assert.match(
      text,
      /^<fine:✔> keys {16}1 key\n<warning:!> authorized parties {2}any\n {22}<warning:→ Set /,
    )
  })
})
